"""OpenAI's chat completions: a request read, an answer written. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/chat; what is said is speech.py's.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox import errors, frames, room
from sandbox.content import text_of
from sandbox.manners import manners
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Answer, Mistaken, Question, Tool, ToolCall, answer

FINISH = {"length": "length", "tool": "tool_calls"}
FINGERPRINT = "fp_sandbox"
MOST_CHOICES = 8
CACHED_FROM = 1_024  # OpenAI caches prompts from this many tokens on, in steps of 128


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    asked = question(body)
    told = answer(asked)
    if not asked.stream:
        return room.whole(asked.manners, whole(body, asked, told))
    broken = frames.data(errors.openai(500, errors.BROKEN))
    return room.stream(asked.manners, events(body, asked, told), broken)


def question(body: Mapping[str, Any]) -> Question:
    """The question in a request's body; raises Mistaken for what OpenAI would refuse."""
    model, messages = model_of(body), body.get("messages")
    if not isinstance(messages, list) or not messages:
        message = "Missing required parameter: 'messages'."
        raise Mistaken(message, param="messages", code="missing_required_parameter")
    told, prompt = manners(model, last_user_text(messages))
    return Question(
        model=model,
        prompt=prompt,
        turns=len(messages),
        characters=sum(len(text_of(m.get("content"))) for m in messages if isinstance(m, Mapping)),
        manners=told,
        stream=bool(body.get("stream")),
        tools=tuple(tools(body.get("tools"))),
        choice=choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls") is not False,
        results=results(messages),
        limit=limit(body),
        stops=stops(body.get("stop")),
        thinks=body.get("reasoning_effort") not in (None, "none"),
        schema=schema(body.get("response_format")),
        body=json.dumps(body, ensure_ascii=False) if told.echo else "",
    )


def model_of(body: Mapping[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Mistaken("you must provide a model parameter")
    return model


def last_user_text(messages: list[Any]) -> str:
    for message in reversed(messages):
        if isinstance(message, Mapping) and message.get("role") == "user":
            return text_of(message.get("content"))
    return ""


def results(messages: list[Any]) -> tuple[str, ...]:
    """What tools answered at the end of the conversation."""
    found: list[str] = []
    for message in reversed(messages):
        if not isinstance(message, Mapping) or message.get("role") not in ("tool", "function"):
            break
        found.append(text_of(message.get("content")))
    return tuple(reversed(found))


def tools(offered: object) -> Iterator[Tool]:
    for tool in offered if isinstance(offered, list) else []:
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            yield Tool(function["name"], function.get("parameters"))


def choice(wanted: object) -> str:
    match wanted:
        case "none":
            return "none"
        case "required":
            return "any"
        case {"function": {"name": str(name)}}:
            return name
    return "auto"


def limit(body: Mapping[str, Any], least: int = 1) -> int | None:
    """The most tokens allowed, if a number says so."""
    value = body.get("max_completion_tokens", body.get("max_tokens"))
    if value is None:
        return None
    if not isinstance(value, int) or value < least:
        message = f"Invalid 'max_tokens': expected a positive integer, but got {json.dumps(value)} instead."
        raise Mistaken(message, param="max_tokens", code="invalid_value")
    return value


def stops(given: object) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    return tuple(stop for stop in listed if isinstance(stop, str))


def schema(wanted: object) -> object:
    match wanted:
        case {"type": "json_schema", "json_schema": {"schema": found}}:
            return found
        case {"type": "json_object"}:
            return {"properties": {"answer": {"type": "string"}}}
    return None


def whole(body: Mapping[str, Any], asked: Question, told: Answer) -> JSON:
    """The answer as one object."""
    refusal = told.text if told.ending == "refusal" else None
    message: JSON = {"role": "assistant", "content": told.text, "refusal": refusal}
    if told.calls:
        message |= {"content": None, "tool_calls": [called(call) for call in told.calls]}
    if refusal is not None:
        message["content"] = None
    choices = [
        {"index": i, "message": message, "logprobs": None, "finish_reason": FINISH.get(told.ending, "stop")}
        for i in range(copies(body))
    ]
    head = {"id": f"chatcmpl-{told.id}", "object": "chat.completion", "created": told.created}
    said = head | {"model": asked.model, "choices": choices}
    if not asked.manners.no_usage:
        said["usage"] = usage(told, len(choices))
    return said | {"service_tier": "default", "system_fingerprint": FINGERPRINT}


def copies(body: Mapping[str, Any]) -> int:
    n = body.get("n")
    return min(max(n, 1), MOST_CHOICES) if isinstance(n, int) else 1


def called(call: ToolCall) -> JSON:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": f"call_{call.id}", "type": "function", "function": function}


def usage(told: Answer, choices: int) -> JSON:
    cached = told.input // 2 // 128 * 128 if told.input >= CACHED_FROM else 0
    output = told.output * choices
    reasoned = len(told.thoughts) * choices
    return {
        "prompt_tokens": told.input,
        "completion_tokens": output,
        "total_tokens": told.input + output,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoned,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def events(body: Mapping[str, Any], asked: Question, told: Answer) -> Iterator[bytes]:
    """The answer as a stream, an event for each item; the last is the terminal marker."""
    counts = counted(body) and not asked.manners.no_usage
    head: JSON = {"id": f"chatcmpl-{told.id}", "object": "chat.completion.chunk", "created": told.created}
    head |= {"model": asked.model, "service_tier": "default", "system_fingerprint": FINGERPRINT}
    tail: JSON = {"usage": None} if counts else {}
    number = copies(body)
    for index in range(number):
        for delta, finish in deltas(told):
            part = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
            yield frames.data(head | {"choices": [part]} | tail)
    if counts:
        yield frames.data(head | {"choices": [], "usage": usage(told, number)})
    yield b"data: [DONE]\n\n"


def counted(body: Mapping[str, Any]) -> bool:
    """Whether a stream shall tell its usage."""
    options = body.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))


def deltas(told: Answer) -> Iterator[tuple[JSON, str | None]]:
    """The deltas of one choice, the opening first, the finish reason last."""
    opening = {"role": "assistant", "content": None if told.calls else "", "refusal": None}
    yield opening, None
    for place, call in enumerate(told.calls):
        begun = called(call)
        begun["function"] = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": place} | begun]}, None
        for piece in torn(call.arguments):
            yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}, None
    for piece in told.pieces:
        yield {"refusal" if told.ending == "refusal" else "content": piece}, None
    yield {}, FINISH.get(told.ending, "stop")


def torn(arguments: str, size: int = 8) -> Iterator[str]:
    """Arguments in pieces, as they come while a model is still writing them."""
    for start in range(0, len(arguments), size):
        yield arguments[start : start + size]
