"""Which of a request's headers hold a key of ours, whose it is, and which is the client's own credential.

A key of ours comes in `x-portkey-api-key`, else as a bearer, else in `x-api-key`. The SDKs send a bearer on
every call, also when nobody gave them one: those placeholders are no credentials (control-plane, 0.3).
Names are those of the WSGI environment.
"""

from collections.abc import Mapping
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from keys import callers, refusals, tokens
from keys.callers import Caller
from keys.errors import KeyRefused, unknown_key

OWN, BEARER, THIRD = "HTTP_X_PORTKEY_API_KEY", "HTTP_AUTHORIZATION", "HTTP_X_API_KEY"
PLACEHOLDERS = {"OPENAI_API_KEY", "DUMMY-KEY", ""}
TAKES_X_API_KEY = "anthropic"


class ApiKeyAuthentication(BaseAuthentication):
    """In DRF's terms: `request.user` is the Caller. Without a header to name, DRF makes a 401 a 403."""

    challenge = 'Bearer realm="api"'

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        return caller(request._request.META), None

    def authenticate_header(self, request: Request) -> str:
        return self.challenge


def caller(meta: Mapping[str, Any]) -> Caller:
    """Who sent this. Raises KeyRefused, DirectoryAway."""
    try:
        if not (token := presented(meta)):
            raise unknown_key()
        return callers.find(token)
    except KeyRefused as refused:
        refusals.note(str(meta.get("REMOTE_ADDR", "")), refused.code)
        raise


def presented(meta: Mapping[str, Any]) -> str:
    """What was presented as a key of ours, or ""."""
    return own(meta) or bearer(meta) or str(meta.get(THIRD, "")).strip()


def client_credential(meta: Mapping[str, Any], provider: str = "") -> str:
    """The client's own credential for a provider, sent beside a key of ours; "" if there is none.

    It is the bearer, or for Anthropic, if there is none, `x-api-key`. A key of ours is never one.
    """
    if not (key := own(meta)):
        return ""
    found = bearer(meta)
    if not found and provider == TAKES_X_API_KEY:
        found = str(meta.get(THIRD, "")).strip()
    return "" if found == key or found.startswith(tokens.PREFIX) else found


def own(meta: Mapping[str, Any]) -> str:
    return str(meta.get(OWN, "")).strip()


def bearer(meta: Mapping[str, Any]) -> str:
    """The bearer, or "" for what an SDK puts in its place."""
    scheme, _, value = str(meta.get(BEARER, "")).strip().partition(" ")
    value = value.strip()
    return value if scheme.lower() == "bearer" and value not in PLACEHOLDERS else ""
