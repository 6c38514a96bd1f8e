"""Answers of a provider that speaks OpenAI's words with an accent, told without it.

What the accent does not touch keeps its bytes, but for the provider's name put in. Of a stream the client
gets one chunk of usage at its end, if it asked for one, wherever the provider told it; and each choice's
role and end once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from providers.accent import Accent, choices_of, retold
from providers.errors import Garbled
from providers.framing import sse_frames
from providers.json_text import dumps
from providers.passing import MISSHAPEN, Tap, heard, parsed
from providers.problems import invalid
from providers.types import JSON, Ask, Provider, Reading

HEAD = ("id", "object", "created", "model", "provider")  # what the chunks of one answer have in common
EVENT = b"data: {"
NAME = b'"provider"'
# No JSON text holds these within a string: what looks like their first quotation mark would end it.
ROLE_FIRST, ROLE_LATER = b'{"role":"assistant",', b',"role":"assistant"'
ROLE_ALONE = b'{"role":"assistant"}'


def answer(tap: Tap, accent: Accent, provider: Provider, ask: Ask, body: bytes, reading: Reading) -> bytes:
    """A whole answer in OpenAI's words. Raises Garbled."""
    said = parsed(provider, body)
    try:
        told = retold(accent, said, ask)
        written = _whole(accent, provider, body, said, told)
    except MISSHAPEN as error:
        raise Garbled(invalid(provider.slug, body).message) from error
    tap.read_answer(provider, told, reading)
    reading.content = reading.ended = True
    return written


def _whole(accent: Accent, provider: Provider, body: bytes, said: JSON, told: JSON) -> bytes:
    """The bytes of an answer as it is told; those it came in as far as they hold."""
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
        return reading.content and not reading.ended and tap.calm(chunk) and retelling.passes(chunk)

    def told(event: JSON) -> JSON:
        return retold(accent, event, ask)

    try:
        for frame in sse_frames(chunks, calm):
            if reading.ended and frame.raw:
                continue  # nothing counts after the end, but the connection is read to its own
            if not frame.data:  # a pause, a comment, or events that are calm
                yield retelling.passed(frame.raw) if frame.raw[:7] == EVENT else frame.raw
            elif reading.content and tap.quiet(frame.data) and retelling.passes(frame.raw):
                yield retelling.passed(frame.raw)
            elif tap.ends(frame):
                reading.ended = True
                yield retelling.counted() + frame.raw
            elif (event := heard(tap, provider, frame, reading, told)) is None:
                return
            else:
                yield from retelling.told(event)
    except (Garbled, RecursionError) as error:  # what could be read can be too deep to be written again
        reading.problem = invalid(provider.slug, str(error).encode())


class _Retelling:
    """What has to be remembered of one stream: what the client has of each choice, and the usage so far."""

    def __init__(self, accent: Accent, provider: Provider, ask: Ask) -> None:
        self.counts = accent.wants_usage(ask.body)
        self.slug = provider.slug if accent.named else ""
        self.named_event = b"data: " + _name(provider)
        self.repeats_role = accent.repeats_role
        self.marks = (*accent.marks, NAME) if accent.named else accent.marks
        if accent.repeats_role:  # several answers have a role each, so all their events are looked at
            self.marks += (ROLE_ALONE,) if ask.body.get("n") in (None, 1) else (EVENT,)
        self.opened: set[int] = set()
        self.ended: set[int] = set()
        self.usage: JSON = {}

    def passes(self, raw: bytes) -> bool:
        """Whether events of mere content can be told by their bytes."""
        for mark in self.marks:
            if raw.count(mark):
                return False
        return raw[:7] == EVENT

    def passed(self, raw: bytes) -> bytes:
        """Such events, after the first of their answer."""
        if self.repeats_role:
            raw = raw.replace(ROLE_FIRST, b"{").replace(ROLE_LATER, b"")
        if not self.slug:
            return raw
        # A line break within an event's JSON is escaped, so this is where an event begins.
        return self.named_event + raw[len(EVENT) :].replace(b"\n\ndata: {", b"\n\n" + self.named_event)

    def told(self, event: JSON) -> Iterator[bytes]:
        """An event, without its usage, which is kept for the end, and without what the client has already."""
        choices = choices_of(event)
        if isinstance(event.get("usage"), dict):
            event = self._without_usage(event, choices)
        if not event:
            return
        if any(map(self._says_role_again, choices)):
            told = [_roleless(choice) if self._says_role_again(choice) else choice for choice in choices]
            event = {**event, "choices": told}
        for choice in choices:
            self.opened.add(_index(choice))
            if choice.get("finish_reason"):
                self.ended.add(_index(choice))
        yield self._written(event)

    def counted(self) -> bytes:
        """The chunk of usage, where the client asked for it."""
        return self._written(self.usage) if self.counts and self.usage else b""

    def _without_usage(self, event: JSON, choices: list[JSON]) -> JSON:
        """The rest of the event; empty if it is no news, and then goes with the usage."""
        news = any(map(self._is_news, choices))
        head = {name: event[name] for name in HEAD if name in event} if news else event
        self.usage = {**head, "choices": [], "usage": event["usage"]}
        return {name: value for name, value in event.items() if name != "usage"} if news else {}

    def _is_news(self, choice: JSON) -> bool:
        """Whether the client lacks something of a choice. Some say its end again where they tell usage."""
        delta = _delta(choice)
        said = (choice.get("text"), *(value for name, value in delta.items() if name != "role"))
        return _index(choice) not in self.ended or any(map(_is_content, said))

    def _says_role_again(self, choice: JSON) -> bool:
        return _index(choice) in self.opened and "role" in _delta(choice)

    def _written(self, event: JSON) -> bytes:
        named = {"provider": self.slug, **event} if self.slug else event
        return b"data: %s\n\n" % dumps(named)


def _index(choice: JSON) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _delta(choice: JSON) -> JSON:
    delta = choice.get("delta")
    return delta if isinstance(delta, dict) else {}


def _is_content(value: object) -> bool:
    return isinstance(value, str | list | dict) and bool(value)


def _roleless(choice: JSON) -> JSON:
    return {**choice, "delta": {name: value for name, value in choice["delta"].items() if name != "role"}}


def _name(provider: Provider) -> bytes:
    return b'{"provider":"%s",' % provider.slug.encode()
