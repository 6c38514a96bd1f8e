"""Anthropic's stream events told as the common form's (https://docs.anthropic.com/en/api/messages-streaming).

What these events add up to equals what answer.py makes of the whole message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from providers.formats.anthropic import json_tool
from providers.formats.anthropic.answer import (
    annotations_of,
    extras_of,
    finish_of,
    refusal_of,
    usage_in_common,
)
from providers.formats.anthropic.errors import streamed_problem
from providers.formats.anthropic.names import Names
from providers.json_text import dumps, loads
from providers.types import JSON, Ask, Event, Frame, Provider


class MessageReader:
    """Reads one stream. One block is open at a time; tool calls are numbered among themselves."""

    def __init__(self, provider: Provider, ask: Ask) -> None:
        self.slug = provider.slug
        self.names = Names.of(ask)
        self.by_tool = json_tool.is_used(ask)
        self.usage: JSON = {}
        self.block: JSON = {}
        self.tools = -1
        self.partial = ""  # the input of the open block's tool so far
        self.citations: list[JSON] = []
        self.text_start = self.text_end = 0

    def read(self, frame: Frame) -> Iterable[Event]:
        event = loads(frame.data)
        match event["type"]:
            case "content_block_delta":
                return self._delta(event["index"], event["delta"])
            case "content_block_start":
                return self._start(event["index"], event["content_block"])
            case "content_block_stop":
                return self._stop(event["index"])
            case "message_start":
                return self._opening(event["message"])
            case "message_delta":
                return self._closing(event)
            case "message_stop":
                return (Event(ended=True),)
            case "error":
                return (Event(problem=streamed_problem(self.slug, event["error"])),)
        return ()  # ping, and what is yet to come

    def _opening(self, message: JSON) -> Iterator[Event]:
        self.usage = message.get("usage") or {}
        usage = usage_in_common(self.usage) if self.usage else None
        yield Event(id=message.get("id", ""), model=message.get("model", ""), usage=usage)

    def _start(self, index: int, block: JSON) -> Iterator[Event]:
        if self.by_tool and json_tool.is_answer(block):
            block = {**block, "type": json_tool.NAME}
        self.block, self.partial, self.citations, self.text_start = block, "", [], self.text_end
        match block["type"]:
            case "tool_use":
                self.tools += 1
                function = {"name": self.names.original(block["name"]), "arguments": ""}
                call = {"index": self.tools, "id": block["id"], "type": "function", "function": function}
                yield Event({"tool_calls": [call]})
            case "text" | "thinking":
                if block.get(block["type"]):
                    yield from self._delta(index, {**block, "type": f"{block['type']}_delta"})
            case "server_tool_use" | json_tool.NAME:
                pass  # told when its input is whole, or as text
            case _:
                yield Event({"content_blocks": [{"index": index, "delta": block}]})

    def _delta(self, index: int, delta: JSON) -> Iterable[Event]:
        match delta["type"]:
            case "text_delta":
                return (self._text(index, delta["text"]),)
            case "input_json_delta":
                return self._input(index, delta["partial_json"])
            case "thinking_delta":
                text = delta["thinking"]
                blocks = [{"index": index, "delta": {"thinking": text}}]
                return (Event({"reasoning_content": text, "content_blocks": blocks}),)
            case "signature_delta":
                blocks = [{"index": index, "delta": {"signature": delta["signature"]}}]
                return (Event({"content_blocks": blocks}),)
            case "citations_delta":
                self.citations.append(delta["citation"])
                return (
                    Event({"content_blocks": [{"index": index, "delta": {"citation": delta["citation"]}}]}),
                )
        return ()

    def _text(self, index: int, text: str) -> Event:
        self.text_end += len(text)
        return Event({"content": text, "content_blocks": [{"index": index, "delta": {"text": text}}]})

    def _input(self, index: int, partial: str) -> Iterable[Event]:
        """Input of the open block: a client's tool is told at once, a server's when it is whole."""
        self.partial += partial
        match self.block.get("type"):
            case "tool_use" if partial:
                return (self._arguments(partial),)
            case json_tool.NAME if partial:
                return (self._text(index, partial),)
        return ()

    def _arguments(self, text: str) -> Event:
        return Event({"tool_calls": [{"index": self.tools, "function": {"arguments": text}}]})

    def _stop(self, index: int) -> Iterator[Event]:
        kind = self.block.get("type")
        if kind == "tool_use" and not self.partial:
            yield self._arguments(dumps(self.block.get("input") or {}).decode())
        if kind == json_tool.NAME and not self.partial:
            yield self._text(index, dumps(self.block.get("input") or {}).decode())
        if kind == "server_tool_use":
            whole = {**self.block, "input": loads(self.partial) if self.partial else self.block.get("input")}
            yield Event({"content_blocks": [{"index": index, "delta": whole}]})
        if annotations := annotations_of(self.citations, self.text_start, self.text_end):
            yield Event({"annotations": annotations})
        self.block, self.citations = {}, []

    def _closing(self, event: JSON) -> Iterator[Event]:
        """The end of the message. Usage here is cumulative and newer than the opening's."""
        delta, usage = event["delta"], event.get("usage") or {}
        self.usage = {**self.usage, **{k: v for k, v in usage.items() if v is not None}}
        if refusal := refusal_of(delta):
            yield Event({"refusal": refusal})
        reason = delta.get("stop_reason") or "end_turn"
        reason = json_tool.reason_of(reason) if self.by_tool else reason
        yield Event(
            finish=finish_of(reason),
            native_finish=reason,
            usage=usage_in_common(self.usage) if usage else None,
            stop_sequence=delta.get("stop_sequence") or "",
            extras=extras_of({**event, **delta}),
        )
