"""The first middleware: answers the API itself, so that what the admin needs is never entered.

Sessions, CSRF, messages and the rest cost more than a call may. What is under `/v1/` and `/v2/` has views
of its own that authenticate by API key, and no answer there is HTML.
"""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from providers.json_text import indented
from proxy import errors, paths, turns, urls

PLANES = re.compile(r"/+v[12](?:/|$)")

View = Callable[..., HttpResponseBase]

# The routes without variables, found without trying one pattern after the other.
ROUTES: dict[str, View] = {f"/v1/{pattern.pattern}": pattern.callback for pattern in urls.urlpatterns}


class DataPlane:
    """Django middleware; hands everything outside the API to the rest of the chain."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.rest = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return answer(request) if PLANES.match(request.path_info) else self.rest(request)


def answer(request: HttpRequest) -> HttpResponseBase:
    """The API's answer, as it goes to the client."""
    response = found(request)
    response._has_been_logged = True  # type: ignore[attr-defined]  # the record has it; Django would print it
    if errors.TRACE_HEADER not in response:
        response[errors.TRACE_HEADER] = errors.trace_id(request)
    if isinstance(response, HttpResponse):
        whole(request, response)
    if response.status_code >= 400 or request.method != "POST":
        # A view that never waited would keep a busy connection's turn: others go first.
        turns.give()
    return response


def whole(request: HttpRequest, response: HttpResponse) -> None:
    """`?pretty` indents JSON; an answer to HEAD has no body."""
    query = request.META.get("QUERY_STRING")
    if query and "pretty" in query and "pretty" in parse_qs(query, keep_blank_values=True):
        response.content = indented(response.content)
    response["content-length"] = len(response.content)
    if request.method == "HEAD":
        response.content = b""


def found(request: HttpRequest) -> HttpResponseBase:
    """The view's answer, found by path."""
    path = request.path_info
    if view := ROUTES.get(path) or ROUTES.get(path := paths.plain(path)):
        return view(request)
    try:
        view, args, kwargs = resolve(path)
    except Resolver404:
        return errors.not_found(request)
    response: HttpResponseBase = view(request, *args, **kwargs)
    response._resource_closers.append(close_old_connections)  # type: ignore[attr-defined]
    return response
