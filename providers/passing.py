"""A client that speaks the provider's own words: its bytes go on as they came, but for the model's name.

A Tap knows those words well enough to tell what an answer says on the way: model, usage, finish, error,
end. What is asked for beyond the client's wish (usage in a stream) is taken out of the answer again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from providers.errors import Garbled
from providers.framing import sse_frames
from providers.json_text import dumps, loads
from providers.problems import invalid
from providers.types import JSON, Ask, Frame, Provider, Reading

# ASCII written as \u00xx, which lets the same name stand in a text in two ways.
ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")


class Tap(Protocol):
    """What a format can tell from its own answers."""

    def additions(self, provider: Provider, ask: Ask) -> JSON:
        """What the gateway asks for beside the client's own wishes, by field."""

    def quiet(self, data: bytes) -> bool:
        """Whether a later event surely says nothing but content; cheap, and False when in doubt."""

    def ends(self, frame: Frame) -> bool:
        """Whether a frame is the terminal marker."""

    def read_event(self, provider: Provider, frame: Frame, event: JSON, reading: Reading) -> None: ...

    def read_answer(self, provider: Provider, answer: JSON, reading: Reading) -> None: ...

    def surplus(self, event: JSON) -> bool:
        """Whether an event is there only because of `additions`."""


def body(tap: Tap, provider: Provider, ask: Ask) -> bytes:
    """The client's bytes with the effective model, and what the tap adds."""
    changes = tap.additions(provider, ask)
    if ask.body.get("model") != ask.model:
        changes = {"model": ask.model, **changes}
    if not changes:
        return ask.raw or dumps(ask.body)
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
    """Puts a new field first. The object is not empty: it has a model, or is getting one."""
    start = raw.find(b"{")
    if start < 0 or raw[start + 1 :].lstrip()[:1] in (b"}", b""):
        return b""
    return b"%s{%s:%s,%s" % (raw[:start], dumps(name), dumps(value), raw[start + 1 :])


def _renamed(raw: bytes, old: object, new: str) -> bytes:
    """Changes the value of `model` where it stands exactly once, in the one way it can be written."""
    if not isinstance(old, str) or b"\\/" in raw or (b"\\u00" in raw and ESCAPED_ASCII.search(raw)):
        return b""
    name = dumps(old)
    places = [at for at in _places(raw, name) if _is_model(raw, at)]
    if len(places) != 1:
        return b""
    return raw[: places[0]] + dumps(new) + raw[places[0] + len(name) :]


def _places(raw: bytes, text: bytes) -> Iterator[int]:
    at = raw.find(text)
    while at >= 0:
        yield at
        at = raw.find(text, at + 1)


def _is_model(raw: bytes, at: int) -> bool:
    before = raw[max(at - 40, 0) : at].rstrip()
    return before.endswith(b":") and before[:-1].rstrip().endswith(b'"model"')


def answer(tap: Tap, provider: Provider, body: bytes, reading: Reading) -> bytes:
    """A whole answer, as it came. Raises Garbled."""
    try:
        said = loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Garbled(invalid(provider.slug, body).message)
    tap.read_answer(provider, said, reading)
    reading.content = reading.ended = True
    return body


def stream(
    tap: Tap, provider: Provider, ask: Ask, chunks: Iterable[bytes], reading: Reading
) -> Iterator[bytes]:
    """A streamed answer, frame by frame as it came; ends early at an error (see Provider.stream)."""
    surplus = bool(tap.additions(provider, ask))
    try:
        for frame in sse_frames(chunks):
            if reading.ended and frame.raw:
                continue  # nothing counts after the end, but the connection is read to its own
            if not frame.data or (reading.content and tap.quiet(frame.data)):
                yield frame.raw
            elif tap.ends(frame):
                reading.ended = True
                yield frame.raw
            elif (event := _heard(tap, provider, frame, reading)) is None:
                return
            elif not (surplus and tap.surplus(event)):
                yield frame.raw
    except Garbled as error:
        reading.problem = invalid(provider.slug, error.message.encode())


def _heard(tap: Tap, provider: Provider, frame: Frame, reading: Reading) -> JSON | None:
    """The event of a frame, after the tap has read it; None if the stream ends with it."""
    try:
        event = loads(frame.data)
    except ValueError:
        event = None
    if isinstance(event, dict):
        tap.read_event(provider, frame, event, reading)
        return None if reading.problem else event
    if frame.raw.endswith((b"\n", b"\r")):  # else the stream was cut in the middle of it
        reading.problem = invalid(provider.slug, frame.data)
    return None
