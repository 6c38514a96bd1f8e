"""What can be told of an answer that passes through: in whose words it is, only the answer itself says.

Nothing here fails and nothing changes a byte. Read are the model, the usage, why it ended and an error, in
OpenAI's words (chat, completions, embeddings, Responses, images, audio) and in Anthropic's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from providers.framing import BLANK_LINE, LINES_LIMIT
from providers.json_text import loads
from providers.problems import told
from providers.types import JSON, Reading, Usage
from providers.usage import usage_of

LISTENED = 1024 * 1024  # bytes of one event; of a larger one nothing is told
PARTS = 50_000  # objects and lists of one event; to read more would hold others up
TELLING = re.compile(
    rb'"(?:usage|model|error|stop_reason|finish_reason|message_stop|response\.[a-z]+)"|\[DONE\]'
)
DONE = b"[DONE]"
OPENINGS = {
    b"error",
    b"ping",
    b"message_start",
    b"content_block_start",
    b"response.created",
    b"response.queued",
    b"response.in_progress",
    b"response.failed",
    b"response.output_item.added",
    b"response.content_part.added",
}
TYPE = re.compile(rb'"type"\s*:\s*"([a-z._]+)"')
ERROR = re.compile(rb'\s*\{\s*"error"')
ENDS = {"message_stop", "response.completed", "response.incomplete", "response.failed"}  # types of events


def answer(slug: str, body: bytes | bytearray, reading: Reading) -> None:
    """Fills `reading` from a whole answer, as far as it can be understood."""
    Overhearing(slug, reading).hear(bytes(body))
    reading.partial = False  # what a whole answer counts is all it took, whether it says why it ended or not


def stream(
    slug: str, chunks: Iterable[bytes], reading: Reading, *, attentive: bool = False
) -> Iterator[bytes]:
    """The chunks of a stream of events, as they came. `reading` is filled before each, its end included.

    `attentive`: content is what is more than an opening, a ping or an error; else any byte is.
    """
    overhearing = Overhearing(slug, reading)
    for chunk in chunks:
        overhearing.feed(chunk)
        if not reading.content:
            reading.content = overhearing.has_said_something if attentive else bool(chunk)
        yield chunk
    overhearing.feed(b"\n\n")
    reading.ended = True


def unheard(chunks: Iterable[bytes], reading: Reading) -> Iterator[bytes]:
    """The chunks of what tells nothing: a picture, speech, a file."""
    for chunk in chunks:
        reading.content = reading.content or bool(chunk)
        yield chunk
    reading.ended = True


class Overhearing:
    """Listens to one answer. Usage may be told in parts, of which later ones count."""

    def __init__(self, slug: str, reading: Reading) -> None:
        self.slug, self.reading = slug, reading
        self.held = bytearray()
        self.usage: JSON = {}
        self.has_said_something = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of a stream of server-sent events; of what is none, nothing is heard."""
        searched = max(len(self.held) - 3, 0)
        self.held += chunk
        if found := BLANK_LINE.search(self.held, searched):
            first = bytes(self.held[: found.end()])
            *others, rest = BLANK_LINE.split(self.held[found.end() :])
            self.held = bytearray(rest)
            for event in (first, *others):
                self.has_said_something = self.has_said_something or says_something(event)
                if TELLING.search(event) and is_modest(event):
                    self.hear(b"\n".join(data_of(event)))
        if len(self.held) > LISTENED:
            self.held.clear()

    def hear(self, text: bytes) -> None:
        """One JSON object, the word that ends OpenAI's streams, or what is neither."""
        if text == DONE:
            self.reading.ended = True
            return
        try:
            said = loads(text)
            if isinstance(said, dict):
                self.tell(said)
        except (ValueError, RecursionError):
            return

    def tell(self, said: JSON) -> None:
        reading = self.reading
        inner = next(
            (part for name in ("message", "response") if isinstance(part := said.get(name), dict)), {}
        )
        for part in (said, inner):
            if isinstance(model := part.get("model"), str) and model:
                reading.model = model[:256]
            if isinstance(usage := part.get("usage"), dict):
                self.usage |= {name: count for name, count in usage.items() if count is not None}
                reading.usage = counted(self.usage)
            if reason := finish_of(part):
                reading.finish = reason
            if (error := part.get("error")) and isinstance(error, dict | str):
                reading.problem = told(self.slug, error)
        reading.partial = reading.usage is not None and not reading.finish
        if isinstance(kind := said.get("type"), str) and kind in ENDS:
            reading.ended = True


def says_something(event: bytes) -> bool:
    """Whether an event is more than an opening, a ping, a comment or an error."""
    data = b"".join(data_of(event))
    if not data or ERROR.match(data):
        return False
    kind = TYPE.search(data)
    return kind is None or kind[1] not in OPENINGS


def is_modest(event: bytes) -> bool:
    """Whether an event can be read in a few milliseconds."""
    lines = event.count(b"\n") + event.count(b"\r")
    return lines <= LINES_LIMIT and event.count(b"{") + event.count(b"[") <= PARTS


def data_of(event: bytes) -> Iterator[bytes]:
    """The data lines of an event."""
    for line in event.splitlines():
        if line.startswith(b"data:"):
            yield line[5:].removeprefix(b" ")


def finish_of(said: JSON) -> str:
    """Why an answer ended: OpenAI's finish_reason, Anthropic's stop_reason, the status of a Response."""
    choices, delta = said.get("choices"), said.get("delta")
    first = choices[0] if isinstance(choices, list) and choices else {}
    candidates = (
        first.get("finish_reason") if isinstance(first, dict) else None,
        delta.get("stop_reason") if isinstance(delta, dict) else None,
        said.get("stop_reason"),
        said.get("status")
        if said.get("object") == "response" and said.get("status") != "in_progress"
        else None,
    )
    return next((reason for reason in candidates if isinstance(reason, str)), "")


def counted(usage: JSON) -> Usage | None:
    """The tokens of a usage object; None if it counts something else (seconds of audio)."""
    if "prompt_tokens" in usage:
        return usage_of(usage)
    if "input_tokens" not in usage and "output_tokens" not in usage:
        return None
    return exclusive(usage) if is_anthropics(usage) else inclusive(usage)


def is_anthropics(usage: JSON) -> bool:
    """Anthropic counts cached tokens beside the input and gives no total."""
    return "total_tokens" not in usage and "input_tokens_details" not in usage


def exclusive(usage: JSON) -> Usage:
    details = usage.get("output_tokens_details")
    thought = number(details, "thinking_tokens")
    return Usage(
        input=number(usage, "input_tokens"),
        cache_read=number(usage, "cache_read_input_tokens"),
        cache_write=number(usage, "cache_creation_input_tokens"),
        output=max(number(usage, "output_tokens") - thought, 0),
        reasoning=thought,
    )


def inclusive(usage: JSON) -> Usage:
    """As Responses, images and transcriptions count; the last write `input_token_details`."""
    read = usage.get("input_tokens_details") or usage.get("input_token_details")
    written = usage.get("output_tokens_details")
    return usage_of(
        {
            "prompt_tokens": usage.get("input_tokens"),
            "completion_tokens": usage.get("output_tokens"),
            "prompt_tokens_details": read,
            "completion_tokens_details": written,
        }
    )


def number(counts: Any, name: str) -> int:
    count = counts.get(name) if isinstance(counts, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0
