"""What gunicorn serves."""

import os
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.settings")
django.setup(set_prefix=False)

from gateway_site.checks import stop_if_unfit  # noqa: E402 - settings come first
from gateway_site.forwarded import believing  # noqa: E402
from proxy import middleware  # noqa: E402


class Handler(WSGIHandler):
    """Django's, but that a data route is answered before its signals and what they are asked.

    The same middleware answers all else of the API, and these routes too where Django's test client asks.
    """

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> HttpResponseBase:
        if environ["PATH_INFO"] not in middleware.ROUTES:
            return super().__call__(environ, start_response)
        response = middleware.answer(WSGIRequest(environ))
        try:
            start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        except BaseException:
            response.close()
            raise
        return response


application = believing(Handler(), settings.TRUSTED_PROXIES)
stop_if_unfit()
