"""gunicorn's gevent worker, which says goodbye in time.

At SIGTERM gunicorn waits for whatever is open and then cuts it off. Here idle connections are let go at
once, so that they delay nothing, and calls still running after GRACE_SECONDS are told to end, so that their
clients get an error event and their records are closed.

Nothing of ours is imported before the fork: modules must meet the standard library as gevent leaves it.
"""

import errno
import importlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import gevent
from gunicorn.http.errors import NoMoreData
from gunicorn.http.parser import Parser
from gunicorn.workers.ggevent import GeventWorker

from gateway_site import env

GreenSocket: Any = importlib.import_module("gevent.socket").socket  # its stub forgets the class
CLIENT_SECONDS = 300.0  # without reading anything, as long as a provider may be silent


class ClientSocket(GreenSocket):  # type: ignore[misc]
    """A client's connection. What fits into its buffer, as nearly all does, is written without ado."""

    __slots__ = ()

    def sendall(self, data: Any, flags: int = 0) -> None:
        """gevent's asks for the buffer's size before each write, which costs as much as the write."""
        try:
            sent = self._sock.send(data, flags)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            with patience(self):
                super().sendall(memoryview(data)[sent:], flags)


@contextmanager
def patience(client: Any) -> Iterator[None]:
    """A client that reads slowly has CLIENT_SECONDS for what is waiting, and the provider's clock stands.

    Whatever ends that wait is, to gunicorn, a connection that was reset.
    """
    from proxy import watch

    watched, before, began = watch.current(), client.gettimeout(), time.monotonic()
    deadline, error = (watched.deadline, watched.error) if watched else (None, None)
    client.settimeout(CLIENT_SECONDS)
    try:
        if watched:
            watched.clear()
        yield
    except (TimeoutError, watch.Stopping) as ended:
        raise ConnectionResetError(errno.ECONNRESET, "The client did not read its answer.") from ended
    finally:
        client.settimeout(before)
        if watched and deadline is not None and error is not None:
            watched.until(deadline + time.monotonic() - began, error)


def finish_body(parser: Parser, deadline: float | None = None, max_bytes: int | None = None) -> bool:
    """What a refused request still sends is read for a second and 64 KiB; then its connection closes.

    gunicorn would read to the end, however long that is, and give nobody a turn.
    """
    soon = time.monotonic() + 1 if deadline is None else deadline
    return bool(DRAIN(parser, soon, max_bytes))


DRAIN = Parser.finish_body
Parser.finish_body = finish_body


class Worker(GeventWorker):  # type: ignore[misc]
    """`idle`: the greenlets that wait for a request. `leaving`: set when the worker ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.idle: set[gevent.Greenlet] = set()
        self.leaving: threading.Event | None = None

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        if type(client) is GreenSocket:  # not over TLS
            client.__class__ = ClientSocket
        super().handle(listener, client, addr)

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """gunicorn waits for a connection's next request within this, at most `keepalive` seconds."""
        greenlet = gevent.getcurrent()
        self.idle.add(greenlet)
        try:
            with super().timeout_ctx():
                yield
        finally:
            self.idle.discard(greenlet)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._leave, env.number("GRACE_SECONDS", 120))

    def _leave(self, grace: float) -> None:
        from proxy import watch

        until = time.monotonic() + grace
        while (left := until - time.monotonic()) > 0:
            gevent.get_hub().loop.run_callback(self._let_go)
            gevent.sleep(min(left, 0.5))
        watch.interrupt_all()

    def _let_go(self) -> None:
        """Close idle connections. Runs in the hub, so that none of them can become busy meanwhile."""
        for greenlet in list(self.idle):
            greenlet.throw(NoMoreData())
