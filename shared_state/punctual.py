"""One deadline for all that is asked of Redis within a block.

The library's timeout holds for each piece of an answer, and an answer may come a byte at a time. So the
sockets of its connections look at the clock before each piece, and wait no longer than is left.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


class _Deadline(threading.local):
    """When (time.monotonic) this thread's use of Redis, or greenlet's, is over."""

    at: float | None = None


deadline = _Deadline()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let no socket wait longer than that in the block; the outer of two blocks cannot be prolonged."""
    before, own = deadline.at, time.monotonic() + seconds
    deadline.at = own if before is None else min(before, own)
    try:
        yield
    finally:
        deadline.at = before


def left() -> float | None:
    """Seconds that are left; None where there is no deadline. Raises TimeoutError if there are none."""
    if deadline.at is None:
        return None
    seconds = deadline.at - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("The time for this use of Redis is over.")
    return seconds


@lru_cache
def kind(connection: Any) -> Any:
    """The class of connections that does the same, in time."""
    return type(connection.__name__, (Punctual, connection), {})


class Punctual:
    """What a connection of the library does, on a socket that looks at the clock."""

    def _connect(self) -> "Socket":
        left()
        return Socket(super()._connect())  # type: ignore[misc]


class Socket:
    """A socket whose timeout is shortened to what is left."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def recv(self, *arguments: Any) -> bytes:
        with self.in_time():
            received: bytes = self._socket.recv(*arguments)
        return received

    def recv_into(self, *arguments: Any) -> int:
        with self.in_time():
            count: int = self._socket.recv_into(*arguments)
        return count

    def sendall(self, *arguments: Any) -> None:
        with self.in_time():
            self._socket.sendall(*arguments)

    @contextmanager
    def in_time(self) -> Iterator[None]:
        usual, seconds = self._socket.gettimeout(), left()
        if seconds is None or (usual is not None and usual <= seconds):
            yield
            return
        self._socket.settimeout(seconds)
        try:
            yield
        finally:
            self._socket.settimeout(usual)
