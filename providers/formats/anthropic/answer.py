"""A whole Anthropic message as a chat completion of the common form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.formats.anthropic import json_tool
from providers.formats.anthropic.names import Names
from providers.json_text import dumps
from providers.types import JSON, Ask, Provider

# https://docs.anthropic.com/en/api/handling-stop-reasons; compaction is a beta's
FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    "refusal": "content_filter",
}
EXTRAS = ("container", "context_management", "diagnostics")


def read_answer(provider: Provider, ask: Ask, answer: JSON) -> JSON:
    """The completion. Raises what reading another shape raises."""
    answer = json_tool.told_as_text(answer) if json_tool.is_used(ask) else answer
    reason = answer.get("stop_reason") or "end_turn"
    choice: JSON = {
        "index": 0,
        "message": _message(Names.of(ask), answer),
        "finish_reason": finish_of(reason),
        "native_finish_reason": reason,
    }
    if answer.get("stop_sequence"):
        choice["stop_sequence"] = answer["stop_sequence"]
    common: JSON = {"id": answer.get("id", ""), "model": answer.get("model", ""), "choices": [choice]}
    if answer.get("usage"):
        common["usage"] = usage_in_common(answer["usage"])
    common["extras"] = extras_of(answer)
    return common


def finish_of(reason: str) -> str:
    return FINISH.get(reason, "stop")


def extras_of(said: JSON) -> JSON:
    return {name: said[name] for name in EXTRAS if said.get(name)}


def _message(names: Names, answer: JSON) -> JSON:
    blocks = answer["content"]
    text = "".join(_all(blocks, "text"))
    calls = [_tool_call(names, block) for block in blocks if block["type"] == "tool_use"]
    message: JSON = {"role": "assistant", "content": text if text or not calls else None}
    if thoughts := "".join(_all(blocks, "thinking")):
        message["reasoning_content"] = thoughts
    if refusal := refusal_of(answer):
        message["refusal"] = refusal
    if annotations := _annotations(blocks):
        message["annotations"] = annotations
    if others := [block for block in blocks if block["type"] != "tool_use"]:
        message["content_blocks"] = others
    if calls:
        message["tool_calls"] = calls
    return message


def _all(blocks: Iterable[JSON], kind: str) -> Iterable[str]:
    return (block[kind] for block in blocks if block["type"] == kind)


def _tool_call(names: Names, block: JSON) -> JSON:
    function = {"name": names.original(block["name"]), "arguments": dumps(block["input"]).decode()}
    return {"id": block["id"], "type": "function", "function": function}


def refusal_of(said: JSON) -> str:
    """The explanation of a refusal, where there is one."""
    details = said.get("stop_details") or {}
    return details.get("explanation") or ""


def _annotations(blocks: Iterable[JSON]) -> list[JSON]:
    """The web pages cited, each for the stretch of text it stands behind."""
    annotations, start = [], 0
    for block in blocks:
        if block["type"] == "text":
            end = start + len(block["text"])
            annotations += annotations_of(block.get("citations") or (), start, end)
            start = end
    return annotations


def annotations_of(citations: Iterable[JSON], start: int, end: int) -> list[JSON]:
    """OpenAI's form of those citations that have a URL; the others stay in content_blocks."""
    return [
        {"type": "url_citation", "url_citation": _url_citation(citation, start, end)}
        for citation in citations
        if citation.get("type") == "web_search_result_location"
    ]


def _url_citation(citation: JSON, start: int, end: int) -> JSON:
    title = citation.get("title") or ""
    return {"url": citation["url"], "title": title, "start_index": start, "end_index": end}


def usage_in_common(usage: JSON) -> JSON:
    """OpenAI's usage: what was read from and written to the cache is part of the prompt."""
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    prompt, completion = (usage.get("input_tokens") or 0) + read + written, usage.get("output_tokens") or 0
    common: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }
    if details := usage.get("output_tokens_details"):
        common["completion_tokens_details"] = {"reasoning_tokens": details.get("thinking_tokens") or 0}
    return common
