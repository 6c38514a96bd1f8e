"""Turns at the worker's loop while much is read: calls run beside whoever looks at the log."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

LONGEST = 0.004  # seconds that one page may keep the loop for itself

T = TypeVar("T")


def in_turns(things: Iterable[T]) -> Iterator[T]:
    """The things as they are, and between two of them a turn for the others when one is due."""
    last = time.monotonic()
    for thing in things:
        yield thing
        if time.monotonic() - last > LONGEST:
            give()
            last = time.monotonic()


def give() -> None:
    """A real sleep: gevent's sleep(0) looks at no socket and no timer."""
    time.sleep(1e-6)
