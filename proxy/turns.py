"""Turns at the worker's loop, for work that could go on and on without ever having to wait.

gevent changes greenlets only where one waits, and a socket that is always ready lets nobody wait: one quick
sender would hold every other call of the worker up. Whoever works through what comes offers a turn between
two pieces of it.
"""

import time

LONGEST = 0.005  # seconds that one greenlet may keep the loop for itself


def give() -> None:
    """Let the others have their turn now.

    It has to be a real sleep: gevent's sleep(0) runs callbacks only, and looks at no socket and no timer.
    """
    time.sleep(1e-6)


class Turn:
    """When the others last had their turn."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = time.monotonic()

    def taken(self) -> None:
        """The others had their turn just now: something was waited for."""
        self._last = time.monotonic()

    def offer(self) -> None:
        """Give a turn if the last one was LONGEST seconds ago."""
        if time.monotonic() - self._last > LONGEST:
            give()
            self._last = time.monotonic()
