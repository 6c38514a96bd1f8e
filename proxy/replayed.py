"""An answer out of the cache on its way to the client, in the form that the client wants it.

It was kept as one client got it. A chat or a text completion is told again in the other form where it is
wanted so; anything else is answered as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from cache.entries import Entry
from providers import replaying
from providers.errors import Garbled
from providers.framing import sse_frames
from providers.types import JSON, Reading
from proxy import apart
from proxy.apart_child import Bytes
from proxy.outcome import Outcome
from proxy.record import Record
from proxy.streaming import Stream
from proxy.turns import Turn
from proxy.upstream import Reply

PARTS = 20_000  # objects and lists; a chunk of a stream has four
WRITTEN = 16 * 1024  # bytes at once
EVENTS = "text/event-stream"

T = TypeVar("T")


class Nobody(Reply):
    """Stands where a provider's reply does: nobody was asked."""

    __slots__ = ()

    def __init__(self) -> None:
        self.status = 200

    def progress(self) -> None: ...

    def settle(self) -> None: ...

    def close(self) -> None: ...


def outcome(
    entry: Entry, body: bytes, record: Record, *, stream: bool, headers: Mapping[str, str]
) -> Outcome:
    """A hit. It says nothing of the original answer but what is in its body."""
    reading = Reading(model=entry.model, finish=entry.finish, content=True, ended=not stream)
    if not stream:
        bodies: dict[str, Bytes] = {"response": body}
        return Outcome(200, body, headers=headers, reading=reading, bodies=bodies, from_cache=True)
    told = Stream(pieces(body, reading), reading, Nobody(), record, entry.provider)
    return Outcome(200, content_type=EVENTS, headers=headers, reading=reading, stream=told, from_cache=True)


def pieces(body: bytes, reading: Reading) -> Iterator[bytes]:
    """The frames, some at a time; others get their turn between."""
    turn = Turn()
    for start in range(0, len(body), WRITTEN):
        reading.ended = start + WRITTEN >= len(body)
        yield body[start : start + WRITTEN]
        turn.offer()


def told(entry: Entry, *, stream: bool, asked: JSON | None) -> bytes | None:
    """The body as it is wanted; None if it cannot be had so.

    `asked`: the client's body, of what can be told either way; None of what goes as it is.
    """
    if asked is None:
        return entry.body if entry.streamed == stream else None
    if not (entry.streamed or stream):
        return entry.body
    if entry.streamed != stream and not is_simple(entry.body):
        return None
    try:
        return b"".join(in_turns(retold(entry, stream=stream, asked=asked)))
    except (*replaying.MISSHAPEN, Garbled):
        return None


def is_simple(content: Bytes) -> bool:
    """Whether JSON can be read and written in a few milliseconds."""
    return not apart.is_large(content) and content.count(b"{") + content.count(b"[") <= PARTS


def retold(entry: Entry, *, stream: bool, asked: JSON) -> Iterable[bytes]:
    """The pieces of the body in the form that is wanted. Raises replaying.MISSHAPEN."""
    wants_usage = wants_usage_of(asked)
    if not entry.streamed:
        return replaying.streamed(entry.body, wants_usage=wants_usage)
    frames = in_turns(sse_frames([entry.body]))
    if stream:
        return replaying.again(frames, entry.usage, wants_usage=wants_usage)
    return [replaying.whole(frames, entry.usage)]


def wants_usage_of(asked: JSON) -> bool:
    options = asked.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def in_turns(given: Iterable[T]) -> Iterator[T]:
    """The same; others get their turn between."""
    turn = Turn()
    for each in given:
        yield each
        turn.offer()
