"""Reading a request's body: once, from `wsgi.input` itself, without holding up the other calls.

Django's `request.body` is empty for chunked uploads and ends at 2.5 MB.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, Never

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError

from proxy.errors import BodyTooLarge

SLICE = 256 * 1024  # bytes read before other calls get their turn


def read(environ: Mapping[str, Any]) -> bytes:
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


def slices(stream: Any, wanted: int) -> bytes:
    """At most `wanted` bytes, a slice at a time; most bodies are one slice."""
    first: bytes = stream.read(min(wanted, SLICE))
    if len(first) < SLICE:
        return first
    parts, left = [first], wanted - len(first)
    while left > 0 and (part := stream.read(min(left, SLICE))):
        parts.append(part)
        left -= len(part)
        time.sleep(0)
    return b"".join(parts)


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`. Raises ParseError that says where it broke."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        value = parse_slowly(raw, error)
    if not isinstance(value, dict):
        raise ParseError("The body must be a JSON object.")
    return value


def parse_slowly(raw: bytes, refused: orjson.JSONDecodeError) -> Any:
    """JSON that orjson refuses and the standard allows: a lone surrogate, an integer beyond 64 bits."""
    try:
        return json.loads(raw, parse_constant=no_constant)
    except (ValueError, RecursionError):
        raise ParseError(f"The body is not JSON: {refused}.") from None


def no_constant(name: str) -> Never:
    """NaN and the infinities are Python's, not JSON's."""
    raise ValueError(name)
