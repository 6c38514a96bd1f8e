"""A client that speaks the provider's own words: its bytes go on as they came, but for the model's name.

A Tap knows those words well enough to tell what an answer says on the way: model, usage, finish, error,
end. What is asked for beyond the client's wish (usage in a stream) is taken out of the answer again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from providers import accent as accents
from providers.accent import Accent
from providers.errors import Garbled
from providers.framing import LINE_ENDS, sse_frames
from providers.json_text import dumps, loads
from providers.problems import invalid
from providers.types import JSON, Ask, Frame, Provider, Reading

MODEL_KEY = re.compile(rb'"model"\s*:\s*')
ESCAPED_MODEL = rb"\u006"  # how any letter of "model" looks when it is escaped
# What reading data of another shape than the provider promises can raise.
MISSHAPEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


class Tap(Protocol):
    """What a format can tell from its own answers."""

    def additions(self, provider: Provider, ask: Ask) -> JSON:
        """What the gateway asks for beside the client's own wishes, by field."""

    def quiet(self, data: bytes) -> bool:
        """Whether a later event surely says nothing but content; cheap, and False when in doubt."""

    def calm(self, chunk: bytes) -> bool:
        """Whether a chunk surely is whole events, one or more, that are all quiet."""

    def ends(self, frame: Frame) -> bool:
        """Whether a frame is the terminal marker."""

    def read_event(self, provider: Provider, frame: Frame, event: JSON, reading: Reading) -> None: ...

    def read_answer(self, provider: Provider, answer: JSON, reading: Reading) -> None: ...

    def surplus(self, event: JSON) -> bool:
        """Whether an event is there only because of `additions`."""


def body(tap: Tap, accent: Accent | None, provider: Provider, ask: Ask) -> tuple[bytes, tuple[str, ...]]:
    """The client's bytes with the effective model, and what the tap adds; what the accent leaves out."""
    changes = tap.additions(provider, ask)
    if ask.body.get("model") != ask.model:
        changes = {"model": ask.model, **changes}
    if accent:
        adjusted, ignored = accents.adjusted(accent, ask)
        if adjusted is not ask.body:
            return dumps({**adjusted, **changes}), ignored
    if not changes:
        return ask.raw or dumps(ask.body), ()
    return _spliced(ask, changes) or dumps({**ask.body, **changes}), ()


def relabelled(ask: Ask) -> bytes:
    """The client's bytes with the effective model and no other change."""
    changes: JSON = {"model": ask.model}
    return _spliced(ask, changes) or dumps({**ask.body, **changes})


def _spliced(ask: Ask, changes: JSON) -> bytes | None:
    """The client's bytes with the changes written into them; None if that cannot be done safely."""
    raw = ask.raw
    for name, value in changes.items():
        if name not in ask.body:
            raw = _inserted(raw, name, value)
        elif name == "model":
            raw = _renamed(raw, ask.body["model"], value)
        else:
            return None
        if not raw:
            return None
    return raw


def _inserted(raw: bytes, name: str, value: object) -> bytes:
    """Puts a new field first, if another follows; b"" if none is seen to."""
    start = raw.find(b"{") + 1
    if not start or raw[start : start + 80].lstrip()[:1] != b'"':
        return b""
    return b"%s%s:%s,%s" % (raw[:start], dumps(name), dumps(value), raw[start:])


def _renamed(raw: bytes, old: object, new: str) -> bytes:
    """Changes the value of `model`, if that key stands there once and not in disguise."""
    if raw.count(b'"model"') != 1 or ESCAPED_MODEL in raw or not isinstance(old, str):
        return b""
    name = dumps(old)
    found = MODEL_KEY.search(raw)
    if found is None or not raw.startswith(name, found.end()):
        return b""
    return b"%s%s%s" % (raw[: found.end()], dumps(new), raw[found.end() + len(name) :])


def answer(tap: Tap, provider: Provider, body: bytes, reading: Reading) -> bytes:
    """A whole answer, as it came. Raises Garbled."""
    tap.read_answer(provider, parsed(provider, body), reading)
    reading.content = reading.ended = True
    return body


def parsed(provider: Provider, body: bytes) -> JSON:
    """The object in a whole answer. Raises Garbled."""
    try:
        said = loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Garbled(invalid(provider.slug, body).message)
    return said


def stream(
    tap: Tap, provider: Provider, ask: Ask, chunks: Iterable[bytes], reading: Reading
) -> Iterator[bytes]:
    """A streamed answer as it came, frame by frame where one may say more than content.

    Ends early at an error (see Provider.stream).
    """
    surplus = bool(tap.additions(provider, ask))

    def calm(chunk: bytes) -> bool:
        return reading.content and not reading.ended and tap.calm(chunk)

    try:
        for frame in sse_frames(chunks, calm):
            if reading.ended and frame.raw:
                continue  # nothing counts after the end, but the connection is read to its own
            if not frame.data or (reading.content and tap.quiet(frame.data)):
                yield frame.raw
            elif tap.ends(frame):
                reading.ended = True
                yield frame.raw
            elif (event := heard(tap, provider, frame, reading)) is None:
                return
            elif not (surplus and tap.surplus(event)):
                yield frame.raw
    except Garbled as error:
        reading.problem = invalid(provider.slug, error.message.encode())


def heard(
    tap: Tap,
    provider: Provider,
    frame: Frame,
    reading: Reading,
    told: Callable[[JSON], JSON] = lambda event: event,
) -> JSON | None:
    """The event of a frame, `told` in OpenAI's words and read by the tap; None if the stream ends with it."""
    try:
        event = told(loads(frame.data))
    except MISSHAPEN:
        event = None
    if isinstance(event, dict):
        tap.read_event(provider, frame, event, reading)
        return None if reading.problem else event
    if frame.raw.endswith(LINE_ENDS):  # else the stream was cut in the middle of it
        reading.problem = invalid(provider.slug, frame.data)
    return None
