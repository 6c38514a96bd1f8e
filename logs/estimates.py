"""Tokens that no provider counted for us: four characters each, of the texts that were sent and answered.

For calls that broke off, and for answers without usage. Knows the words of the clients' dialects only as far
as finding the texts in them goes; images, audio and files count nothing.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from logs.segments import Body
from providers.types import Usage

CHARACTERS = 4  # of a token, on average
ASKED = {"messages", "system", "prompt", "input", "instructions", "tools", "functions", "response_format"}
ANSWERED = {
    "content",
    "text",
    "arguments",
    "reasoning_content",
    "reasoning",
    "refusal",
    "thinking",
    "partial_json",
}
NEVER = {"data", "url", "image_url", "file_data", "id", "type", "role", "tool_call_id", "signature"}
TWICE = {"content_blocks", "reasoning_details"}  # of an answer: what `content` and its like say too


def estimate(bodies: Mapping[str, Body], body_bytes: int) -> Usage:
    """What a call with these bodies used; `body_bytes` is the length of a request that was not kept."""
    request = bodies.get("request")
    answer = bodies.get("response") or bodies.get("received")
    asked = characters_asked(request) if request else body_bytes
    return Usage(input=tokens(asked), output=tokens(characters_answered(answer)) if answer else 0)


def tokens(characters: int) -> int:
    return -(-characters // CHARACTERS)


def characters_asked(body: Body) -> int:
    """The texts of a request; all of it, where it was cut or is no JSON object."""
    value = parsed(body.content)
    if not isinstance(value, dict):
        return body.size
    return sum(len(text) for key in ASKED & value.keys() for text in texts(value[key]))


def characters_answered(body: Body) -> int:
    """The texts of a whole or streamed answer. A part that was cut off counts like the part that was kept."""
    value = parsed(body.content)
    documents = [value] if value is not None else events(body.content)
    found = sum(len(text) for document in documents for text in texts(document, ANSWERED))
    return found * body.size // len(body.content) if body.content else 0


def events(stream: bytes) -> Iterator[Any]:
    """The JSON values of a stream of server-sent events."""
    for line in stream.splitlines():
        if line.startswith(b"data:") and (value := parsed(line[5:])) is not None:
            yield value


def texts(value: Any, keys: set[str] | None = None) -> Iterator[str]:
    """Every text in a JSON value; with `keys`, only those that stand directly under one of them."""
    pending = [(value, keys is None)]
    skipped = NEVER | TWICE if keys else NEVER
    while pending:
        value, counts = pending.pop()
        if isinstance(value, str):
            if counts:
                yield value
        elif isinstance(value, list):
            pending += [(each, counts) for each in value]
        elif isinstance(value, dict):
            pending += [
                (each, keys is None or key in keys) for key, each in value.items() if key not in skipped
            ]


def parsed(content: bytes) -> Any:
    """A JSON value, also where only `json` reads it; None where there is none."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
