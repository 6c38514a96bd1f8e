"""The journal: what a process that serves calls leaves behind of each, without ever waiting for a database.

A line when a call opens and one when it closes, appended to segments of the process's own under
DATA_DIR/journal/. A segment is allocated in full before it is used, so a full disk is met when the next
one is made, not in the middle of a call: open calls keep the room for their closing lines, new ones are
turned away (`Full`). A segment's lock is held until the writer has moved on and every call it opened there
is closed: a free lock tells the ingester (logs/ingester.py) that nothing more will come.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from gevent.monkey import get_original

from logs import segments
from logs.facts import encoded, essential
from logs.ids import new_id
from logs.segments import CLOSED, OPENED

__all__ = ["Full", "Writer", "closed", "new_id", "opened"]

SEGMENT_BYTES = 16 << 20
CLOSING_BYTES = 4096  # kept free for the closing line of each open call
AGAIN_SECONDS = 0.5  # after a segment could not be made
WAIT_SECONDS = 1.0  # that an opening call waits for a segment, others running meanwhile
HELD_SECONDS = 0.02  # that a closing one does, others standing still: once for each segment

Bytes = bytes | bytearray
Render = Callable[[str, Mapping[str, Any], Mapping[str, Bytes]], bytes]

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
        self.prepared_at, self.failed_at = 0.0, -AGAIN_SECONDS
        self.lock = threading.Lock()

    def opened(self, call: str, facts: Mapping[str, Any], request: Bytes | None) -> None:
        bodies = () if request is None else [("request", request[: self.body_bytes], len(request))]
        line = segments.render(OPENED, call, encoded(facts), bodies, self.seed)
        if self.took(call, line):
            return
        with self.lock:
            self.prepare()
        self.await_spare(WAIT_SECONDS, time.sleep)
        if not self.took(call, line):
            raise Full("The disk that holds the journal is full.")

    def took(self, call: str, line: bytes) -> bool:
        """Write the opening line, if there is room for it and for the closing one."""
        with self.lock:
            segment = self.place(len(line), kept=len(self.calls) + 1)
            if segment is None:
                return False
            try:
                segment.append(line)
            except OSError as error:
                raise Full(f"The journal cannot be written: {error.strerror}.") from error
            segment.holds += 1
            self.calls[call] = segment
            return True

    def closed(self, call: str, facts: Mapping[str, Any], bodies: Mapping[str, Bytes]) -> None:
        with self.lock:
            home = self.calls.pop(call, None)
            try:
                for render in (self.whole, self.shorter, self.shortest):
                    if self.told(render, call, facts, bodies):
                        return
                logger.error("The end of call %s was not recorded.", call)
            finally:
                self.let_go(home)

    def told(self, render: Render, call: str, facts: Mapping[str, Any], bodies: Mapping[str, Bytes]) -> bool:
        """Write the closing line as rendered. Whatever is wrong with it, a shorter one may do better.

        If none does, the ingester makes the call an interrupted one.
        """
        try:
            line = render(call, facts, bodies)
            segment = self.place(len(line), kept=len(self.calls)) or self.hurried(len(line))
            if segment is not None:
                segment.append(line)
        except Exception as error:  # facts are what others made them
            trace = not isinstance(error, OSError)
            logger.error("The end of call %s is not recorded in full: %s", call, error, exc_info=trace)  # noqa: TRY400
            return False
        return segment is not None

    def whole(self, call: str, facts: Mapping[str, Any], bodies: Mapping[str, Bytes]) -> bytes:
        """The closing line with its bodies."""
        sizes = facts.get("body_sizes") or {}
        kept = [
            (kind, body[: self.body_bytes], max(len(body), sizes.get(kind, 0)))
            for kind, body in bodies.items()
        ]
        return segments.render(CLOSED, call, encoded(facts), kept, self.seed)

    def shorter(self, call: str, facts: Mapping[str, Any], bodies: Mapping[str, Bytes]) -> bytes:
        """The closing line in the room that was kept for it, with as many facts as fit."""
        told = {**facts, "bodies_dropped": sorted(bodies)}
        for drop in ("models", "ignored", "body_sizes", "attempts", "error", "model_answered"):
            line = segments.render(CLOSED, call, encoded(told), (), self.seed)
            if len(line) <= CLOSING_BYTES:
                return line
            told[drop] = None
        return self.shortest(call, facts, bodies)

    def shortest(self, call: str, facts: Mapping[str, Any], _: Mapping[str, Bytes]) -> bytes:
        """The closing line that always fits and can always be written."""
        return segments.render(CLOSED, call, encoded(essential(facts)), (), self.seed)

    def place(self, size: int, *, kept: int) -> Segment | None:
        """The segment with room for `size` bytes, such that `kept` closing lines still find theirs."""
        here = self.segment
        if here is not None and here.offset + size + kept * CLOSING_BYTES <= self.calm:
            return here
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

    def hurried(self, size: int) -> Segment | None:
        """The same, once the spare segment is made. All other calls stand still for it, so not for long."""
        self.prepare()
        left = self.prepared_at + HELD_SECONDS - time.monotonic()
        self.await_spare(left, get_original("time", "sleep"))
        return self.place(size, kept=len(self.calls))

    def await_spare(self, seconds: float, sleep: Callable[[float], None]) -> None:
        """Wait for the segment that is being made, if one is."""
        until = time.monotonic() + seconds
        while self.allocating and time.monotonic() < until:
            sleep(0.001)

    def prepare(self) -> None:
        """Have the spare segment made, unless it is there or being made."""
        # `allocating` first: it is unset after `spare` is set, by another thread
        if self.allocating or self.spare is not None or not self.may_allocate:
            return
        self.allocating, self.prepared_at = True, time.monotonic()
        try:
            # a thread of the system even under gevent: allocating must not hold the loop
            get_original("_thread", "start_new_thread")(self.allocate, ())
        except RuntimeError:
            self.allocate()  # no more threads are to be had: rather hold the loop than turn calls away

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
        if self.segment.offset + size > self.calm:
            self.prepare()
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

    def let_go(self, home: Segment | None) -> None:
        if home is None:
            return
        home.holds -= 1
        if home.holds == 0 and home is not self.segment:
            home.release()

    def leave(self) -> None:
        """Give up every segment, as the end of the process would."""
        self.await_spare(WAIT_SECONDS, time.sleep)
        with self.lock:
            self.abandon()

    def abandon(self) -> None:
        for segment in {*self.calls.values(), self.segment, self.spare} - {None}:
            assert segment is not None
            segment.release()
        self.calls, self.segment, self.spare, self.calm = {}, None, None, 0
