"""The values that travel between the gateway and its providers, and what a provider is.

Nothing here knows a wire format: an Operation names the Format that writes its requests and reads its
answers (formats/), and a Provider adds where it lives and how it is told who calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias
from urllib.parse import quote

from providers.errors import NotSupported, Unrenderable
from providers.values import made_often

JSON: TypeAlias = dict[str, Any]

PAGING = {"limit", "after_id", "before_id"}  # parameters by which a client pages through a list


@dataclass(frozen=True, slots=True)
class Credential:
    """What a call is made with. `base_url` replaces the row's; `settings` go by the row's names."""

    secret: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    base_url: str = ""


@made_often(frozen=True, slots=True)
class Ask:
    """What the client asked, in its own dialect. `body` belongs to the caller and is never changed.

    `raw` is the text `body` was read from; whoever changes the body leaves it empty, and the body counts.
    """

    dialect: str
    body: JSON
    raw: bytes
    model: str
    strict: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names
    method: str = "POST"
    path: str = ""  # of a pass-through or a list, what follows `/v1` with its query; quoted, after a slash
    custom_host: bool = False  # it goes to a host that somebody named, not to the provider's own


@made_often(frozen=True, slots=True)
class WireRequest:
    """What goes to the provider. `ignored`: fields of the client that have no place there."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | bytearray
    ignored: tuple[str, ...] = ()


@made_often(frozen=True, slots=True)
class Usage:
    """Tokens in disjoint buckets: a cached token is not in `input`, a reasoning token not in `output`."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0

    @property
    def total(self) -> int:
        read = self.input + self.cache_read + self.cache_write + self.audio_input
        return read + self.output + self.reasoning + self.audio_output


@dataclass(frozen=True, slots=True)
class Problem:
    """A provider's error in common terms. `status`: what an error inside a stream amounts to."""

    message: str
    type: str | None = None
    param: str | None = None
    code: str | int | None = None
    status: int | None = None


@dataclass(slots=True)
class Reading:
    """What has been learnt of one answer so far; filled while it is read."""

    model: str = ""
    usage: Usage | None = None
    partial: bool = False  # `usage` was told before the answer's end: its output is yet to be counted
    finish: str = ""
    problem: Problem | None = None
    content: bool = False  # more than an opening, a ping or a comment was seen
    ended: bool = False  # the provider's terminal marker was seen
    models: tuple[str, ...] = ()  # of a list of models, their names


class Frame(NamedTuple):
    """One event of a stream as it was framed; a tuple, because one is made for every event of every stream.

    `raw`: its bytes, the blank line that ends it included; empty for a pause. `data` is empty for comments.
    """

    event: str
    data: bytes
    raw: bytes


NOTHING: JSON = {}  # shared, and never changed


class Event(NamedTuple):
    """One step of a streamed answer in the common form (docs/common-form.md); a tuple, as Frame is.

    `finish` is OpenAI's word, `native_finish` the provider's; `usage` is the common form's, and the last
    one given counts. `id` and `model` come with the first event.
    """

    delta: JSON = NOTHING
    choice: int = 0  # which of several answers
    finish: str = ""
    native_finish: str = ""
    usage: JSON | None = None
    id: str = ""
    model: str = ""
    stop_sequence: str = ""
    extras: JSON = NOTHING  # beside `choices`
    problem: Problem | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """A provider setting: the header it is sent as, or the place in `base_url` it fills (`{name}`)."""

    name: str
    header: str = ""
    pattern: str = r"[A-Za-z0-9._-]{1,200}"
    required: bool = False

    def value(self, settings: Mapping[str, str]) -> str:
        """The setting's text, checked; "" if it is not set. Raises Unrenderable."""
        value = settings.get(self.name, "")
        if value and not re.fullmatch(self.pattern, value, re.ASCII):
            raise Unrenderable(f"The provider setting {self.name} has characters that are not allowed there.")
        if self.required and not value:
            raise Unrenderable(f"The provider setting {self.name} is missing.")
        return value


@dataclass(frozen=True, slots=True)
class Auth:
    """The header that carries the secret."""

    header: str = "authorization"
    prefix: str = "Bearer "


class Format(Protocol):
    """A wire format: writes the body of a request, reads whole and streamed answers and errors."""

    def passes(self, dialect: str) -> bool:
        """Whether a client of this dialect is answered with the provider's own bytes."""

    def body(self, provider: Provider, ask: Ask) -> tuple[bytes, tuple[str, ...]]:
        """The request's body, and the client's fields it has no place for. Raises Unrenderable."""

    def answer(self, provider: Provider, ask: Ask, body: bytes, reading: Reading) -> bytes: ...

    def stream(
        self, provider: Provider, ask: Ask, chunks: Iterable[bytes], reading: Reading
    ) -> Iterator[bytes]: ...

    def problem(self, provider: Provider, status: int, body: bytes) -> Problem: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a provider can do: where, and in which format.

    `instead`: how it is done for models whose names begin with a key. `page`: of a list, the query for as
    much as one page may hold, for clients that do not page themselves.
    """

    path: str
    format: Format
    method: str = "POST"
    instead: Mapping[str, Operation] = field(default_factory=dict)
    page: str = ""

    def of(self, model: str) -> Operation:
        """This operation, as it is done for a model."""
        for beginning, other in self.instead.items():
            if model.startswith(beginning):
                return other
        return self


@dataclass(frozen=True, slots=True)
class Provider:
    """A row of the catalogue: who it is, where it lives, what it can do and how it is told who calls."""

    slug: str
    name: str
    base_url: str
    operations: Mapping[str, Operation]
    auth: Auth = Auth()
    headers: Mapping[str, str] = field(default_factory=dict)  # sent unless the client's own passes
    passes: tuple[str, ...] = ()  # headers of the client that go along, lower case
    settings: tuple[Setting, ...] = ()
    takes_stream_usage: bool = True  # stream_options.include_usage is understood
    variable: str = ""  # of the environment, where its users keep its key; made of the slug if empty
    passthrough_under: str = ""  # where `base_url` lacks the version: what the paths we do not know go under

    def request(self, fn: str, ask: Ask, credential: Credential) -> WireRequest:
        """The client's call in the provider's words. Raises NotSupported, Unrenderable."""
        body, ignored = self.operation(fn, ask.model).format.body(self, ask)
        return self.addressed(fn, ask, credential, body, ignored)

    def addressed(
        self, fn: str, ask: Ask, credential: Credential, body: bytes | bytearray, ignored: tuple[str, ...]
    ) -> WireRequest:
        """The request around a body that is in the provider's words already."""
        operation = self.operation(fn, ask.model)
        url, headers = self._url(operation.path, ask, credential), self._headers(ask, credential)
        if operation.method == "POST":
            headers["content-type"] = "application/json"
        else:
            url += _query(operation.page, ask.path)
        return WireRequest(operation.method, url, headers, body, ignored)

    def passed(self, ask: Ask, credential: Credential, body: bytes | bytearray) -> WireRequest:
        """A pass-through: the client's method, path and body, with the row's headers. Raises Unrenderable."""
        url = self._url(self.passthrough_under, ask, credential) + ask.path
        return WireRequest(ask.method, url, self._headers(ask, credential), body)

    def answer(self, fn: str, ask: Ask, body: bytes, reading: Reading) -> bytes:
        """A whole 2xx answer in the client's dialect; fills `reading`. Raises Garbled."""
        return self.operation(fn, ask.model).format.answer(self, ask, body, reading)

    def stream(self, fn: str, ask: Ask, chunks: Iterable[bytes], reading: Reading) -> Iterator[bytes]:
        """A streamed 2xx answer in the client's dialect, whole events in each item.

        `reading` is filled before the item it stems from is yielded. An empty chunk is a pause and comes
        out as b"". A provider's error, or data that cannot be read, becomes `reading.problem` and ends
        the stream; so does, with nothing set, a provider that stops before its terminal marker.
        """
        return self.operation(fn, ask.model).format.stream(self, ask, chunks, reading)

    def problem(self, fn: str, status: int, body: bytes, model: str = "") -> Problem:
        """An error answer (status 400 and above) in common terms, whatever its body is."""
        return self.operation(fn, model).format.problem(self, status, body)

    def speaks(self, fn: str, ask: Ask) -> bool:
        """Whether the provider's own words are the client's, so that bytes pass as they are."""
        return self.operation(fn, ask.model).format.passes(ask.dialect)

    def operation(self, fn: str, model: str = "") -> Operation:
        """What the provider does for `fn`. Raises NotSupported."""
        try:
            operation = self.operations[fn]
        except KeyError:
            raise NotSupported(f"{fn} is not supported by {self.slug}") from None
        return operation.of(model) if operation.instead else operation

    def _url(self, path: str, ask: Ask, credential: Credential) -> str:
        base = self.base_url
        if "{" in base or "{" in path:
            places = {setting.name: setting.value(credential.settings) for setting in self.settings}
            places["model"] = quoted(ask.model)
            base, path = base.format(**places), path.format(**places)
        return joined(credential.base_url or base, path)

    def _headers(self, ask: Ask, credential: Credential) -> dict[str, str]:
        headers = dict(self.headers)
        for setting in self.settings if credential.settings else ():
            if setting.header and (value := setting.value(credential.settings)):
                headers[setting.header] = value
        for name in self.passes:
            if value := ask.headers.get(name, ""):
                headers[name] = value
        headers[self.auth.header] = self.auth.prefix + credential.secret
        return headers


def joined(base: str, path: str) -> str:
    """An address below a base URL. A host is named with its version or without: it is said once."""
    base = base.rstrip("/")
    twice = path[:3] == "/v1" and path[3:4] in ("", "/") and base.endswith("/v1")
    return base + (path[3:] if twice else path)


def _query(page: str, path: str) -> str:
    """The client's query as it follows the address of a list, and `page` where it does not page."""
    query = path.partition("?")[2]
    if page and not PAGING & {parameter.partition("=")[0] for parameter in query.split("&")}:
        query = f"{query}&{page}" if query else page
    return "?" + query if query else ""


def quoted(model: str) -> str:
    """A model's name as one segment of a path. Raises Unrenderable."""
    if model in (".", ".."):
        raise Unrenderable(f"{model} is no model.")
    return quote(model, safe="")
