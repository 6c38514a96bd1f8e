"""What the client asked, checked at the door: its headers first, then its body.

Header names and their meaning are Portkey's; values that will not do are refused or ignored as there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import lru_cache
from typing import Any, TypeVar, overload
from urllib.parse import unquote

from rest_framework.exceptions import ParseError

from configs.parameters import NOT_A_MODEL
from keys import slugs
from providers.json_text import dumps, loads
from providers.types import JSON
from providers.values import made_often
from proxy import body, paths
from proxy import form as forms
from proxy.errors import InvalidRequest
from proxy.form import Form

MODELS, PASSTHROUGH = "models", "proxy"  # the fns of calls that are not read as JSON with a model
JSON_KIND = "application/json"
TYPES = {JSON_KIND, "multipart/form-data"}
TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
LONGEST = 128  # characters of a metadata key or value
LONGEST_ID = 256  # of a trace's or span's id or name

T = TypeVar("T")


class Headers(Mapping[str, str]):
    """The request's headers by their lower-case names, read from the WSGI environment when asked for."""

    __slots__ = ("environ",)

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self.environ = environ

    def __getitem__(self, name: str) -> str:
        value: str = self.environ[environ_name(name)]
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and environ_name(name) in self.environ

    @overload
    def get(self, name: str, default: None = None, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str, /) -> str: ...
    @overload
    def get(self, name: str, default: T, /) -> str | T: ...
    def get(self, name: str, default: object = None, /) -> object:
        return self.environ.get(environ_name(name), default)

    def __iter__(self) -> Iterator[str]:
        for key in self.environ:
            if key.startswith("HTTP_"):
                yield key[5:].replace("_", "-").lower()
            elif key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                yield key.replace("_", "-").lower()

    def __len__(self) -> int:
        return sum(1 for _ in self)


@lru_cache(maxsize=1024)
def environ_name(name: str) -> str:
    """`content-type` → `CONTENT_TYPE`, `x-a` → `HTTP_X_A`, as WSGI has them."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


@made_often(frozen=True, slots=True)
class Trace:
    """Where the call stands in the client's own traces."""

    id: str
    span: str = ""
    parent: str = ""
    name: str = ""


@made_often(frozen=True, slots=True)
class Call:
    """One request of a known caller."""

    fn: str
    dialect: str
    headers: Headers
    body: JSON  # of a large one only what is short (proxy/apart.py)
    raw: bytes | bytearray
    model: str  # as the body has it, `@slug/` included
    stream: bool
    strict: bool
    timeout: float | None  # seconds until the answer's headers, if the client set a limit
    forward: tuple[str, ...] = field(default=())
    method: str = "POST"
    path: str = ""  # of what passes through and of a list: what follows `/v1` with its query, quoted
    is_object: bool = True  # the body is a JSON object, and has parameters
    form: Form | None = None  # the body is a form with files, of whose parts we read the model's

    @property
    def parameters(self) -> JSON:
        """What conditions can ask of the body: its members, of a form that is read one way its model."""
        if self.form is None:
            return self.body
        return {"model": self.model} if self.model and not self.form.fault else {}


def read(fn: str, dialect: str, headers: Headers, raw: bytes | bytearray) -> Call:
    """The call in `raw`. Raises InvalidRequest or ParseError (400)."""
    if fn == PASSTHROUGH:
        return passed(dialect, headers, raw)
    if fn == MODELS:
        return made(fn, dialect, headers, None, b"", "", paths.listing(headers.environ))
    if headers.get("content-type") != JSON_KIND:  # as nearly all say
        check_kind(kind_of(headers))
    asked = body.parse(raw)
    return made(fn, dialect, headers, asked, raw, model(asked))


def passed(dialect: str, headers: Headers, raw: bytes | bytearray) -> Call:
    """A call to a path we do not know. Its model is what the body says, else what the address does."""
    kind, path = kind_of(headers), paths.below(headers.environ)
    form = forms.read(headers["content-type"], raw) if kind == forms.KIND else None
    asked = None if form else body.glanced(raw, kind)
    name: Any = forms.model(form, raw) if form else (asked or {}).get("model")
    if not isinstance(name, str) or not name:
        name = paths.named(headers.environ)[1]
        name = "" if slugs.split(name)[0] else name  # a second virtual key is none
    return made(PASSTHROUGH, dialect, headers, asked, raw, name, path, form)


def made(
    fn: str,
    dialect: str,
    headers: Headers,
    asked: JSON | None,
    raw: bytes | bytearray,
    name: str,
    path: str = "",
    form: Form | None = None,
) -> Call:
    """The call, its headers read. `asked`: the JSON object in its body, if that is one."""
    return Call(
        fn=fn,
        dialect=dialect,
        headers=headers,
        body=asked or {},
        raw=raw,
        model=name,
        stream=bool(asked and asked.get("stream")),
        strict=headers.get("x-portkey-strict-open-ai-compliance") != "false",
        timeout=timeout(headers),
        forward=forwarded(headers),
        method=headers.environ.get("REQUEST_METHOD", "POST"),
        path=path,
        is_object=asked is not None,
        form=form,
    )


def kind_of(headers: Headers) -> str:
    """The media type of the body, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def check_kind(kind: str) -> None:
    """Refuse a body of a type that no translated route takes."""
    if kind and kind not in TYPES and not kind.startswith("audio/"):
        raise InvalidRequest("Invalid content type passed")


def model(asked: JSON) -> str:
    """The model the body names; "" for none."""
    name = asked.get("model")
    if name is None or name == NOT_A_MODEL:
        return ""
    if not isinstance(name, str):
        raise ParseError("`model` must be a text.")
    return name


def timeout(headers: Headers) -> float | None:
    """`x-portkey-request-timeout` in seconds; what is no number, or zero, counts as not sent."""
    try:
        milliseconds = float(headers.get("x-portkey-request-timeout", 0))
    except ValueError:
        return None
    return milliseconds / 1000 if 0 < milliseconds < float("inf") else None


def forwarded(headers: Headers) -> tuple[str, ...]:
    """The header names the client wants copied to the provider."""
    named = headers.get("x-portkey-forward-headers")
    if named is None:
        return ()
    names = tuple(name.strip().lower() for name in named.split(",") if 0 < len(name.strip()) <= LONGEST)
    if "x-portkey-forward-headers" in names:
        raise InvalidRequest("forward_headers must not contain the 'x-portkey-forward-headers' header")
    return names


def trace(headers: Headers, own: str, method: str, path: str) -> Trace:
    """The trace of a call: Portkey's headers win over W3C's `traceparent`; without either the id is `own`."""
    parsed = TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    theirs = parsed.groups() if parsed and parsed[1].strip("0") and parsed[2].strip("0") else None
    span = own.replace("-", "")[-16:]
    given = Trace(theirs[0], span, theirs[1], f"{method} {path}") if theirs else Trace(own)
    return Trace(
        id=headers.get("x-portkey-trace-id", "")[:LONGEST_ID] or given.id,
        span=headers.get("x-portkey-span-id", "")[:LONGEST_ID] or given.span,
        parent=headers.get("x-portkey-parent-span-id", "")[:LONGEST_ID] or given.parent,
        name=headers.get("x-portkey-span-name", "")[:LONGEST_ID] or given.name,
    )


def metadata(headers: Headers, defaults: Mapping[str, str]) -> dict[str, str]:
    """The call's metadata as texts, as it is recorded."""
    found = metadata_given(headers, defaults)
    return {key[:LONGEST]: as_text(value)[:LONGEST] for key, value in found.items()}


def metadata_given(headers: Headers, defaults: Mapping[str, str]) -> dict[str, Any]:
    """The call's metadata: the API key's defaults, over the request's own, over `baggage`."""
    found: dict[str, Any] = {}
    if "baggage" in headers:
        found.update(baggage(headers["baggage"]))
    if "x-portkey-metadata" in headers:
        try:
            given = loads(utf8(headers["x-portkey-metadata"]))
        except (ValueError, RecursionError):
            given = {}
        found.update(given if isinstance(given, dict) else {})
    found.update(defaults)
    return found


def baggage(header: str) -> Iterator[tuple[str, str]]:
    """The members of W3C baggage, properties dropped."""
    for member in header.split(","):
        key, equals, value = member.partition(";")[0].partition("=")
        if equals and key.strip():
            yield key.strip(), unquote(value.strip())


def as_text(value: Any) -> str:
    """A metadata value as a text; what is nested beyond reason is none."""
    try:
        return value if isinstance(value, str) else dumps(value).decode()
    except (TypeError, RecursionError):
        return ""


def utf8(header: str) -> str:
    """A header's text as its sender meant it: WSGI reads bytes as Latin-1, curl sends them as UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header
