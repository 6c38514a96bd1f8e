"""The way an answer goes out: its pauses, its breaks, and how its bytes are cut.

The one part of the sandbox that waits and that touches a socket. What is said comes from elsewhere.
"""

import errno
import json
import socket
import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from sandbox.manners import BEFORE_HEADERS, LONGEST, Manners
from sandbox.room import STREAM, Reply

LOOK = 0.25  # seconds between two looks whether a client that gets nothing has left
APART = 0.01  # seconds between two pieces of a character, so that they are read apart
HTML = b"<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body>It works!</body></html>\n"
NOT_JSON = b'data: {"id": "chatcmpl-garbage", "choices": [{"delta": {"content": oops\n\n'


def send(request: HttpRequest, reply: Reply) -> HttpResponseBase:
    """The answer to `request`. Pauses happen here or while the server reads the answer."""
    told = reply.manners
    pause(told)
    if told.silence == BEFORE_HEADERS:
        return StreamingHttpResponse(silence(request))
    if told.garbage == BEFORE_HEADERS:
        return framed(request, told, "text/html", iter([HTML]))
    if reply.kind == STREAM:
        return framed(request, told, STREAM, stream(request, told, reply.pieces, reply.broken))
    return sent_whole(request, told, reply.kind, gathered(reply.pieces))


def pause(told: Manners) -> None:
    """The wait before any answer."""
    time.sleep(told.delay)


def gathered(pieces: Iterable[bytes]) -> bytes:
    """The pieces as one; between two of them the worker has time for others, their sockets and timers too."""
    body = bytearray()
    for piece in pieces:
        if body:
            time.sleep(1e-6)
        body += piece
    return bytes(body)


def sent_whole(request: HttpRequest, told: Manners, kind: str, body: bytes) -> HttpResponseBase:
    pieces: Iterator[bytes] = iter([body])
    if told.cut is not None:
        pieces = cut(body[: len(body) // 2] if told.cut else b"")
    response = framed(request, told, kind, pieces)
    if not told.unchunked:
        response.headers["Content-Length"] = str(len(body))
    return response


def framed(request: HttpRequest, told: Manners, kind: str, pieces: Iterator[bytes]) -> HttpResponseBase:
    """A 200 answer of `pieces`, cut as the manners say, in chunks or without."""
    if told.split_utf8:
        pieces = apart(pieces)
    if told.fragment:
        pieces = fragments(pieces, told.fragment)
    if told.unchunked:
        pieces = unchunked(request, kind, pieces)
    return StreamingHttpResponse(pieces, content_type=kind)


def stream(request: HttpRequest, told: Manners, events: Iterable[bytes], error: bytes) -> Iterator[bytes]:
    """The events at their pace, until something is ordered to happen to them."""
    events = list(events)
    for _ in range(told.comments):
        yield b": keep-alive\n\n"
        time.sleep(told.pace)
    for sent, event in enumerate(events):
        if told.unfinished == sent:
            return
        if (trouble := troubled(request, told, sent, error)) is not None:
            yield from trouble
            return
        if sent:
            time.sleep(told.hold if sent == 1 and told.hold else told.pace)
        yield event


def troubled(request: HttpRequest, told: Manners, sent: int, error: bytes) -> Iterator[bytes] | None:
    """What comes instead of the event number `sent`, if it is not that event."""
    if told.silence == sent:
        return silence(request)
    if told.cut == sent:
        return cut(b"")
    if told.garbage == sent:
        return iter([NOT_JSON])
    if told.error_event == sent:
        return iter([error])
    return None


def silence(request: HttpRequest) -> Iterator[bytes]:
    """Nothing, until the client leaves, at most LONGEST seconds."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until and not left(request):
        time.sleep(LOOK)
    yield from cut(b"")


def left(request: HttpRequest) -> bool:
    """Whether the client has closed its connection. Without a server's socket nobody can tell: True."""
    client = request.META.get("gunicorn.socket")
    if client is None:
        return True
    # gevent's socket would wait for bytes; the one inside it answers at once.
    bare = getattr(client, "_sock", client)
    try:
        return not bare.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def cut(first: bytes) -> Iterator[bytes]:
    """`first`, then the connection breaks: gunicorn closes it on this error and writes no end."""
    if first:
        yield first
    raise ConnectionResetError(errno.ECONNRESET, "The sandbox was asked to cut this answer short.")


def apart(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Each piece cut in two inside its first character of several bytes, if it has one."""
    for piece in pieces:
        inside = next((i for i, byte in enumerate(piece) if 0x80 <= byte < 0xC0), 0)
        if inside:
            yield piece[:inside]
            time.sleep(APART)
        yield piece[inside:]


def fragments(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes, at most `size` at a time."""
    for piece in pieces:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


def unchunked(request: HttpRequest, kind: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Without a length and without chunks; that the connection closes is the end of it.

    WSGI leaves framing to the server, and gunicorn always chunks such an answer to HTTP/1.1. So the bytes
    are written past it, and its own answer is never begun. Elsewhere (the test client has no framing)
    they take the usual way.
    """
    client = request.META.get("gunicorn.socket")
    if client is None:
        yield from pieces
        return
    client.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode())
    for piece in pieces:
        client.sendall(piece)
    client.shutdown(socket.SHUT_WR)
    yield from cut(b"")


def refused(status: int, body: dict[str, Any], told: Manners | None = None) -> HttpResponseBase:
    """An error answer."""
    response = HttpResponse(json.dumps(body), status=status, content_type="application/json")
    if told is not None and told.garbage is not None:
        response = HttpResponse(HTML, status=status, content_type="text/html")
    if told is not None and told.retry_after:
        response.headers["Retry-After"] = told.retry_after
    if 300 <= status < 400:
        response.headers["Location"] = "/sandbox/"
    response._has_been_logged = True  # type: ignore[attr-defined]  # asked for: Django would call it an error
    return response


def phrase(status: int) -> str:
    """What an ordered status says."""
    try:
        return f"{HTTPStatus(status).phrase}, as you asked."
    except ValueError:
        return f"Status {status}, as you asked."
