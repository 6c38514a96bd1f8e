"""A client and a provider with different words: both go through the common form (docs/common-form.md).

A Translation is a provider's half, a Dialect the client's; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from providers.dialects import Writer, dialect_of
from providers.errors import Garbled
from providers.fields import Field, render
from providers.framing import LINE_ENDS, sse_frames
from providers.json_text import dumps, loads
from providers.passing import MISSHAPEN
from providers.problems import invalid
from providers.types import JSON, Ask, Event, Frame, Provider, Reading
from providers.usage import usage_of


class EventReader(Protocol):
    """Reads one stream, frame by frame, into events of the common form."""

    def read(self, frame: Frame) -> Iterable[Event]: ...


@dataclass(frozen=True, slots=True)
class Translation:
    """A provider's words: a field map out, an answer parser and an event reader back.

    `answer` takes a whole answer and gives a chat completion of the common form; `events` makes a reader
    for one stream. Both are told the provider and the call as it was put in the common form.
    """

    fields: tuple[Field, ...]
    answer: Callable[[Provider, Ask, JSON], JSON]
    events: Callable[[Provider, Ask], EventReader]


def body(words: Translation, ask: Ask) -> tuple[bytes, tuple[str, ...]]:
    rendered, ignored = render(words.fields, dialect_of(ask).common(ask))
    return dumps(rendered), ignored


def answer(words: Translation, provider: Provider, ask: Ask, body: bytes, reading: Reading) -> bytes:
    dialect = dialect_of(ask)
    try:
        common = words.answer(provider, dialect.common(ask), loads(body))
        answered = dumps(dialect.answer(provider, ask, common))
    except MISSHAPEN as error:
        raise Garbled(invalid(provider.slug, body).message) from error
    reading.model = common["model"]
    reading.finish = common["choices"][0]["finish_reason"]
    reading.usage = usage_of(common["usage"]) if "usage" in common else None
    reading.content = reading.ended = True
    return answered


def stream(
    words: Translation, provider: Provider, ask: Ask, chunks: Iterable[bytes], reading: Reading
) -> Iterator[bytes]:
    """A streamed answer in the client's dialect; ends early at an error (see Provider.stream)."""
    dialect = dialect_of(ask)
    reader, writer = words.events(provider, dialect.common(ask)), dialect.writer(provider, ask)
    try:
        for frame in sse_frames(chunks):
            if not frame.raw:
                yield b""
            elif frame.data and not reading.ended:
                yield from _told(provider, reader, writer, frame, reading)
                if reading.problem or not frame.raw.endswith(LINE_ENDS):
                    return
    except Garbled as error:
        reading.problem = invalid(provider.slug, error.message.encode())


def _told(
    provider: Provider, reader: EventReader, writer: Writer, frame: Frame, reading: Reading
) -> Iterator[bytes]:
    """What a frame says to the client. An unreadable frame is a problem, unless the stream was cut in it."""
    try:
        events = list(reader.read(frame))
        told = [b"" if event.problem else writer.write(event) for event in events]
    except MISSHAPEN:
        if frame.raw.endswith(LINE_ENDS):
            reading.problem = invalid(provider.slug, frame.data)
        return
    for event, item in zip(events, told, strict=True):
        _note(event, reading)
        if item:
            yield item


def _note(event: Event, reading: Reading) -> None:
    if event.delta:
        reading.content = True
    if event.model:
        reading.model = event.model
    if event.finish:
        reading.finish = event.finish
    if event.usage:
        reading.usage, reading.partial = usage_of(event.usage), not reading.finish
    if event.problem:
        reading.problem = event.problem
    if event.ended:
        reading.ended = True
