"""Reading a request's body: once, from `wsgi.input` itself, without holding up the other calls.

Django's `request.body` is empty for chunked uploads and ends at 2.5 MB.
"""

from collections.abc import Mapping
from json import detect_encoding
from typing import Any

from django.conf import settings
from rest_framework.exceptions import ParseError

from providers.json_text import loads_strictly
from providers.types import JSON
from proxy import apart, watch
from proxy.errors import BodyTooLarge, TooSlow
from proxy.turns import Turn

JSON_TYPES = {"application/json", "text/json"}
IN_PIECES = {"application/stream+json"}  # JSON values one after the other, as they come
LOOKED_AT = 64 * 1024  # bytes of a body that may be an object
SLICE = 256 * 1024  # bytes read before other calls may get their turn
LITTLE = 2 * 1024  # the same for chunked bodies, whose chunks may be of one byte


def read(environ: Mapping[str, Any]) -> bytes | bytearray:
    """The whole body, up to MAX_BODY_MB. Raises BodyTooLarge (413), TooSlow (408), ClientGone."""
    if (watched := watch.current()) is not None:
        watched.until(watched.began + settings.FIRST_BYTE_SECONDS, TooSlow())
    limit = int(settings.MAX_BODY_MB * 1024 * 1024)
    length = announced(environ)
    if length is not None and length > limit:
        raise BodyTooLarge(settings.MAX_BODY_MB)
    if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    wanted = limit + 1 if length is None else length
    body = arriving(environ["wsgi.input"], wanted, SLICE if length is not None else LITTLE)
    if len(body) > limit:
        raise BodyTooLarge(settings.MAX_BODY_MB)
    if length is not None and len(body) < length:
        raise watch.ClientGone(f"The body ended after {len(body)} of {length} bytes.")
    return body


def arriving(stream: Any, wanted: int, step: int) -> bytes | bytearray:
    """What the client sends. Raises ParseError for chunks that are none, ClientGone if it leaves."""
    try:
        return slices(stream, wanted, step)
    except ConnectionError as error:
        raise watch.ClientGone(str(error)) from error
    except OSError as error:  # gunicorn's, for chunks it cannot read
        raise ParseError("The body's chunks cannot be read.") from error


def announced(environ: Mapping[str, Any]) -> int | None:
    """The length the client announced; None for a chunked body or none at all."""
    text = environ.get("CONTENT_LENGTH") or ""
    return int(text) if text.isdecimal() else None


def slices(stream: Any, wanted: int, step: int) -> bytes | bytearray:
    """At most `wanted` bytes, a slice at a time; most bodies are one slice."""
    first: bytes = stream.read(min(wanted, step))
    if len(first) < step:
        return first
    body, turn = bytearray(first), Turn()
    while (left := wanted - len(body)) > 0 and (part := stream.read(min(left, step))):
        body += part
        turn.offer()
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


def glanced(raw: bytes | bytearray, kind: str) -> JSON | None:
    """The JSON object in a body that passes through whatever it is; None where there is none."""
    if not raw or (kind and not kind.endswith("json")):
        return None
    try:
        return parse(raw)
    except ParseError:
        return None


def may_be_json(raw: bytes | bytearray, kind: str) -> bool:
    """Whether another may read an object in a body in which `glanced` finds none; in a list nobody does."""
    start = bytes(raw[:LOOKED_AT])
    text = start.decode(detect_encoding(start), "replace").lstrip("\ufeff \t\r\n")
    if text[:1] == "[":
        return False
    return is_json(kind) or text[:1] == "{" or (not text and len(raw) > LOOKED_AT)


def is_json(kind: str) -> bool:
    """Whether a body of this type is one JSON value."""
    name = kind.partition(";")[0].strip().lower()
    return name in JSON_TYPES or (name.endswith("+json") and name not in IN_PIECES)
