"""The one door out: a request goes through here to a provider, and its answer comes back as it arrives.

Nothing else opens a socket to what a row, an admin or a client named. There are two sets of connections,
one for hosts that the catalogue or an admin named and one for hosts that a client named, and nothing is
shared between them. No redirect is followed, nothing is asked of the environment (proxies, .netrc), and
every request carries a mark by which this installation knows its own calls. A reused connection that
breaks before the first byte of an answer is replaced once by a fresh one; other retries are the caller's.

The transport is an HTTPAdapter of requests, so tests stand in for the world where they are used to:
`responses.RequestsMock(target="proxy.upstream.Adapter.send")`. Its `send` takes a connection, writes one
request and reads one head, and does nothing else of what requests and urllib3 do on the way. What a
library raises ends here: callers know providers/errors.py alone.
"""

import hashlib
import hmac
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from providers.errors import Garbled, ProviderError, TimedOut, Unreachable, Unrenderable
from providers.types import WireRequest
from proxy import http1
from proxy.answer import Answer, Broken
from proxy.clocks import Clock
from proxy.connections import Connection, Pool, Pools, proxy_headers

LOOP_HEADER = "x-gatehouse-hop"
LOOP_MARK = hmac.new(settings.SECRET_KEY.encode(), b"loop", hashlib.sha256).hexdigest()[:16]
APART = 64 * 1024  # a longer body is not copied to stand behind its head


class Reply:
    """An answer whose headers have come. `body` gives its bytes as they arrive.

    `body` raises Broken when the answer ends before it is whole, TimedOut, or Garbled when it is no HTTP.
    Read to its end, the connection is kept for the next call; closed before, it is dropped.
    """

    __slots__ = ("_clock", "_raw", "body", "headers", "name", "status")

    def __init__(self, response: requests.Response, name: str, clock: Clock) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.name, self._clock, self._raw = name, clock, response.raw
        self.body: Iterator[bytes] = self._raw if isinstance(self._raw, Answer) else _pieces(self._raw)

    @property
    def pause_at(self) -> float | None:
        """When (time.monotonic) `body` is to give b"" once, if nothing has come until then."""
        return self._raw.pause_at if isinstance(self._raw, Answer) else None

    @pause_at.setter
    def pause_at(self, at: float | None) -> None:
        if isinstance(self._raw, Answer):
            self._raw.pause_at = at

    def progress(self) -> None:
        """An event came. Once told of events, the clock between events ignores everything else."""
        self._clock.progress()

    def read(self, limit: int) -> bytes | bytearray:
        """The whole body. Raises Garbled if it is longer than `limit` bytes."""
        whole: bytes | bytearray = b""
        for piece in self.body:
            if len(whole) + len(piece) > limit:
                self.close()
                raise Garbled(f"{self.name} sent an answer of more than {limit} bytes.")
            if not whole:
                whole = piece  # most often the only one
            else:
                whole = whole if isinstance(whole, bytearray) else bytearray(whole)
                whole += piece
        return whole

    def settle(self) -> None:
        """Nothing more is wanted: keep the connection if the answer ends here, else drop it."""
        if isinstance(self._raw, Answer):
            self._raw.settle()
        self._clock.stops()

    def close(self) -> None:
        """Drop what was not read. May be called again."""
        self._clock.stops()
        self._raw.close()


def send(wire: WireRequest, *, named_by_client: bool, patience: float | None = None) -> Reply:
    """The provider's answer to `wire`, its body not yet read.

    `patience`: seconds until the answer's headers must be there, if less than the first-byte clock.
    Raises Unreachable, TimedOut, Forbidden (an address we do not go to), Garbled.
    """
    adapter = FOR_CLIENTS if named_by_client else FOR_ADMINS
    request = Request(wire, patience)
    try:
        return Reply(adapter.send(request), request.name, request.clock)
    except BaseException as error:
        request.clock.stops()
        if isinstance(error, ProviderError):
            raise
        if isinstance(error, requests.RequestException | HTTPError | OSError | ValueError):
            raise explained(error, request) from error
        raise


class Request(requests.PreparedRequest):
    """A request that is ready to go, made without what `prepare` does for browsers."""

    def __init__(self, wire: WireRequest, patience: float | None) -> None:
        self.method, self.url = wire.method, wire.url
        self.body = wire.body  # type: ignore[assignment]  # a large one is a bytearray
        self.headers = {**wire.headers, LOOP_HEADER: LOOP_MARK}  # type: ignore[assignment]
        self.hooks = {}
        self.origin, self.target = split(wire.url)
        self.name = self.origin.rpartition("/")[2].rpartition("@")[2]
        self.clock = Clock(self.name, patience)


class Response(requests.Response):
    """An answer's head, with its body in `raw`; without what requests adds for browsers."""

    def __init__(self, head: http1.Head, answer: Answer, request: Request) -> None:
        self.status_code = head.status
        self.headers = head.headers  # type: ignore[assignment]
        self.raw = answer
        self.request = request
        self.url = request.url or ""
        self._content = False  # type: ignore[assignment]
        self._content_consumed = False


class Adapter(HTTPAdapter):
    """requests' transport over connections of our own (connections.py)."""

    def __init__(self, *, named_by_client: bool) -> None:
        self.pools = Pools(named_by_client=named_by_client)
        super().__init__()

    def init_poolmanager(self, *_: Any, **__: Any) -> None:
        """urllib3's pools are not used."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The answer's head, its body unread. What the request does not say (time-outs) its clock does."""
        assert isinstance(request, Request)
        try:
            pool = self.pools.pool(request.origin)
        except ValueError as error:
            raise Unreachable(f"{request.name} cannot be called: {error}.") from error
        head = written(request, pool)
        if connection := pool.take():
            try:
                return exchanged(connection, head, request, pool)
            except Stale:
                pass  # it was closed while we wrote: once more, on a fresh one
        return exchanged(pool.connect(request.clock), head, request, pool)

    def close(self) -> None:
        self.pools.close()


class Stale(ConnectionError):
    """A reused connection broke before the first byte of an answer."""


def split(url: str) -> tuple[str, str]:
    """Origin and the rest: "https://a.b:1/c?d" → ("https://a.b:1", "/c?d")."""
    begin = url.find("://") + 3
    end = min((at for mark in "/?#" if (at := url.find(mark, begin)) >= 0), default=len(url))
    target = url[end:].partition("#")[0]
    return url[:end], target if target.startswith("/") else f"/{target}"


def written(request: Request, pool: Pool) -> bytes:
    """The bytes of the request's head."""
    headers = request.headers
    if pool.prefix:
        headers = {**headers, **proxy_headers()}  # type: ignore[assignment]
    body = request.body or b""
    try:
        return http1.request_head(
            request.method or "", pool.prefix + request.target, pool.name, headers, len(body)
        )
    except ValueError as error:
        raise Unrenderable(f"The request to {request.name} cannot be sent: {error}.") from error


def exchanged(connection: Connection, head: bytes, request: Request, pool: Pool) -> Response:
    """Write the request, read the answer's head; the connection belongs to the answer, or is closed."""
    clock = request.clock
    clock.answers()
    try:
        data = b""
        try:
            sent(connection.sock, head, request)
            data = received(connection.sock, clock, b"")
        except (ConnectionError, ssl.SSLError) as error:
            if connection.reused:
                raise Stale from error
            raise
        return answered(connection, data, request, pool)
    except BaseException:
        connection.close()
        raise


def sent(sock: socket.socket, head: bytes, request: Request) -> None:
    """Write the request. A server may refuse a body before all of it has come: then its answer counts."""
    body = request.body or b""
    assert isinstance(body, bytes | bytearray)
    sock.settimeout(request.clock.timeout())
    try:
        if len(body) <= APART:
            sock.sendall(head + body)
        else:
            sock.sendall(head)
            sock.sendall(body)
    except (BrokenPipeError, ConnectionResetError):
        if len(body) <= APART:
            raise


def received(sock: socket.socket, clock: Clock, data: bytes) -> bytes:
    """`data` and what comes next. Raises ConnectionError if nothing does."""
    sock.settimeout(clock.timeout())
    more = sock.recv(65536)
    if not more:
        raise ConnectionResetError("it closed the connection without an answer")
    return data + more


def answered(connection: Connection, data: bytes, request: Request, pool: Pool) -> Response:
    """The answer whose first bytes are `data`."""
    clock = request.clock
    while True:
        while not (end := http1.head_end(data)):
            data = received(connection.sock, clock, data)
        head = http1.Head(data[:end])
        data = data[end:]
        if head.status >= 200:
            break
        if head.status == 101:
            raise ValueError("it changed the protocol unasked")
    clock.arrives()
    answer = Answer(connection, pool, http1.framing(request.method or "", head), head, clock, data)
    return Response(head, answer, request)


def explained(error: BaseException, request: Request) -> ProviderError:
    """A library's failure in our terms. The message names the host, never the path or what was sent."""
    name = request.name
    match error:
        case requests.Timeout() | TimeoutError():
            expired = request.clock.expired()
            return expired if expired.message else TimedOut(f"{name} did not answer in time.")
        case socket.gaierror():
            return Unreachable(f"{name} could not be found: {error.strerror}.")
        case ssl.SSLCertVerificationError():
            return Unreachable(f"{name} has a certificate that was not accepted: {error.verify_message}.")
        case ssl.SSLError():
            return Unreachable(f"{name} could not be reached over TLS: {getattr(error, 'reason', error)}.")
        case ConnectionRefusedError():
            return Unreachable(f"{name} refused the connection.")
        case ConnectionError():
            return Unreachable(f"{name} closed the connection before it answered.")
        case OSError() if not isinstance(error, requests.RequestException):
            return Unreachable(f"{name} could not be reached: {error.strerror or error}.")
        case requests.RequestException() | HTTPError():
            return Unreachable(f"{name} could not be reached.")
    return Garbled(f"{name} could not be understood: {error}.")


def _pieces(raw: Any) -> Iterator[bytes]:
    """The body of a urllib3 answer, which is what a test stands in with."""
    while piece := raw.read1(65536):
        yield piece


FOR_ADMINS = Adapter(named_by_client=False)
FOR_CLIENTS = Adapter(named_by_client=True)

__all__ = ["LOOP_HEADER", "LOOP_MARK", "Adapter", "Broken", "Reply", "send"]
