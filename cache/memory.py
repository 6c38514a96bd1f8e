"""The answers that one worker remembers: bounded in bytes and in number, the least used go first.

All of it is done in the same time, however much there is. What is over is dropped when it is met.
"""

import threading
import time
from collections import OrderedDict
from typing import NamedTuple

from cache.entries import Entry

ENTRIES = 50_000
BESIDE = 1024  # bytes that an entry takes beside its body


class Kept(NamedTuple):
    entry: Entry
    until: float  # time.monotonic

    @property
    def size(self) -> int:
        return len(self.entry.body) + BESIDE


class Memory:
    """`room`: bytes that all entries may take."""

    def __init__(self, room: int, entries: int = ENTRIES) -> None:
        self.room, self.entries = room, entries
        self.clear()

    def clear(self) -> None:
        """Forget everything; after a fork the lock, too, is made anew."""
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._taken = 0
        self._lock = threading.Lock()

    def find(self, key: str) -> Entry | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            if kept.until <= time.monotonic():
                self._drop(key)
                return None
            self._kept.move_to_end(key)
            return kept.entry

    def keep(self, key: str, entry: Entry, seconds: float) -> None:
        """Remember the entry for so long, if there is room for it at all."""
        kept = Kept(entry, time.monotonic() + seconds)
        with self._lock:
            self._drop(key)
            if kept.size > self.room:
                return
            self._kept[key] = kept
            self._taken += kept.size
            while self._taken > self.room or len(self._kept) > self.entries:
                self._drop(next(iter(self._kept)))

    def drop(self, key: str) -> None:
        with self._lock:
            self._drop(key)

    def _drop(self, key: str) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._taken -= kept.size

    def __len__(self) -> int:
        return len(self._kept)
