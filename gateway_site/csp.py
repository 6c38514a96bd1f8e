"""What a page may load and run: a content security policy on every page that does not bring its own.

Scripts come from files of this server, and no text becomes code: neither a script in a page nor eval, which
Alpine would need in the admin were its expressions not read by static/gateway_site/expressions.js. Styles
come from files too, but for style attributes, which Unfold, Select2 and Alpine write and which run nothing.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

HEADER = "Content-Security-Policy"
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ]
)


class ContentSecurityPolicy:
    """Middleware: behind the data plane, around everything that writes HTML."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if is_page(response) and not is_debugging(response) and HEADER not in response.headers:
            response.headers[HEADER] = POLICY
        return response


def is_page(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def is_debugging(response: HttpResponseBase) -> bool:
    """Django's own pages about an error bring scripts of their own; they are for trying things out."""
    return bool(settings.DEBUG and response.status_code >= 400)


def in_no_page(request: HttpRequest) -> dict[str, dict[str, str]]:
    """Unfold's colours, which it would write into each page: none, they are in gateway_site/colors.css."""
    return {}
