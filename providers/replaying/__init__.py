"""Answers told again in the other form: a whole one as the stream it could have been, a stream as the whole
it adds up to, a stream once more. Of chats and text completions, in the client's own words.

A cache keeps what a client got to see; another client may want it otherwise. What is told again looks like
the gateway's live answers. Nothing here waits; whoever works through the frames may offer turns between two.
What an answer of another shape than OpenAI's raises is MISSHAPEN.
"""

from collections.abc import Iterable, Iterator

from providers.json_text import dumps, loads
from providers.passing import MISSHAPEN
from providers.replaying import telling
from providers.replaying.assembling import Assembling
from providers.replaying.counting import usage_object
from providers.types import JSON, Frame, Usage

DONE = b"[DONE]"
END = b"data: [DONE]\n\n"


def whole(frames: Iterable[Frame], usage: Usage | None) -> bytes:
    """The whole answer that a stream adds up to. `usage`: what it used, where the stream does not say.

    Raises MISSHAPEN.
    """
    assembling = Assembling()
    for frame in frames:
        if frame.data and frame.data != DONE:
            assembling.add(loads(frame.data))
    answer = assembling.answer()
    if usage is not None:
        answer.setdefault("usage", usage_object(usage))
    return dumps(answer)


def streamed(answer: bytes, *, wants_usage: bool) -> Iterator[bytes]:
    """The frames of a whole answer, its usage where the client wants it, and the end. Raises MISSHAPEN."""
    yield from telling.frames(loads(answer), wants_usage=wants_usage)
    yield END


def again(frames: Iterable[Frame], usage: Usage | None, *, wants_usage: bool) -> Iterator[bytes]:
    """A stream's own frames, with the chunk of usage or without. Comments are not told again.

    Raises MISSHAPEN.
    """
    last, told = b"{}", False
    for frame in frames:
        if not frame.data or frame.data == DONE:
            continue
        if says_usage(frame.data):
            told = True
            if not wants_usage and not loads(frame.data).get("choices"):
                continue
        last = frame.data
        yield b"data: %s\n\n" % frame.data.replace(b"\n", b"\ndata: ")
    if wants_usage and not told and usage is not None:
        yield telling.usage_frame(loads(last), usage_object(usage))
    yield END


def says_usage(data: bytes) -> bool:
    """Whether a chunk counts tokens, and does not only say that it could."""
    if data.count(b'"usage"') == data.count(b'"usage":null'):
        return False
    said: JSON = loads(data)
    return isinstance(said.get("usage"), dict)


__all__ = ["MISSHAPEN", "again", "streamed", "usage_object", "whole"]
