"""Answers of a provider that speaks OpenAI's words with an accent, told without it.

What the accent does not touch keeps its bytes, but for the provider's name put in. Of a stream the client
gets one chunk of usage at its end, if it asked for one, wherever the provider told it; and the role once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from providers.accent import Accent, retold
from providers.errors import Garbled
from providers.framing import sse_frames
from providers.json_text import dumps
from providers.passing import MISSHAPEN, Tap, heard, parsed
from providers.problems import invalid
from providers.types import JSON, Ask, Frame, Provider, Reading

HEAD = ("id", "object", "created", "model")  # what the chunks of one answer have in common
EVENT = b"data: {"


def answer(tap: Tap, accent: Accent, provider: Provider, ask: Ask, body: bytes, reading: Reading) -> bytes:
    """A whole answer in OpenAI's words. Raises Garbled."""
    said = parsed(provider, body)
    try:
        told = retold(accent, said, ask)
    except MISSHAPEN as error:
        raise Garbled(invalid(provider.slug, body).message) from error
    tap.read_answer(provider, told, reading)
    reading.content = reading.ended = True
    if not accent.named or "provider" in told:
        return body if told is said else dumps(told)
    if told is said and body.startswith(b'{"'):
        return _name(provider) + body[1:]
    return dumps({**told, "provider": provider.slug})


def stream(
    tap: Tap, accent: Accent, provider: Provider, ask: Ask, chunks: Iterable[bytes], reading: Reading
) -> Iterator[bytes]:
    """A streamed answer in OpenAI's words; ends early at an error (see Provider.stream)."""
    retelling = _Retelling(accent, provider, ask)

    def calm(chunk: bytes) -> bool:
        return reading.content and not reading.ended and tap.calm(chunk) and not retelling.marked(chunk)

    def quiet(data: bytes) -> bool:
        return tap.quiet(data) and not retelling.marked(data)

    def told(event: JSON) -> JSON:
        return retold(accent, event, ask)

    try:
        for frame in sse_frames(chunks, calm):
            if reading.ended and frame.raw:
                continue  # nothing counts after the end, but the connection is read to its own
            if not frame.data or (reading.content and quiet(frame.data)):
                yield retelling.passed(frame.raw)
            elif tap.ends(frame):
                reading.ended = True
                yield retelling.counted() + frame.raw
            elif (event := heard(tap, provider, frame, reading, told)) is None:
                return
            else:
                yield from retelling.told(frame, event)
    except Garbled as error:
        reading.problem = invalid(provider.slug, error.message.encode())


class _Retelling:
    """What has to be remembered of one stream: that it was opened, and the usage told so far."""

    def __init__(self, accent: Accent, provider: Provider, ask: Ask) -> None:
        options = ask.body.get("stream_options")
        self.counts = isinstance(options, dict) and bool(options.get("include_usage"))
        self.accent = accent
        self.name = _name(provider) if accent.named else b"{"
        self.opened = False
        self.usage: JSON = {}

    def marked(self, data: bytes) -> bool:
        return any(mark in data for mark in self.accent.marks)

    def passed(self, raw: bytes) -> bytes:
        """Events of mere content, a comment or a pause, as they came."""
        if not raw.startswith(EVENT):
            return raw
        for repeated in self.accent.repeated:
            raw = raw.replace(repeated, b"")
        if self.name == b"{":
            return raw
        # A line break within an event's JSON is escaped, so this is where an event begins.
        return b"data: " + self.name + raw[len(EVENT) :].replace(b"\n\ndata: {", b"\n\ndata: " + self.name)

    def told(self, frame: Frame, event: JSON) -> Iterator[bytes]:
        """One event. Its usage is kept for the end; nothing if there is nothing else in it."""
        if isinstance(event.get("usage"), dict):
            self.usage = {name: event[name] for name in (*HEAD, "usage") if name in event}
            event = {name: value for name, value in event.items() if name != "usage"}
            if not event.get("choices"):
                return
        if not event:
            yield frame.raw
            return
        event = self._without_role(event) if self.opened else event
        self.opened = self.opened or bool(event.get("choices"))
        rest = dumps(event)[1:]
        yield b"data: %s%s\n\n" % (b"{" if "provider" in event else self.name, rest)

    def counted(self) -> bytes:
        """The chunk of usage, where the client asked for it."""
        if not self.counts or not self.usage:
            return b""
        head, usage = self.usage, self.usage["usage"]
        told = {**{name: head[name] for name in HEAD if name in head}, "choices": [], "usage": usage}
        return b"data: " + self.name + dumps(told)[1:] + b"\n\n"

    def _without_role(self, event: JSON) -> JSON:
        choices = event.get("choices")
        if not isinstance(choices, list) or not any(map(_has_role, choices)):
            return event
        return {
            **event,
            "choices": [_roleless(choice) if _has_role(choice) else choice for choice in choices],
        }


def _has_role(choice: object) -> bool:
    delta = choice.get("delta") if isinstance(choice, dict) else None
    return isinstance(delta, dict) and "role" in delta


def _roleless(choice: JSON) -> JSON:
    return {**choice, "delta": {name: value for name, value in choice["delta"].items() if name != "role"}}


def _name(provider: Provider) -> bytes:
    return b'{"provider":"%s",' % provider.slug.encode()
