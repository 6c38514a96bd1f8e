"""The journal read back: segments followed while they are written, openings and closings paired by id.

Of an open call only its place is kept. A call is given out once, when it has closed or when its writer is
gone; whoever takes it has it in the database before `tidy` is called, which removes what is done with.
Reading everything again after a restart is harmless, for rows are written once by their id.
"""

import contextlib
import fcntl
import logging
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from logs.segments import OPENED, Record, Stop, read, resume

NAME = re.compile(r"[0-9]+-([0-9a-f]{8})-[0-9]{8}\.journal")
WINDOW = 64 << 10  # read at once, more where a record is longer
PATIENCE = 4  # looks at a broken record of a living writer before what stands behind it is read
FRESH_BYTES = 256 << 10  # of openings, kept until the end of a look
DRAFT_SECONDS = 60  # after which a segment that nobody locks was not finished

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is over. Without `closed` its writer is gone; without `opened` that record was damaged."""

    id: str
    opened: Record | None
    closed: Record | None


class Place(NamedTuple):
    """Where a record stands."""

    segment: "Segment"
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Segment:
    path: Path
    fd: int
    seed: int
    size: int
    offset: int = 0
    broken: int = 0  # looks that found a broken record at the offset
    left: bool = False  # by its writer: nothing more will be written
    open: set[str] = field(default_factory=set)  # calls that opened here and are not over
    strays: int = 0  # closings here whose openings were not found yet

    def records(self) -> Iterator[tuple[Place, Record]]:
        """What was written since the last look."""
        window = WINDOW
        while self.offset < self.size:
            data, base, at = os.pread(self.fd, window, self.offset), self.offset, 0
            while isinstance(found := read(data, at, self.seed), Record):
                self.offset, self.broken = base + found.end, 0
                yield Place(self, base + at, self.offset), found
                at = found.end
            if found is Stop.SHORT and base + len(data) < self.size:
                window = WINDOW if at else window * 4
            elif found is Stop.END or not self.passed():
                return

    def passed(self) -> bool:
        """Step over a broken record, once it cannot be one that is just being written."""
        self.broken += 1
        if not self.left and self.broken < PATIENCE:
            return False
        rest = os.pread(self.fd, self.size - self.offset, self.offset)
        behind = resume(rest, 0, self.seed)
        if behind is None:
            return False
        logger.warning("A broken record of %d bytes in %s was passed over.", behind, self.path.name)
        self.offset += behind
        return True

    def is_left(self) -> bool:
        """Whether its writer has moved on for good, or is gone."""
        if not self.left:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self.fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
                self.left = True
        return self.left


def again(place: Place) -> Record:
    """A record that was read before."""
    segment, start, end = place
    record = read(os.pread(segment.fd, end - start, start), 0, segment.seed)
    if not isinstance(record, Record):
        raise OSError(f"{segment.path.name} no longer holds what stood at {start}.")
    return record


class Journal:
    """The reading side of `folder`; one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segments: dict[str, Segment] = {}
        self.opened: dict[str, Place] = {}
        self.strays: dict[str, tuple[Place, int]] = {}  # closings without an opening, since which look
        self.looks = 0
        self.fresh: dict[str, Record] = {}  # openings of this look, which most closings follow at once
        self.fresh_bytes = 0

    def calls(self) -> Iterator[Call]:
        """Every call that is over and was not given out yet.

        The order matters: once a lock was found free, all that its writer wrote is there to be read, in
        whatever segment; so a call that opened there and is still open after this look never closed.
        """
        self.looks += 1
        self.forget()
        self.discover()
        left = [segment for segment in self.segments.values() if segment.is_left()]
        self.discover()
        for segment in list(self.segments.values()):
            for place, record in segment.records():
                yield from self.paired(place, record)
        yield from self.unopened()
        for segment in left:
            yield from self.interrupted(segment)
        self.forget()

    def discover(self) -> None:
        """Take up new segments, in the order they were written."""
        for path in sorted(self.folder.glob("*.journal")):
            name = path.name
            if name not in self.segments and (match := NAME.fullmatch(name)):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                self.segments[name] = Segment(path, fd, int(match[1], 16), os.fstat(fd).st_size)

    def paired(self, place: Place, record: Record) -> Iterator[Call]:
        if record.kind == OPENED and (stray := self.strays.pop(record.id, None)):
            closing = stray[0]
            closing.segment.strays -= 1
            yield Call(record.id, record, again(closing))
        elif record.kind == OPENED:
            self.opened[record.id] = place
            place.segment.open.add(record.id)
            self.remember(place, record)
        elif opening := self.opened.pop(record.id, None):
            opening.segment.open.discard(record.id)
            yield Call(record.id, self.fresh.pop(record.id, None) or again(opening), record)
        else:
            self.strays[record.id] = (place, self.looks)
            place.segment.strays += 1

    def remember(self, place: Place, record: Record) -> None:
        self.fresh_bytes += place.end - place.start
        if self.fresh_bytes > FRESH_BYTES:
            self.forget()
        self.fresh[record.id] = record

    def forget(self) -> None:
        self.fresh, self.fresh_bytes = {}, 0

    def unopened(self) -> Iterator[Call]:
        """Closings whose openings are damaged: those written while we read came up by the next look."""
        for call, (place, since) in list(self.strays.items()):
            if since < self.looks:
                del self.strays[call]
                place.segment.strays -= 1
                yield Call(call, None, again(place))

    def interrupted(self, segment: Segment) -> Iterator[Call]:
        for call in sorted(segment.open):
            segment.open.discard(call)
            yield Call(call, again(self.opened.pop(call)), None)

    def tidy(self) -> None:
        """Remove the segments that are done with; everything that was given out is in the database."""
        for name, segment in list(self.segments.items()):
            if segment.left and not segment.open and not segment.strays:
                segment.path.unlink(missing_ok=True)
                os.close(segment.fd)
                del self.segments[name]
        for draft in self.folder.glob("*.draft"):
            if abandoned(draft):
                draft.unlink(missing_ok=True)

    def read(self) -> dict[str, int]:
        """The bytes of each segment, by its name, that were read."""
        return {name: segment.offset for name, segment in self.segments.items()}

    @property
    def quiet(self) -> bool:
        """Whether nothing is left to be read, now or later."""
        return not self.segments

    @property
    def settled(self) -> bool:
        """Whether all that has been written is given out, calls apart that are still open."""
        return not self.strays

    def close(self) -> None:
        for segment in self.segments.values():
            os.close(segment.fd)
        self.segments.clear()


def abandoned(draft: Path) -> bool:
    """Whether a segment was begun by a process that is gone."""
    with contextlib.suppress(FileNotFoundError, BlockingIOError), draft.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return time.time() - os.fstat(file.fileno()).st_mtime > DRAFT_SECONDS
    return False
