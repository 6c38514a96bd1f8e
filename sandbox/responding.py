"""OpenAI's responses: an answer written, whole or as the events of a stream. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/responses and
…/responses-streaming; responses.py reads what is answered.
"""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from sandbox import errors, frames
from sandbox.chat import torn
from sandbox.speech import JSON, Answer, Question, ToolCall

ASKED: JSON = {  # what a response repeats of its request, and what it says where nothing was asked
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}


def whole(body: Mapping[str, Any], asked: Question, told: Answer) -> JSON:
    """The answer as one object."""
    cut_short = told.ending == "length"
    said = opening(body, asked, told) | {
        "status": "incomplete" if cut_short else "completed",
        "completed_at": None if cut_short else told.created,
        "incomplete_details": {"reason": "max_output_tokens"} if cut_short else None,
        "output": [*output(told)],
    }
    return said if asked.manners.no_usage else said | {"usage": usage(told)}


def opening(body: Mapping[str, Any], asked: Question, told: Answer) -> JSON:
    """A response that has only begun."""
    begun = {
        "id": f"resp_{told.id}",
        "object": "response",
        "created_at": told.created,
        "status": "in_progress",
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": asked.model,
        "output": [],
        "service_tier": "default",
        "usage": None,
    }
    return begun | {name: body[name] if body.get(name) is not None else ASKED[name] for name in ASKED}


def output(told: Answer) -> Iterator[JSON]:
    for call in told.calls:
        yield called(call, call.arguments, "completed")
    if not told.calls:
        yield message(told, [part(told, told.text)], "incomplete" if told.ending == "length" else "completed")


def called(call: ToolCall, arguments: str, status: str) -> JSON:
    item = {"id": f"fc_{call.id}", "type": "function_call", "status": status, "arguments": arguments}
    return item | {"call_id": f"call_{call.id}", "name": call.name}


def message(told: Answer, content: list[JSON], status: str) -> JSON:
    item = {"id": f"msg_{told.id}", "type": "message", "status": status}
    return item | {"content": content, "role": "assistant"}


def part(told: Answer, text: str) -> JSON:
    if told.ending == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}


def usage(told: Answer) -> JSON:
    return {
        "input_tokens": told.input,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": told.output,
        "output_tokens_details": {"reasoning_tokens": len(told.thoughts)},
        "total_tokens": told.input + told.output,
    }


def events(body: Mapping[str, Any], asked: Question, told: Answer) -> Iterator[bytes]:
    """The answer as a stream, each event with its number; the last holds the whole response."""
    numbers = count()
    for event in unnumbered(body, asked, told):
        yield frames.named({"type": event["type"], "sequence_number": next(numbers)} | event)


def unnumbered(body: Mapping[str, Any], asked: Question, told: Answer) -> Iterator[JSON]:
    begun, ended = opening(body, asked, told), whole(body, asked, told)
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for place, call in enumerate(told.calls):
        yield from calling(place, call)
    if not told.calls:
        yield from speaking(told, ended["output"][0])
    yield {"type": f"response.{ended['status']}", "response": ended}


def calling(place: int, call: ToolCall) -> Iterator[JSON]:
    """A function call, its arguments bit by bit."""
    where: JSON = {"item_id": f"fc_{call.id}", "output_index": place}
    begun = called(call, "", "in_progress")
    yield {"type": "response.output_item.added", "output_index": place, "item": begun}
    for piece in torn(call.arguments):
        yield {"type": "response.function_call_arguments.delta"} | where | {"delta": piece}
    done = {"arguments": call.arguments, "name": call.name}
    yield {"type": "response.function_call_arguments.done"} | where | done
    ended = called(call, call.arguments, "completed")
    yield {"type": "response.output_item.done", "output_index": place, "item": ended}


def speaking(told: Answer, ended: JSON) -> Iterator[JSON]:
    """The message of an answer that calls nothing, its text or refusal bit by bit."""
    kind, word = ("refusal", "refusal") if told.ending == "refusal" else ("output_text", "text")
    also: JSON = {} if kind == "refusal" else {"logprobs": []}
    where: JSON = {"item_id": ended["id"], "output_index": 0, "content_index": 0}
    begun = message(told, [], "in_progress")
    yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
    yield {"type": "response.content_part.added"} | where | {"part": part(told, "")}
    for piece in told.pieces:
        yield {"type": f"response.{kind}.delta"} | where | {"delta": piece} | also
    yield {"type": f"response.{kind}.done"} | where | {word: told.text} | also
    yield {"type": "response.content_part.done"} | where | {"part": ended["content"][0]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": ended}


def broken() -> bytes:
    """An error in the middle of a stream."""
    told = {"type": "error", "code": "server_error", "message": errors.BROKEN, "param": None}
    return frames.named(told | {"sequence_number": 0})
