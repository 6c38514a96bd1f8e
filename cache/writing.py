"""What is written to Redis while nobody waits for it: one thread of each worker (a greenlet, under gevent).

What waits is bounded; what it cannot keep up with is not written.
"""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

ROOM = 16 * 1024 * 1024  # bytes of what waits
BESIDE = 1024  # bytes that a job takes beside what it says

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """`size`: the bytes it holds. `work` raises nothing that is foreseen."""

    key: str
    size: int
    work: Callable[[], None]

    @property
    def weight(self) -> int:
        return self.size + BESIDE


class Writer:
    """The thread, and what waits for it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Be as new: nothing waits, no thread."""
        self._waiting: deque[Job] = deque()
        self._taken = 0
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, job: Job) -> None:
        with self._lock:
            if self._taken + job.weight > ROOM:
                return
            self._waiting.append(job)
            self._taken += job.weight
            with contextlib.suppress(RuntimeError):  # no thread could be started; the next job tries again
                self.start()
        self._due.set()

    def leave(self, key: str) -> None:
        """What waits under a key is not to be written any more."""
        with self._lock:
            self._waiting = deque(job for job in self._waiting if job.key != key)
            self._taken = sum(job.weight for job in self._waiting)

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="cache", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            while (job := self.next()) is not None:
                try:
                    job.work()
                except Exception:
                    log.exception("An answer could not be kept.")

    def next(self) -> Job | None:
        """The job that waits longest, which then waits no more."""
        with self._lock:
            if not self._waiting:
                return None
            job = self._waiting.popleft()
            self._taken -= job.weight
            return job


writer = Writer()
