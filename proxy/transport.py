"""How a request gets to a provider: an HTTPAdapter of requests over connections of our own.

`Adapter.send` takes a connection, writes one request and reads one head; it does nothing else of what
requests and urllib3 do on the way, which costs three times as much. A reused connection that breaks before
the first byte of an answer is replaced once by a fresh one. Failures are those of the libraries; upstream.py
tells them in our terms.
"""

import hashlib
import hmac
import re
import select
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter

from providers.errors import Unreachable, Unrenderable
from providers.types import WireRequest
from proxy import http1
from proxy.answer import Answer
from proxy.clocks import Clock
from proxy.connections import AT_ONCE, Connection, Pool, Pools, proxy_headers

LOOP_HEADER = "x-gatehouse-hop"
LOOP_MARK = hmac.new(settings.SECRET_KEY.encode(), b"loop", hashlib.sha256).hexdigest()[:16]
APART = 64 * 1024  # a longer body is not copied to stand behind its head
SLICE = 64 * 1024
Result = TypeVar("Result")
INTERIM = re.compile(rb"HTTP/1\.[01] +1")
INTERIMS = 20  # heads that may come before the one of the answer


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
    connection.turn.taken()  # the turns of this exchange begin with it
    try:
        data = b""
        try:
            data = sent(connection, head, request) or received(connection, clock, b"")
        except (ConnectionError, ssl.SSLError) as error:
            if connection.reused:
                raise Stale from error
            raise
        return answered(connection, data, request, pool)
    except BaseException:
        connection.close()
        raise


def sent(connection: Connection, head: bytes, request: Request) -> bytes:
    """Write the request. A server may answer before all of it has come: then what came of that answer."""
    body = request.body or b""
    assert isinstance(body, bytes | bytearray)
    connection.sock.settimeout(request.clock.timeout())
    if len(body) <= APART:
        connection.sock.sendall(head + body)
        return b""
    try:
        connection.sock.sendall(head)
        return sent_in_slices(connection, memoryview(body), request.clock)
    except (BrokenPipeError, ConnectionResetError):
        connection.spent = True
        return b""


def sent_in_slices(connection: Connection, body: memoryview, clock: Clock) -> bytes:
    """Write a large body, and listen whenever the server takes no more of it; what came of an answer."""
    sock, at, early = connection.sock, 0, b""
    either = select.poll()
    either.register(sock.fileno(), select.POLLIN | select.POLLOUT)
    sock.settimeout(0.0)
    while at < len(body):
        connection.turn.offer()
        if count := unblocked(sock.send, body[at : at + SLICE]):
            at += count
        elif readable(either, clock):
            came = unblocked(sock.recv, AT_ONCE)  # None: TLS had something to say for itself
            early += came or b""
            if came == b"" or begun(early):
                connection.spent = True
                break
    return early


def unblocked(call: Callable[[Any], Result], argument: Any) -> Result | None:
    """What `call` gives, None where it would block."""
    try:
        return call(argument)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None


def readable(either: Any, clock: Clock) -> bool:
    """Wait for either; whether there is something to read."""
    seconds = clock.timeout()
    if not (ready := either.poll(None if seconds is None else seconds * 1000)):
        raise TimeoutError
    return any(events & ~select.POLLOUT for _, events in ready)


def begun(data: bytes) -> bool:
    """Whether the answer has begun; announcements (1xx) may come before, and are no reason to stop."""
    while INTERIM.match(data) and (end := http1.head_end(data)):
        data = data[end:]
    return len(data) > len("HTTP/1.1 2") and not INTERIM.match(data)


def received(connection: Connection, clock: Clock, data: bytes) -> bytes:
    """`data` and what comes next. Raises ConnectionError if nothing does."""
    connection.sock.settimeout(clock.timeout())
    more = connection.receive(AT_ONCE)
    if not more:
        raise ConnectionResetError("it closed the connection without an answer")
    return data + more


def answered(connection: Connection, data: bytes, request: Request, pool: Pool) -> Response:
    """The answer whose first bytes are `data`."""
    clock = request.clock
    for _ in range(INTERIMS):
        while not (end := http1.head_end(data)):
            data = received(connection, clock, data)
        head = http1.Head(data[:end])
        data = data[end:]
        if head.status >= 200:
            break
        if head.status == 101:
            raise ValueError("it changed the protocol unasked")
    else:
        raise ValueError("it announces an answer again and again")
    clock.arrives()
    answer = Answer(connection, pool, http1.framing(request.method or "", head), head, clock, data)
    return Response(head, answer, request)
