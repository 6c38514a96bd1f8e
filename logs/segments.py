"""The bytes of a journal segment: how a record is written, and how it is read back.

A record is a header line, the facts as JSON, the bodies as they are, and a newline:

    O 1a2b3c4d 0190b5c2-… 512 request:1024:90210\\n{"time":…}…\\n

A kind (O a call opened, C it closed), a checksum of all that follows it, the call's id, the length of the
facts, and each body as kind:length:original size. The checksum starts from the segment's seed, which is in
its file's name, so that no body can pass for a record. A zero byte where a record would begin is the end.

Nothing here opens a file or trusts a byte.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from zlib import crc32

OPENED, CLOSED = "O", "C"
HEADER_BYTES = 512  # a header line is never longer
HEADER = re.compile(
    rb"([OC]) ([0-9a-f]{8}) (([0-9a-f-]{36}) ([0-9]{1,9})((?: [a-z]{1,16}:[0-9]{1,9}:[0-9]{1,15}){0,8})\n)"
)
NEXT = re.compile(rb"\n(?=[OC] [0-9a-f]{8} [0-9a-f-]{36} )")


@dataclass(frozen=True, slots=True)
class Body:
    kind: str
    content: bytes
    size: int  # of the whole, which may be more than was kept


@dataclass(frozen=True, slots=True)
class Record:
    kind: str
    id: str
    facts: bytes
    bodies: tuple[Body, ...]
    end: int  # where the next record begins


@dataclass(frozen=True, slots=True)
class Measure:
    """A record by its header alone; `size` is all its bytes."""

    kind: str
    id: str
    size: int


class Stop(Enum):
    """Why there is no record here."""

    END = "nothing has been written here"
    SHORT = "the record goes on beyond these bytes"
    BROKEN = "these bytes are no record"


def render(
    kind: str, call: str, facts: bytes, bodies: Iterable[tuple[str, bytes | bytearray, int]], seed: int
) -> bytes:
    """The bytes of one record; `bodies` are their kinds, what is kept of them and their original sizes."""
    sizes, contents = "", []
    for name, content, size in bodies:
        sizes += f" {name}:{len(content)}:{size}"
        contents.append(content)
    told = b"".join((f"{call} {len(facts)}{sizes}\n".encode(), facts, *contents, b"\n"))
    return b"%s %08x %s" % (kind.encode(), crc32(told, seed), told)


def read(data: bytes, start: int, seed: int) -> Record | Stop:
    """The record that begins at `start`, or why there is none."""
    if start >= len(data):
        return Stop.SHORT
    if data[start] == 0:
        return Stop.END
    header = HEADER.match(data, start, start + HEADER_BYTES)
    if header is None:
        return Stop.SHORT if len(data) - start < HEADER_BYTES and b"\n" not in data[start:] else Stop.BROKEN
    kind, checksum, _, call, length, sizes = header.groups()
    facts_end = header.end() + int(length)
    pieces = [piece.split(b":") for piece in sizes.split()]
    end = facts_end + sum(int(kept) for _, kept, _ in pieces) + 1
    if end > len(data):
        return Stop.SHORT
    if int(checksum, 16) != crc32(memoryview(data)[header.start(3) : end], seed):
        return Stop.BROKEN
    bodies, at = [], facts_end
    for name, kept, size in pieces:
        bodies.append(Body(name.decode(), data[at : at + int(kept)], int(size)))
        at += int(kept)
    return Record(kind.decode(), call.decode(), data[header.end() : facts_end], tuple(bodies), end)


def measure(head: bytes) -> Measure | None:
    """The record whose first HEADER_BYTES, or all there is, are `head`; nothing of it is checked."""
    if (header := HEADER.match(head)) is None:
        return None
    kind, _, _, call, length, sizes = header.groups()
    bodies = sum(int(piece.split(b":")[1]) for piece in sizes.split())
    return Measure(kind.decode(), call.decode(), header.end() + int(length) + bodies + 1)


def resume(data: bytes, start: int, seed: int) -> int | None:
    """Where the first whole record behind a broken one begins, if any does."""
    for gap in NEXT.finditer(data, start):
        if isinstance(read(data, gap.end(), seed), Record):
            return gap.end()
    return None
