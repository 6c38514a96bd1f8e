"""The way into the admin: Django's, slowed after failures, and the cookie that tells known browsers."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core import signing
from django.http import HttpRequest, HttpResponse
from unfold.forms import AuthenticationForm

from gateway_site import pauses
from gateway_site.slowing import slowed, tell_of_pause

COOKIE, SALT = "gatehouse_browser", "gatehouse.browser"
KNOWN_SECONDS = 180 * 24 * 3600


def sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's own page; 429 during a pause, and a browser that got in is known from then on."""
    response = admin.site.login(request)
    if not tell_of_pause(response) and request.method == "POST" and response.status_code == 302:
        know(response, request.user.get_username(), request.path)
    return response


class SignInForm(AuthenticationForm):
    """A name and a password, which is not looked at during a pause."""

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if not name or not self.cleaned_data.get("password"):
            return dict(super().clean())  # nothing is tried
        assert self.request is not None
        address = self.request.META.get("REMOTE_ADDR", "")
        with slowed(pauses.buckets(name, address, browser(self.request, name))):
            return dict(super().clean())


def browser(request: HttpRequest, name: str) -> str:
    """The nonce of a browser that signed in under `name` before, or nothing."""
    try:
        known, nonce = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KNOWN_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(nonce) if known == pauses.digest("known", name) else ""


def know(response: HttpResponse, name: str, path: str) -> None:
    """Give the browser its cookie, which it shows on the page for signing in alone."""
    value = signing.dumps([pauses.digest("known", name), secrets.token_urlsafe(16)], salt=SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=KNOWN_SECONDS,
        path=path,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
