"""A shelf of the directory: values kept under keys, read when missing, read again when stale.

A hit costs a look into a dict and a mark. The mark is for the second chance: when a shelf is full, the oldest
entries go, those used since they were last considered excepted. Who asks for the same missing value waits for
one reading; if a stale value cannot be read within PATIENCE, the last known one stays good.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import Error as DatabaseError

from keys.errors import DirectoryAway
from keys.seldom import Seldom

PATIENCE = 1.0  # seconds a caller waits for the database
UNKNOWN_FOR = 5.0  # seconds
UNKNOWN_AT_MOST = 10_000
AGAIN_AFTER = 1.0  # seconds until a failed refresh is tried again

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
Tag = tuple[str, str]  # a kind and an id

log = logging.getLogger(__name__)
seldom = Seldom(60)


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, V]):
    """`loader` finds the value of a key and the tags it depends on, or None; it may raise anything.

    `heeds`: the kinds of change that may make something known that was unknown. `size`: how many values are
    kept at most; `room`: bytes they may come to, where `weigh` says how many a value does. One that has no
    room is read each time.
    """

    name: str
    loader: Callable[[K], tuple[V, Iterable[Tag]] | None]
    heeds: frozenset[str] = frozenset()
    size: int = 50_000
    weigh: Callable[[V], int] | None = None
    room: int = 0


class Entry(Generic[V]):
    __slots__ = ("again_at", "stale", "tags", "used", "value", "weight")

    def __init__(self, value: V, tags: frozenset[Tag], weight: int, *, stale: bool) -> None:
        self.value, self.tags, self.weight, self.stale = value, tags, weight, stale
        self.used = True
        self.again_at = 0.0  # of a stale entry that could not be read: when to try again; 0, never failed


class Load(Generic[V]):
    """One reading, which all who need what it finds wait for together."""

    def __init__(self, marks: int) -> None:
        self.marks = marks  # how often the shelf had been marked when the reading began
        self.done = threading.Event()
        self.value: V | None = None
        self.failed = False


class Shelf(Generic[K, V]):
    """`run` is given the reading to do and sees to it that it is done, most likely elsewhere."""

    def __init__(self, kind: Kind[K, V], run: Callable[[Callable[[], None]], None]) -> None:
        self.kind, self._run = kind, run
        self.clear()

    def clear(self) -> None:
        """Forget everything; after a fork the locks, too, are made anew."""
        self._entries: OrderedDict[K, Entry[V]] = OrderedDict()
        self._tagged: dict[Tag, set[K]] = {}
        self._unknown: OrderedDict[K, float] = OrderedDict()
        self._loads: dict[K, Load[V]] = {}
        self._weight = 0
        self._marks = 0
        self._lock = threading.Lock()

    def find(self, key: K) -> V | None:
        """The value of `key`; None if there is none. Raises DirectoryAway."""
        entry = self._entries.get(key)
        if entry is not None and not entry.stale:
            entry.used = True
            return entry.value
        return self._refresh(key, entry) if entry is not None else self._learn(key)

    def _learn(self, key: K) -> V | None:
        """What is not on the shelf: remembered as unknown, or waited for."""
        if (until := self._unknown.get(key)) is not None and until > time.monotonic():
            return None
        load = self._load(key)
        if not load.done.wait(PATIENCE) or load.failed:
            raise DirectoryAway
        return load.value

    def _refresh(self, key: K, entry: Entry[V]) -> V | None:
        """What is on the shelf but stale: read anew if the database answers, else as it was."""
        entry.used = True
        if entry.again_at > time.monotonic():
            return entry.value
        patience = 0.0 if entry.again_at else PATIENCE  # who has waited once in vain does not wait again
        load = self._load(key)
        if load.done.wait(patience) and not load.failed:
            return load.value
        entry.again_at = time.monotonic() + AGAIN_AFTER
        return entry.value

    def _load(self, key: K) -> Load[V]:
        """The reading that is under way for `key`, begun now if there is none."""
        with self._lock:
            under_way = self._loads.get(key)
            if under_way is not None and under_way.marks == self._marks:
                return under_way
            load = self._loads[key] = Load[V](self._marks)
        try:
            self._run(lambda: self._read(key, load))
        except RuntimeError as error:  # no thread could be started
            self._fail(load, error)
            self._end(key, load)
        return load

    def _read(self, key: K, load: Load[V]) -> None:
        try:
            load.value = self._keep(key, self.kind.loader(key), load)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
            self._fail(load, error)
        finally:
            self._end(key, load)

    def _fail(self, load: Load[V], error: Exception) -> None:
        load.failed = True
        if seldom.now(self.kind.name):
            foreseen = isinstance(error, DatabaseError)
            said = " ".join(str(error).split())
            log.warning("No %s could be read: %s", self.kind.name, said, exc_info=None if foreseen else error)

    def _end(self, key: K, load: Load[V]) -> None:
        with self._lock:
            if self._loads.get(key) is load:
                del self._loads[key]
        load.done.set()

    def _keep(self, key: K, found: tuple[V, Iterable[Tag]] | None, load: Load[V]) -> V | None:
        value, tags = found or (None, ())
        weight = self.kind.weigh(value) if self.kind.weigh and value is not None else 0
        with self._lock:
            if self._loads.get(key) is not load:
                return value  # a later reading is under way or done, and knows better
            # What changed while we read may or may not be in what we read.
            stale = load.marks != self._marks
            self._drop(key)
            if value is not None and weight <= self.kind.room:
                self._put(key, Entry(value, frozenset(tags), weight, stale=stale))
            elif value is None and not stale:
                self._remember_unknown(key)
        return value

    def _put(self, key: K, entry: Entry[V]) -> None:
        self._entries[key] = entry
        self._weight += entry.weight
        for tag in entry.tags:
            self._tagged.setdefault(tag, set()).add(key)
        self._make_room()

    def _remember_unknown(self, key: K) -> None:
        self._unknown[key] = time.monotonic() + UNKNOWN_FOR
        self._unknown.move_to_end(key)
        if len(self._unknown) > UNKNOWN_AT_MOST:
            self._unknown.popitem(last=False)

    def _make_room(self) -> None:
        while len(self._entries) > self.kind.size or self._weight > self.kind.room:
            key, entry = next(iter(self._entries.items()))
            if entry.used:
                entry.used = False
                self._entries.move_to_end(key)
            else:
                self._drop(key)

    def _drop(self, key: K) -> None:
        self._unknown.pop(key, None)
        if (entry := self._entries.pop(key, None)) is None:
            return
        self._weight -= entry.weight
        for tag in entry.tags:
            keys = self._tagged[tag]
            keys.discard(key)
            if not keys:
                del self._tagged[tag]

    def mark(self, changed: Iterable[Tag]) -> None:
        """What was made of any of `changed` is stale from now on."""
        with self._lock:
            self._marks += 1
            kinds = set()
            for tag in changed:
                kinds.add(tag[0])
                for key in self._tagged.get(tag, ()):
                    self._entries[key].stale = True
            if not kinds.isdisjoint(self.kind.heeds):
                self._unknown.clear()

    def mark_all(self) -> None:
        with self._lock:
            self._marks += 1
            self._unknown.clear()
            for entry in self._entries.values():
                entry.stale = True

    def __len__(self) -> int:
        return len(self._entries)
