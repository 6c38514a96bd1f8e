"""The way into the admin: Django's, slowed after failures, and the cookie that tells known browsers."""

import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from unfold.forms import AuthenticationForm

from gateway_site import pauses

COOKIE, SALT = "gatehouse_browser", "gatehouse.browser"
KNOWN_SECONDS = 180 * 24 * 3600


def sign_in(request: HttpRequest) -> HttpResponse:
    """The admin's own page; 429 during a pause, and a browser that got in is known from then on."""
    response = admin.site.login(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    if isinstance(form, SignInForm) and form.paused is not None:
        response.status_code = 429
        response["Retry-After"] = str(seconds(form.paused))
    elif request.method == "POST" and response.status_code == 302:
        know(response, request.user.get_username(), request.path)
    return response


class SignInForm(AuthenticationForm):
    """A name and a password, which is not looked at during a pause."""

    paused: timedelta | None = None

    def clean(self) -> dict[str, Any]:
        name = self.cleaned_data.get("username")
        if not name or not self.cleaned_data.get("password"):
            return dict(super().clean())  # nothing is tried
        assert self.request is not None
        counted = pauses.buckets(name, self.request.META.get("REMOTE_ADDR", ""), browser(self.request, name))
        try:
            follows = pauses.begin(counted)
        except pauses.Paused as paused:
            self.paused = paused.left
            told = f"Too many failed attempts. Try again in {in_words(paused.left)}."
            raise ValidationError(told, code="paused") from None
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError as error:
            if follows:
                raise ValidationError(
                    [error, f"The next attempt is possible in {in_words(follows)}."]
                ) from error
            raise
        pauses.succeeded(counted)
        return cleaned


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


def in_words(time: timedelta) -> str:
    """As in "1 minute 30 seconds", rounded up."""
    minutes, rest = divmod(seconds(time), 60)
    parts = [(minutes, "minute"), (rest, "second")]
    return " ".join(f"{count} {unit}{'s' * (count != 1)}" for count, unit in parts if count)


def seconds(time: timedelta) -> int:
    return max(1, -(-time // timedelta(seconds=1)))
