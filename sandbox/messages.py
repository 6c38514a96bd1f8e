"""Anthropic's messages, and the counting of their tokens: a request read, an answer written. Pure.

The shapes are those of https://docs.anthropic.com/en/api/messages; what is said is speech.py's.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox import errors, frames, room
from sandbox.chat import stops, torn
from sandbox.content import text_of
from sandbox.manners import manners
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Answer, Mistaken, Question, Tool, ToolCall, answer

STOP_REASON = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool": "tool_use",
    "refusal": "refusal",
}
ELSEWHERE = ("claude-2", "claude-instant")  # models that only complete.py serves
# What count_tokens does not take.
ANSWERS_ONLY = (
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
    "temperature",
    "top_k",
    "top_p",
)


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    asked = question(body)
    told = answer(asked)
    if not asked.stream:
        return room.whole(asked.manners, whole(asked, told))
    return room.stream(asked.manners, events(asked, told), frames.named(errors.overloaded()))


def count(arrived: Arrived) -> Reply:
    """How many tokens the messages are, which is what their answer would count."""
    body = arrived.fields()
    asked = question(dict(body) | {"max_tokens": 1})
    if extra := [name for name in ANSWERS_ONLY if name in body]:
        raise Mistaken(f"{extra[0]}: Extra inputs are not permitted")
    return room.whole(asked.manners, {"input_tokens": answer(asked).input})


def question(body: Mapping[str, Any]) -> Question:
    """The question in a request's body; raises Mistaken for what Anthropic would refuse."""
    model, messages = named(body), body.get("messages")
    if model.startswith(ELSEWHERE):
        raise Mistaken(f"model: {model}", status=404)
    if not isinstance(messages, list):
        raise Mistaken("messages: Field required")
    if not messages:
        raise Mistaken("messages: at least one message is required")
    told, prompt = manners(model, last_user_text(messages))
    return Question(
        model=model,
        prompt=prompt,
        turns=len(messages),
        characters=characters(body, messages),
        manners=told,
        stream=bool(body.get("stream")),
        tools=tuple(tools(body.get("tools"))),
        choice=choice(body.get("tool_choice")),
        parallel=not disabled(body.get("tool_choice")),
        results=results(messages[-1]),
        limit=limit(body),
        stops=stops(body.get("stop_sequences")),
        thinks=thinks(body.get("thinking")),
        caches=caches(body, messages),
        schema=schema(body.get("output_config")),
        body=json.dumps(body, ensure_ascii=False) if told.echo else "",
    )


def named(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Mistaken("model: Field required")
    return model


def last_user_text(messages: list[Any]) -> str:
    """The text of the last user message that has any; one with tool results alone has none."""
    users = (m for m in reversed(messages) if isinstance(m, Mapping) and m.get("role") == "user")
    return next((text for message in users if (text := text_of(message.get("content")))), "")


def characters(body: Mapping[str, Any], messages: list[Any]) -> int:
    said = sum(len(text_of(m.get("content"))) for m in messages if isinstance(m, Mapping))
    return said + len(text_of(body.get("system")))


def tools(offered: object) -> Iterator[Tool]:
    for tool in offered if isinstance(offered, list) else []:
        if isinstance(tool, Mapping) and isinstance(tool.get("name"), str):
            yield Tool(tool["name"], tool.get("input_schema"))


def choice(wanted: object) -> str:
    match wanted:
        case {"type": "any" | "none" as kind}:
            return str(kind)
        case {"type": "tool", "name": str(name)}:
            return name
    return "auto"


def disabled(wanted: object) -> bool:
    return isinstance(wanted, Mapping) and bool(wanted.get("disable_parallel_tool_use"))


def results(last: object) -> tuple[str, ...]:
    """What tools answered in the last message."""
    content = last.get("content") if isinstance(last, Mapping) else None
    blocks = content if isinstance(content, list) else []
    return tuple(
        text_of(block.get("content"))
        for block in blocks
        if isinstance(block, Mapping) and block.get("type") == "tool_result"
    )


def limit(body: Mapping[str, Any]) -> int:
    """The most tokens allowed, which Anthropic wants to be told."""
    value = body.get("max_tokens")
    if value is None:
        raise Mistaken("max_tokens: Field required")
    if not isinstance(value, int) or value < 1:
        raise Mistaken("max_tokens: Input should be a valid integer greater than or equal to 1")
    return value


def thinks(wanted: object) -> bool:
    return isinstance(wanted, Mapping) and wanted.get("type") in ("enabled", "adaptive")


def caches(body: Mapping[str, Any], messages: list[Any]) -> bool:
    """Whether a part of the prompt is marked for the cache."""
    contents = [m.get("content") for m in messages if isinstance(m, Mapping)]
    lists = [value for value in (*contents, body.get("system"), body.get("tools")) if isinstance(value, list)]
    return any(isinstance(part, Mapping) and part.get("cache_control") for parts in lists for part in parts)


def schema(wanted: object) -> object:
    match wanted:
        case {"format": {"type": "json_schema", "schema": found}}:
            return found
    return None


def whole(asked: Question, told: Answer) -> JSON:
    """The answer as one object."""
    said = opening(asked, told) | {"content": [*blocks(told)]}
    said |= {"stop_reason": STOP_REASON[told.ending], "stop_sequence": told.stop}
    if asked.manners.no_usage:
        return said
    return said | {"usage": usage(asked, told, told.output)}


def opening(asked: Question, told: Answer) -> JSON:
    return {
        "id": f"msg_{told.id}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def blocks(told: Answer) -> Iterator[JSON]:
    if told.thoughts:
        yield {"type": "thinking", "thinking": told.thinking, "signature": signature(told)}
    if told.pieces:
        yield {"type": "text", "text": told.text}
    for call in told.calls:
        yield used(call) | {"input": json.loads(call.arguments)}


def signature(told: Answer) -> str:
    return f"Eq{told.id}Ag=="


def used(call: ToolCall) -> JSON:
    return {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": {}}


def usage(asked: Question, told: Answer, output: int) -> JSON:
    """Where something is marked for the cache, half of the prompt is told as read from it and a quarter
    as written to it, so that every bucket has something in it."""
    read = told.input // 2 if asked.caches else 0
    written = told.input // 4 if asked.caches else 0
    return {
        "input_tokens": told.input - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def events(asked: Question, told: Answer) -> Iterator[bytes]:
    """The answer as a stream, an event for each item; the last is the terminal marker."""
    counted = not asked.manners.no_usage
    begun = opening(asked, told) | ({"usage": usage(asked, told, 1)} if counted else {})
    yield event("message_start", {"message": begun})
    for index, (block, deltas) in enumerate(streamed(told)):
        yield event("content_block_start", {"index": index, "content_block": block})
        if index == 0:
            yield event("ping", {})
        for delta in deltas:
            yield event("content_block_delta", {"index": index, "delta": delta})
        yield event("content_block_stop", {"index": index})
    ended: JSON = {"delta": {"stop_reason": STOP_REASON[told.ending], "stop_sequence": told.stop}}
    yield event("message_delta", ended | ({"usage": {"output_tokens": told.output}} if counted else {}))
    yield event("message_stop", {})


def streamed(told: Answer) -> Iterator[tuple[JSON, list[JSON]]]:
    """Each block as it begins, and the deltas that fill it."""
    if told.thoughts:
        deltas: list[JSON] = [{"type": "thinking_delta", "thinking": piece} for piece in told.thoughts]
        deltas.append({"type": "signature_delta", "signature": signature(told)})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if told.pieces:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in told.pieces]
    for call in told.calls:
        torn_up = ["", *torn(call.arguments)]
        yield used(call), [{"type": "input_json_delta", "partial_json": piece} for piece in torn_up]


def event(name: str, value: JSON) -> bytes:
    return frames.named({"type": name} | value)
