"""An answer as it is kept: what the client got to see, and what the record knows of it.

Shared ones are kept as bytes: a head of JSON, then the body, compressed where that pays. Whoever compresses
gives the others a turn between two slices.
"""

import struct
import time
import zlib
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from providers.types import Usage

LARGEST = 1024 * 1024  # bytes of a body; a larger answer is not kept
WORTH_IT = 1024  # bytes below which nothing is compressed
SLICE = 64 * 1024
HEAD = struct.Struct("!BI")  # the form, the length of the head
PLAIN, COMPRESSED = 1, 2


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
    return HEAD.pack(form, len(head)) + head + body


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
    """The entry in bytes; None if there is none in them: another version may have written them."""
    try:
        form, length = HEAD.unpack_from(content)
        facts = orjson.loads(content[HEAD.size : HEAD.size + length])
        body = expanded(form, content[HEAD.size + length :])
        return Entry(body=body, **{**facts, "usage": counted(facts["usage"])})
    except (struct.error, zlib.error, ValueError, TypeError, KeyError):
        return None


def expanded(form: int, body: bytes) -> bytes:
    if form == PLAIN:
        return body
    if form != COMPRESSED:
        raise ValueError(form)
    return zlib.decompressobj().decompress(body, LARGEST)


def counted(usage: dict[str, Any] | None) -> Usage | None:
    return None if usage is None else Usage(**usage)
