"""Database connections end with the requests that used them.

Django asks before and after every request, by signal, whether a connection is to be closed. The data plane
uses none, and pays for the question more than for reading its call; so only the requests that get past it
are asked about: `drop_signals` disconnects Django's receivers, `CloseOldConnections` does their work.
"""

from collections.abc import Callable

from django.core import signals
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.db import close_old_connections, reset_queries
from django.http import HttpRequest, HttpResponseBase


def drop_signals() -> None:
    """Nothing of Django's own is asked around every request any more."""
    signals.request_started.disconnect(reset_queries)
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_caches)
    signals.request_finished.disconnect(reset_urlconf)  # there is one, and every request sets it


class CloseOldConnections:
    """Middleware: what a page opened is closed when its response is, streamed ones included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        reset_queries()
        close_old_connections()
        response = self.get_response(request)
        response._resource_closers.append(close_old_connections)  # type: ignore[attr-defined]
        return response
