"""Reading a request's body: once, from `wsgi.input` itself, without holding up the other calls.

Django's `request.body` is empty for chunked uploads and ends at 2.5 MB.
"""

import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError

from providers.json_text import loads_strictly
from providers.types import JSON
from proxy import apart
from proxy.errors import BodyTooLarge

SLICE = 256 * 1024  # bytes read before other calls get their turn


def read(environ: Mapping[str, Any]) -> bytes | bytearray:
    """The whole body, up to MAX_BODY_MB. Raises BodyTooLarge (413), or ParseError if it ended early."""
    limit = int(settings.MAX_BODY_MB * 1024 * 1024)
    length = announced(environ)
    if length is not None and length > limit:
        raise BodyTooLarge(settings.MAX_BODY_MB)
    if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    wanted = limit + 1 if length is None else length
    body = slices(environ["wsgi.input"], wanted)
    if len(body) > limit:
        raise BodyTooLarge(settings.MAX_BODY_MB)
    if length is not None and len(body) < length:
        raise ParseError(f"The body ended after {len(body)} of {length} bytes.")
    return body


def announced(environ: Mapping[str, Any]) -> int | None:
    """The length the client announced; None for a chunked body or none at all."""
    text = environ.get("CONTENT_LENGTH") or ""
    return int(text) if text.isdecimal() else None


def slices(stream: Any, wanted: int) -> bytes | bytearray:
    """At most `wanted` bytes, a slice at a time; most bodies are one slice."""
    first: bytes = stream.read(min(wanted, SLICE))
    if len(first) < SLICE:
        return first
    body = bytearray(first)
    while (left := wanted - len(body)) > 0 and (part := stream.read(min(left, SLICE))):
        body += part
        time.sleep(0)
    return body


def parse(raw: bytes | bytearray) -> JSON:
    """The JSON object in `raw`; of a large one only what is short. Raises ParseError: where it broke."""
    if apart.is_large(raw):
        return apart.parse(raw)
    try:
        value = loads_strictly(raw)
    except ValueError as error:
        raise ParseError(f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ParseError("The body must be a JSON object.")
    return value
