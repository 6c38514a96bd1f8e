"""The journal's health, as its files tell: who reads it, what waits, what was set aside, what room is left.

Of this machine and DATA_DIR alone; others have a journal of their own. Nothing is changed here, and no more
than so many files and records are looked at.
"""

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar

from logs import lock, progress, set_aside
from logs.ids import minted_at
from logs.reader import NAME
from logs.segments import CLOSED, HEADER_BYTES, Measure, measure

MOST_SEGMENTS = 10_000
MOST_RECORDS = 20_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Health:
    """Sizes in bytes. Of what waits, `oldest` is the earliest moment at which it can have been written."""

    host: str
    folder: Path
    is_read: bool  # an ingester runs
    looked_at: datetime | None  # when it last began a look that it brought to its end
    away: str  # why it cannot write to the database
    segments: int
    size: int
    calls: int  # closed, and not yet in the database
    unread: int
    is_all: bool  # whether all that waits was looked at
    oldest: datetime | None
    set_aside: int
    free: int
    room: int


@dataclass(frozen=True, slots=True)
class Newest:
    """When the latest call in the database was made, if there is any; `away`: why nobody can tell."""

    at: datetime | None
    away: str


@dataclass(slots=True)
class Waiting:
    calls: int = 0
    unread: int = 0
    records: int = 0
    oldest: datetime | None = None

    @property
    def is_all(self) -> bool:
        return self.records < MOST_RECORDS


def health(folder: Path) -> Health:
    """Of the journal in `folder`. To be called beside the loop: it reads files."""
    seen = progress.seen(folder)
    looked_at = None if seen.looked_at is None else datetime.fromtimestamp(seen.looked_at, UTC)
    paths = segments(folder)
    found = waiting(paths, seen.progress.read, looked_at)
    disk = shutil.disk_usage(folder if folder.is_dir() else folder.parent)
    return Health(
        host=socket.gethostname(),
        folder=folder,
        is_read=folder.is_dir() and not lock.is_free(folder),
        looked_at=looked_at,
        away=seen.progress.away,
        segments=len(paths),
        size=sum(size(path) for path in paths),
        calls=found.calls,
        unread=found.unread,
        is_all=found.is_all,
        oldest=found.oldest,
        set_aside=set_aside.count(folder / "refused"),
        free=disk.free,
        room=disk.total,
    )


def set_aside_count(folder: Path) -> int:
    """How many calls were set aside, of the journal in `folder`. Quick: for every list of calls."""
    return set_aside.count(folder / "refused")


def segments(folder: Path) -> list[Path]:
    return sorted(
        islice((path for path in folder.glob("*.journal") if NAME.fullmatch(path.name)), MOST_SEGMENTS)
    )


def size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def waiting(paths: Iterable[Path], read: Mapping[str, int], looked_at: datetime | None) -> Waiting:
    """What was written behind what is read of each segment."""
    found = Waiting()
    for path in paths:
        for record in islice(unread(path, read.get(path.name, 0)), MOST_RECORDS - found.records):
            found.records += 1
            found.unread += record.size
            found.calls += record.kind == CLOSED
            written = max(minted_at(record.id), looked_at or minted_at(record.id))
            found.oldest = min(written, found.oldest or written)
    return found


def unread(path: Path, start: int) -> Iterator[Measure]:
    """The records of a segment from `start` on, by their headers alone."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # read to its end meanwhile
    try:
        while record := measure(os.pread(file, HEADER_BYTES, start)):
            start += record.size
            yield record
    finally:
        os.close(file)


def beside_the_loop(look: Callable[[], T]) -> T:
    """What `look` gives, asked in a thread of the system where gevent runs the process, else here."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return look()
    from gevent import get_hub  # only a process that gevent patched has it

    found: T = get_hub().threadpool.apply(look)
    return found
