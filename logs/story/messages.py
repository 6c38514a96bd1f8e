"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages), whole and streamed."""

from collections.abc import Iterable
from typing import Any

from logs.story.conversation import ended, error, role_of, settings, some, turns, unknown
from logs.story.json_text import parsed
from logs.story.merging import Ordered, last
from logs.story.parts import content, rest, text_of
from logs.story.values import JSON, Told, Turn

DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def request(body: JSON) -> Told:
    """The system's words first, then the messages."""
    system = [Turn("system", tuple(content(body["system"])))] if body.get("system") else []
    return Told((*system, *turns(body.get("messages"), turn)), settings(body, ("system", "messages")))


def turn(message: Any) -> Turn:
    if not isinstance(message, dict):
        return unknown(message)
    told = some([*content(message.get("content")), *rest(message, ("role", "content"))])
    return Turn(role_of(message, "no role"), told)


def answer(body: JSON) -> Told:
    failed = error(body)
    if "content" not in body:
        return failed or Told(settings=settings(body, ()))
    said = Turn(
        role_of(body, "assistant"), some(content(body.get("content"))), ended(body.get("stop_reason"))
    )
    left = settings(body, ("role", "content", "stop_reason"))
    return Told((said,), left, problem=failed.problem if failed else "")


def assembled(events: Iterable[Any]) -> JSON:
    """The message that a stream of events adds up to."""
    whole: JSON = {}
    blocks, inputs = Ordered(), dict[int, str]()
    for event in events:
        match event:
            case {"type": "message_start", "message": dict(message)}:
                last(whole, message, but=("content",))
            case {"type": "content_block_start", "content_block": dict(block)}:
                last(blocks.at(event.get("index")), block)
            case {"type": "content_block_delta", "delta": dict(delta)}:
                grow(blocks.at(event.get("index")), delta, inputs)
            case {"type": "message_delta"}:
                ending(whole, event)
            case {"error": _}:
                last(whole, event, but=("type",))
    told = [with_input(block, inputs.get(id(block))) for block in blocks.values()]
    return whole | ({"content": told} if told or "error" not in whole else {})


def grow(block: JSON, delta: JSON, inputs: dict[int, str]) -> None:
    """Add a delta to its block; the JSON of a tool's input comes in pieces that are none."""
    kind = delta.get("type")
    if kind == "input_json_delta":
        inputs[id(block)] = inputs.get(id(block), "") + text_of(delta.get("partial_json"))
    elif isinstance(kind, str) and kind in DELTAS:
        name = DELTAS[kind]
        block[name] = text_of(block.get(name)) + text_of(delta.get(name))
    elif kind == "citations_delta":
        had = block.get("citations")
        block["citations"] = [*(had if isinstance(had, list) else []), delta.get("citation")]
    else:
        last(block, delta, but=("type",))


def with_input(block: JSON, text: str | None) -> JSON:
    """A block with the input that its pieces add up to; as text, where it is cut."""
    if not text:
        return block
    try:
        return block | {"input": parsed(text)}
    except ValueError:
        return block | {"input": text}


def ending(whole: JSON, event: JSON) -> None:
    if isinstance(delta := event.get("delta"), dict):
        last(whole, delta)
    if isinstance(usage := event.get("usage"), dict):
        had = whole.get("usage")
        whole["usage"] = (had if isinstance(had, dict) else {}) | usage
