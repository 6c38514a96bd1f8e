"""How a request gets to a provider: an HTTPAdapter of requests over connections of our own.

`Adapter.send` takes a connection, writes one request and reads one head; it does nothing else of what
requests and urllib3 do on the way, which costs three times as much. A reused connection that breaks before
the first byte of an answer is replaced once by a fresh one. Failures are those of the libraries; upstream.py
tells them in our terms.
"""

import hashlib
import hmac
import socket
import ssl
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter

from providers.errors import Unreachable, Unrenderable
from providers.types import WireRequest
from proxy import http1
from proxy.answer import Answer
from proxy.clocks import Clock
from proxy.connections import Connection, Pool, Pools, proxy_headers

LOOP_HEADER = "x-gatehouse-hop"
LOOP_MARK = hmac.new(settings.SECRET_KEY.encode(), b"loop", hashlib.sha256).hexdigest()[:16]
APART = 64 * 1024  # a longer body is not copied to stand behind its head


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
