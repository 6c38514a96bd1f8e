"""How late this worker's loop was: a tick every 50 ms that notes by how much it missed its time.

Tests of the whole server ask it whether anything held the loop. A thread, which under gevent is a
greenlet; it starts with the first question and ends itself when nobody asks any more.
"""

import threading
import time

EVERY = 0.05  # seconds
UNASKED = 600.0  # seconds without a question after which it ends


class Ticker:
    """One for each process."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.ticks = 0
        self.asked = 0.0
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def ask(self) -> tuple[float, int]:
        """The worst lateness in seconds and the number of ticks since the last question."""
        with self.lock:
            self.asked = time.monotonic()
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="sandbox-tick", daemon=True)
                self.thread.start()
            told = (self.worst, self.ticks)
            self.worst, self.ticks = 0.0, 0
            return told

    def run(self) -> None:
        while self.wanted():
            due = time.monotonic() + EVERY
            time.sleep(EVERY)
            with self.lock:
                self.worst = max(self.worst, time.monotonic() - due)
                self.ticks += 1

    def wanted(self) -> bool:
        with self.lock:
            if time.monotonic() - self.asked < UNASKED:
                return True
            self.thread = None
            return False


TICKER = Ticker()
