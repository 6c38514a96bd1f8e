"""The journal: what a process that serves calls leaves behind of each, without ever waiting for a database.

A line when a call opens and one when it closes, appended to segments of the process's own under
DATA_DIR/journal/. A segment is allocated in full before it is used, so a full disk is met when the next
one is made, not in the middle of a call: open calls keep the room for their closing lines, new ones are
turned away (`Full`). A segment's lock is held until the writer has moved on and every call it opened there
is closed: a free lock tells the ingester (logs/ingester.py) that nothing more will come.
"""

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.signals import setting_changed
from gevent.monkey import get_original

from logs import segments
from logs.ids import new_id
from logs.segments import CLOSED, OPENED

__all__ = ["Full", "Writer", "closed", "new_id", "opened"]

SEGMENT_BYTES = 16 << 20
CLOSING_BYTES = 4096  # kept free for the closing line of each open call
AGAIN_SECONDS = 0.5  # after a segment could not be made

Bytes = bytes | bytearray

logger = logging.getLogger(__name__)


class Full(Exception):
    """There is no room to record another call."""


def opened(call: str, facts: Mapping[str, Any], request: Bytes | None) -> None:
    """Record that a call has opened; `request` is its body, None where it is not to be kept.

    Raises Full when neither this line nor, later, the closing one would be sure of its room.
    """
    (_current or _fresh()).opened(call, facts, request)


def closed(call: str, facts: Mapping[str, Any], bodies: Mapping[str, Bytes]) -> None:
    """Record how a call went. For want of room its bodies are left out, then long facts, never the line.

    Bodies that were cut on the way here name their true sizes in the fact `body_sizes` (kind to bytes).
    """
    (_current or _fresh()).closed(call, facts, bodies)


_current: "Writer | None" = None


def _fresh() -> "Writer":
    global _current
    _current = Writer(settings.DATA_DIR / "journal", body_bytes=int(settings.LOG_BODY_KB * 1024))
    return _current


def _after_fork() -> None:
    """A child never goes on in its parent's segments, and keeps no lock of theirs."""
    global _current
    if _current is not None:
        _current.abandon()
        _current = None


def _on_setting(*, setting: str, **_: Any) -> None:
    """Tests move DATA_DIR about."""
    global _current
    if _current is not None and setting in {"DATA_DIR", "LOG_BODY_KB"}:
        _current.leave()
        _current = None


os.register_at_fork(after_in_child=_after_fork)
setting_changed.connect(_on_setting)


class Segment:
    """One file, locked and allocated; `holds` counts the calls that opened in it and are not closed."""

    __slots__ = ("fd", "holds", "offset", "size")

    def __init__(self, fd: int, size: int) -> None:
        self.fd, self.size, self.offset, self.holds = fd, size, 0, 0

    @property
    def left(self) -> int:
        return self.size - self.offset

    def append(self, line: bytes) -> None:
        """Write at our own offset, which moves only once everything stands."""
        done = os.pwrite(self.fd, line, self.offset)
        while done < len(line):
            done += os.pwrite(self.fd, line[done:], self.offset + done)
        self.offset += len(line)

    def release(self) -> None:
        """Closing is enough: the lock goes with the last descriptor."""
        os.close(self.fd)


class Writer:
    """Appends lines to segments under `folder`; safe to call from several threads or greenlets."""

    def __init__(self, folder: Path, *, body_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = folder
        self.body_bytes = body_bytes
        self.segment_bytes = max(segment_bytes, 16 * body_bytes)
        self.seed = int.from_bytes(os.urandom(4), "big")
        self.number = 0
        self.calm = 0  # as far as this offset of the segment, nothing is to be done but append
        self.segment: Segment | None = None
        self.spare: Segment | None = None
        self.calls: dict[str, Segment] = {}
        self.allocating = False
        self.failed_at = -AGAIN_SECONDS
        self.lock = threading.Lock()

    def opened(self, call: str, facts: Mapping[str, Any], request: Bytes | None) -> None:
        bodies = () if request is None else [("request", request[: self.body_bytes], len(request))]
        line = segments.render(OPENED, call, encoded(facts), bodies, self.seed)
        with self.lock:
            segment = self.place(len(line), kept=len(self.calls) + 1)
            if segment is None:
                raise Full("The disk that holds the journal is full.")
            try:
                segment.append(line)
            except OSError as error:
                raise Full(f"The journal cannot be written: {error.strerror}.") from error
            segment.holds += 1
            self.calls[call] = segment

    def closed(self, call: str, facts: Mapping[str, Any], bodies: Mapping[str, Bytes]) -> None:
        sizes = facts.get("body_sizes") or {}
        kept = [
            (kind, body[: self.body_bytes], max(len(body), sizes.get(kind, 0)))
            for kind, body in bodies.items()
        ]
        line = segments.render(CLOSED, call, encoded(facts), kept, self.seed)
        with self.lock:
            home = self.calls.pop(call, None)
            segment = self.place(len(line), kept=len(self.calls))
            if segment is None:
                line = self.shortest(call, facts, bodies)
                segment = self.place(len(line), kept=len(self.calls))
            self.finish(call, segment, line)
            self.let_go(home)

    def shortest(self, call: str, facts: Mapping[str, Any], bodies: Mapping[str, Bytes]) -> bytes:
        """The closing line in the room that was kept for it."""
        told = {**facts, "bodies_dropped": sorted(bodies)}
        for drop in ("ignored", "body_sizes", "attempts", "error", "model_answered"):
            line = segments.render(CLOSED, call, encoded(told), (), self.seed)
            if len(line) <= CLOSING_BYTES:
                return line
            told[drop] = None
        essential = {name: told.get(name) for name in ("outcome", "status", "usage", "partial", "total_ms")}
        return segments.render(CLOSED, call, encoded(essential), (), self.seed)

    def place(self, size: int, *, kept: int) -> Segment | None:
        """The segment with room for `size` bytes, such that `kept` closing lines still find theirs."""
        here = self.segment
        if here is not None and here.offset + size + kept * CLOSING_BYTES <= self.calm:
            return here
        if not self.fits(size, kept):
            self.hurry()
        return self.onward(size) if self.fits(size, kept) else None

    def fits(self, size: int, kept: int) -> bool:
        here = self.segment.left if self.segment else 0
        there = self.spare.left if self.spare else 0
        if size <= here:
            here -= size
        elif size <= there:
            here, there = 0, there - size
        else:
            return False
        return here // CLOSING_BYTES + there // CLOSING_BYTES >= kept

    def hurry(self) -> None:
        """Have the spare segment now: the one that is being made, or one made here and now."""
        while self.allocating:
            get_original("time", "sleep")(0.0005)
        if self.spare is None and self.may_allocate:
            self.allocate()

    @property
    def may_allocate(self) -> bool:
        """Not at once again after a failure."""
        return time.monotonic() - self.failed_at >= AGAIN_SECONDS

    def onward(self, size: int) -> Segment:
        """Move on to the next segment if this one is too short; have another one made in good time."""
        if self.segment is None or self.segment.left < size:
            past, self.segment, self.spare = self.segment, self.spare, None
            if past is not None and past.holds == 0:
                past.release()
        assert self.segment is not None
        self.calm = self.segment.size if self.spare else self.segment.size // 2
        due = self.spare is None and self.segment.offset + size > self.calm
        if due and not self.allocating and self.may_allocate:
            self.allocating = True
            # a thread of the system even under gevent: allocating must not hold the loop
            get_original("_thread", "start_new_thread")(self.allocate, ())
        return self.segment

    def allocate(self) -> None:
        """Make the spare segment."""
        try:
            self.spare = self.made()
        except OSError as error:
            self.failed_at = time.monotonic()
            logger.error("No new journal segment in %s: %s", self.folder, error.strerror)  # noqa: TRY400
        finally:
            self.allocating = False

    def made(self) -> Segment:
        """A new segment, locked and allocated before the ingester can see it under its name."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.number += 1
        path = self.folder / f"{os.getpid()}-{self.seed:08x}-{self.number:08d}.journal"
        draft = path.with_suffix(".draft")
        fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.posix_fallocate(fd, 0, self.segment_bytes)
            draft.rename(path)
        except OSError:
            os.close(fd)
            draft.unlink(missing_ok=True)
            raise
        return Segment(fd, self.segment_bytes)

    def finish(self, call: str, segment: Segment | None, line: bytes) -> None:
        """Write the closing line; where the disk fails, the ingester makes the call an interrupted one."""
        try:
            if segment is None:
                raise OSError("no room was kept for it")  # noqa: TRY301
            segment.append(line)
        except OSError as error:
            logger.error("The end of call %s was not recorded: %s", call, error)  # noqa: TRY400

    def let_go(self, home: Segment | None) -> None:
        if home is None:
            return
        home.holds -= 1
        if home.holds == 0 and home is not self.segment:
            home.release()

    def leave(self) -> None:
        """Give up every segment, as the end of the process would."""
        with self.lock:
            self.abandon()

    def abandon(self) -> None:
        for segment in {*self.calls.values(), self.segment, self.spare} - {None}:
            assert segment is not None
            segment.release()
        self.calls, self.segment, self.spare, self.calm = {}, None, None, 0


def encoded(facts: Mapping[str, Any]) -> bytes:
    """The facts as JSON; what orjson refuses (a lone surrogate, a huge integer) goes through json."""
    try:
        return orjson.dumps(facts)
    except TypeError:
        return json.dumps(facts, default=str).encode()
