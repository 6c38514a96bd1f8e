"""The conversation: OpenAI's messages as Anthropic's system prompt and turns.

Results of tools are a user's turn there, neighbours share one, and a system message may stand in the
conversation only for some models, and only behind a user's turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from providers.errors import Unrenderable
from providers.fields import DROPPED, Via
from providers.formats.anthropic.kept import kept_blocks
from providers.formats.anthropic.models import model_of
from providers.formats.anthropic.names import Names
from providers.formats.anthropic.parts import listed, render_content
from providers.json_text import loads
from providers.types import JSON, Ask

JSON_ONLY = "Answer with one JSON object and nothing else."
PLACELESS = ("name", "audio")  # what a message may hold and Anthropic has no place for


def render_conversation(messages: Any, ask: Ask) -> JSON:
    """`system` (where there is one) and `messages`. Raises Unrenderable."""
    if not isinstance(messages, list):
        raise Unrenderable("messages is missing: anthropic needs a list of messages.")
    conversation = _Conversation(Names.of(ask), model_of(ask.model).late_system)
    for number, message in enumerate(messages):
        conversation.add(message, f"messages[{number}]")
    conversation.place_late_system()
    system = conversation.system + conversation.late
    if ask.body.get("response_format") == {"type": "json_object"}:
        system = [*system, {"type": "text", "text": JSON_ONLY}]
    turns = [_shortened(turn) for turn in conversation.turns]
    return {"system": system, "messages": turns} if system else {"messages": turns}


@dataclass(slots=True)
class _Conversation:
    names: Names
    late_system: bool
    system: list[JSON] = field(default_factory=list)
    late: list[JSON] = field(default_factory=list)  # blocks waiting for a place behind a user's turn
    turns: list[JSON] = field(default_factory=list)

    def add(self, message: Any, where: str) -> None:
        if not isinstance(message, dict):
            raise Unrenderable(f"{where} must be an object.")
        match message.get("role"):
            case "system" | "developer":
                blocks = render_content(message.get("content"), f"{where}.content")
                waits = self.late_system and self.turns
                (self.late if waits else self.system).extend(blocks)
            case "user":
                self._say("user", render_content(message.get("content"), f"{where}.content"))
            case "assistant":
                self.place_late_system()
                self._say("assistant", list(self._assistant(message, where)))
            case "tool":
                self._say("user", [_tool_result(message, where)])
            case role:
                raise Unrenderable(f"{where}.role {role!r} is not known.")

    def place_late_system(self) -> None:
        """Puts waiting system blocks behind the user's turn just ended, if one did."""
        if self.late and self.turns[-1]["role"] == "user":
            self.turns.append({"role": "system", "content": self.late})
            self.late = []

    def _say(self, role: str, blocks: list[JSON]) -> None:
        if not blocks:
            return
        if (
            role == "user"
            and self.turns
            and self.turns[-1]["role"] == "user"
            and _has_results(self.turns[-1])
        ):
            self.turns[-1]["content"] += blocks
        else:
            self.turns.append({"role": role, "content": blocks})

    def _assistant(self, message: JSON, where: str) -> Iterator[JSON]:
        """Thinking first, then what was said, then the calls."""
        kept = kept_blocks(listed(message.get("content_blocks"), f"{where}.content_blocks"))
        yield from kept
        if not any(block["type"] == "text" for block in kept):
            said = message.get("content") or message.get("refusal")
            yield from render_content(said, f"{where}.content")
        for number, call in enumerate(listed(message.get("tool_calls"), f"{where}.tool_calls")):
            yield self._tool_use(call, f"{where}.tool_calls[{number}]")

    def _tool_use(self, call: Any, where: str) -> JSON:
        match call:
            case {"id": str(id_), "function": {"name": str(name), **function}}:
                arguments = _arguments(function.get("arguments"), where)
                block = {"type": "tool_use", "id": id_, "name": self.names.wire(name), "input": arguments}
                cache = call.get("cache_control")
                return {**block, "cache_control": cache} if cache else block
        raise Unrenderable(f"{where} needs an id and a function with a name.")


def _arguments(text: Any, where: str) -> JSON:
    """The input of a call; none, or an empty text, is an empty object."""
    if isinstance(text, dict):
        return text
    try:
        arguments = loads(text) if text else {}
    except (ValueError, TypeError):
        arguments = None
    if not isinstance(arguments, dict):
        raise Unrenderable(f"{where}: the arguments are no JSON object.")
    return arguments


def _tool_result(message: JSON, where: str) -> JSON:
    """A result. Its cache mark, or its last part's, stands on the block itself."""
    if not isinstance(message.get("tool_call_id"), str):
        raise Unrenderable(f"{where} needs a tool_call_id.")
    blocks = render_content(message.get("content"), f"{where}.content")
    cache = message.get("cache_control") or (blocks[-1].get("cache_control") if blocks else None)
    blocks = [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]
    result: JSON = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
    if blocks:
        result["content"] = _text_alone(blocks) or blocks
    return {**result, "cache_control": cache} if cache else result


def _has_results(turn: JSON) -> bool:
    return any(block["type"] == "tool_result" for block in turn["content"])


def _shortened(turn: JSON) -> JSON:
    return {**turn, "content": _text_alone(turn["content"]) or turn["content"]}


def _text_alone(blocks: list[JSON]) -> str:
    """The text, if one plain text is all there is."""
    only = blocks[0]
    return (
        only["text"]
        if len(blocks) == 1 and only.keys() == {"type", "text"} and only["type"] == "text"
        else ""
    )


def left_out(name: str) -> Via:
    """Whether a message holds what goes by this name; for the record."""

    def render(value: Any, ask: Ask) -> Any:
        return DROPPED if any(_holds(message, name) for message in ask.body["messages"]) else None

    return render


def _holds(message: Any, name: str) -> bool:
    """The name of a result is its tool's, which its call tells."""
    return message.get("role") != "tool" and message.get(name) is not None
