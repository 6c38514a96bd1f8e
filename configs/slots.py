"""Who of many may do what only a few can do at once, so that nobody's flood takes all of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Slots:
    """At most `at_most` at once, and of one workspace one fewer, so that one is left for the others."""

    def __init__(self, at_most: int) -> None:
        self.all = threading.BoundedSemaphore(at_most)
        self.of_one = at_most - 1
        self.waiting: dict[str, int] = {}  # by workspace: those that work or wait
        self.shares: dict[str, threading.BoundedSemaphore] = {}

    @contextmanager
    def taken(self, whose: str) -> Iterator[None]:
        """One of them, waited for."""
        share = self.shares.setdefault(whose, threading.BoundedSemaphore(self.of_one))
        self.waiting[whose] = self.waiting.get(whose, 0) + 1
        try:
            with share, self.all:
                yield
        finally:
            self.waiting[whose] -= 1
            if not self.waiting[whose]:
                del self.waiting[whose], self.shares[whose]
