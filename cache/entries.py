"""An answer as it is kept: what the client got to see, and what the record knows of it.

Shared ones are kept as bytes: a head of JSON, then the body, compressed where that pays, and before both a
sum by which damage is seen. Whoever compresses gives the others a turn between two slices.
"""

import math
import struct
import time
import zlib
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from providers.types import Usage

LARGEST = 1024 * 1024  # bytes of a body; a larger answer is not kept
LARGEST_PACKED = LARGEST + 64 * 1024  # bytes; what is larger is none of ours
MOST_TOKENS = 2**53
WORTH_IT = 1024  # bytes below which nothing is compressed
SLICE = 64 * 1024
HEAD = struct.Struct("!BII")  # the form, the sum of what follows, the length of the head
PLAIN, COMPRESSED = 3, 4  # an earlier version's 1 and 2 had no sum
KINDS = {"streamed": bool, "provider": str, "model": str, "finish": str}


@dataclass(frozen=True, slots=True)
class Entry:
    """`streamed`: the body is frames, to their end. `created`: seconds since 1970."""

    body: bytes
    streamed: bool
    provider: str
    model: str  # that answered
    finish: str
    usage: Usage | None
    created: float

    @property
    def age(self) -> float:
        """Seconds since it was made; none for one that a clock ahead of ours made."""
        return max(0.0, time.time() - self.created)

    @property
    def says_calls(self) -> bool:
        """Whether a tool is to be called."""
        return self.finish in ("tool_calls", "function_call")


def packed(entry: Entry) -> bytes:
    """The entry as bytes."""
    facts = asdict(entry)
    form, body = squeezed(facts.pop("body"))
    head = orjson.dumps(facts)
    return HEAD.pack(form, zlib.crc32(body, zlib.crc32(head)), len(head)) + head + body


def squeezed(body: bytes) -> tuple[int, bytes]:
    """The body, smaller by a tenth at least or else as it is; and in which form."""
    if len(body) < WORTH_IT:
        return PLAIN, body
    squeezing, parts = zlib.compressobj(1), []
    for start in range(0, len(body), SLICE):
        parts.append(squeezing.compress(body[start : start + SLICE]))
        time.sleep(1e-6)  # a turn of the others, where gevent runs the process
    small = b"".join((*parts, squeezing.flush()))
    return (COMPRESSED, small) if len(small) * 10 < len(body) * 9 else (PLAIN, body)


def unpacked(content: bytes) -> Entry | None:
    """The entry in bytes; None if there is none in them: another version or somebody else may have written
    them, and they may be damaged."""
    if len(content) > LARGEST_PACKED:
        return None
    try:
        form, total, length = HEAD.unpack_from(content)
        head, body = content[HEAD.size : HEAD.size + length], content[HEAD.size + length :]
        if zlib.crc32(body, zlib.crc32(head)) != total:
            return None
        return Entry(body=expanded(form, body), **known(orjson.loads(head)))
    except (struct.error, zlib.error, ValueError, TypeError, LookupError, AttributeError):
        return None


def known(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a head. Raises ValueError, TypeError or KeyError for what is none of ours."""
    created: Any = facts["created"]
    if any(type(facts[name]) is not kind for name, kind in KINDS.items()):
        raise TypeError("not as we write it")
    if type(created) not in (int, float) or not math.isfinite(created):
        raise TypeError("no time")
    return {**facts, "usage": counted(facts["usage"])}


def expanded(form: int, body: bytes) -> bytes:
    """The body as it was. Raises ValueError for one that is larger than any of ours."""
    if form == PLAIN:
        whole = body
    elif form == COMPRESSED:
        whole = zlib.decompressobj().decompress(body, LARGEST + 1)
    else:
        raise ValueError(form)
    if len(whole) > LARGEST:
        raise ValueError("too large")
    return whole


def counted(usage: dict[str, Any] | None) -> Usage | None:
    """Raises TypeError for counts that are none."""
    if usage is None:
        return None
    if any(type(count) is not int or not 0 <= count <= MOST_TOKENS for count in usage.values()):
        raise TypeError("no count")
    return Usage(**usage)
