"""Mistral's answers, and the chunks of its streams, in OpenAI's words.

Content may be a list of chunks: thinking, text, and references, which only name results of tools by number
and have no place in OpenAI's words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.json_text import dumps
from providers.types import JSON, Ask

FAILED: JSON = {"message": "The model failed before its answer was whole.", "type": "server_error"}


def retold_chat(said: JSON, ask: Ask) -> JSON:
    """The same object if it is in OpenAI's words already; an answer that failed has an `error`."""
    choices = said.get("choices")
    if not isinstance(choices, list):
        return {"error": said} if said.get("object") == "error" else said
    if any(choice.get("finish_reason") == "error" for choice in choices):
        return {**said, "error": FAILED}
    told = [_choice(choice) for choice in choices]
    return (
        said if all(new is old for new, old in zip(told, choices, strict=True)) else {**said, "choices": told}
    )


def retold_completion(said: JSON, ask: Ask) -> JSON:
    """A text completion, or a chunk of one, from an answer in the words of chat."""
    said = retold_chat(said, ask)
    if not isinstance(said.get("choices"), list):
        return said
    before = _echoed(ask)
    choices = [_text(choice, before) for choice in said["choices"]]
    return {**said, "object": "text_completion", "choices": choices}


def render_prompt(prompt: Any, ask: Ask) -> Any:
    """A text; OpenAI also takes it as a list of one."""
    return prompt[0] if isinstance(prompt, list) and len(prompt) == 1 else prompt


def _echoed(ask: Ask) -> str:
    """What stands before the completion; Mistral knows no `echo`."""
    prompt = render_prompt(ask.body.get("prompt"), ask) if ask.body.get("echo") else ""
    return prompt if isinstance(prompt, str) else ""


def _text(choice: JSON, before: str) -> JSON:
    """A choice of text, with what stands before it where it begins: a stream's first chunk has the role."""
    given = choice.get("message") or choice.get("delta") or {}
    before = before if "role" in given or "message" in choice else ""
    return {
        "index": choice.get("index", 0),
        "text": before + (given.get("content") or ""),
        "logprobs": None,
        "finish_reason": choice.get("finish_reason"),
    }


def _choice(choice: JSON) -> JSON:
    streamed = "delta" in choice
    place = "delta" if streamed else "message"
    given = choice.get(place)
    if not isinstance(given, dict):
        return choice
    told = _flat(given, streamed) if isinstance(given.get("content"), list) else given
    if calls := given.get("tool_calls"):
        told = {**told, "tool_calls": [_call(call, number, streamed) for number, call in enumerate(calls)]}
    return choice if told is given else {**choice, place: told}


def _flat(given: JSON, streamed: bool) -> JSON:
    """A message or a delta whose content is a text, beside what was thought.

    A signature comes back in the next turn by way of content_blocks, in Mistral's form: a list.
    """
    chunks = [chunk for chunk in given["content"] if isinstance(chunk, dict)]
    text, thoughts = "".join(_texts(chunks)), [chunk for chunk in chunks if chunk.get("type") == "thinking"]
    told = {name: value for name, value in given.items() if name != "content"}
    if text or not streamed:
        told["content"] = text if text or not given.get("tool_calls") else None
    if thought := "".join(piece for chunk in thoughts for piece in _texts(chunk["thinking"])):
        told["reasoning_content"] = thought
    signed: list[JSON] = [
        {"type": "thinking", "thinking": [], "signature": chunk["signature"]}
        for chunk in thoughts
        if chunk.get("signature")
    ]
    if signed:
        told["content_blocks"] = [{"index": 0, "delta": block} for block in signed] if streamed else signed
    return told


def _texts(chunks: Iterable[Any]) -> Iterable[str]:
    return (chunk["text"] for chunk in chunks if chunk.get("type") == "text")


def _call(call: JSON, number: int, streamed: bool) -> JSON:
    """A call with its kind, and in a stream its number, which Mistral may leave out; arguments are a text."""
    function = call["function"]
    if not isinstance(arguments := function["arguments"], str):
        function = {**function, "arguments": dumps(arguments).decode()}
    numbered = {"index": number} if streamed else {}
    return {**numbered, "type": "function", **call, "function": function}
