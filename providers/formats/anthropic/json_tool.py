"""Structured output of models that know no JSON schema: one tool of ours, forced, whose input is the answer.

It stands beside no other tools, and not with the client's own thinking, which allows no forced tool.
"""

from __future__ import annotations

from typing import Any

from providers.formats.anthropic.models import model_of
from providers.formats.anthropic.tools import has_tools
from providers.json_text import dumps
from providers.types import JSON, Ask

NAME = "json_tool_call"


def is_used(ask: Ask) -> bool:
    """Whether this call is answered through the tool."""
    if schema_of(ask.body.get("response_format")) is None or model_of(ask.model).schemas:
        return False
    thinking = ask.body.get("thinking")
    thinks = isinstance(thinking, dict) and thinking.get("type") != "disabled"
    return not has_tools(ask) and not thinks


def schema_of(wanted: Any) -> JSON | None:
    """The schema of a response_format: OpenAI's, or Anthropic's own."""
    match wanted:
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
        case {"type": "json_schema", "schema": dict(schema)}:
            return schema
    return None


def render_tool(wanted: Any, ask: Ask) -> list[JSON] | None:
    if not is_used(ask):
        return None
    tool = {"name": NAME, "input_schema": {"type": "object", **(schema_of(wanted) or {})}}
    described = wanted.get("json_schema")
    words = described.get("description") if isinstance(described, dict) else None
    return [{**tool, "description": words} if words else tool]


def render_choice(wanted: Any, ask: Ask) -> JSON | None:
    return {"type": "tool", "name": NAME} if is_used(ask) else None


def told_as_text(answer: JSON) -> JSON:
    """A whole answer as a model would give it that knows schemas: the tool's input is its text."""
    blocks = [_as_text(block) for block in answer["content"]]
    return {**answer, "content": blocks, "stop_reason": reason_of(answer.get("stop_reason"))}


def _as_text(block: JSON) -> JSON:
    return {"type": "text", "text": dumps(block["input"]).decode()} if is_answer(block) else block


def is_answer(block: JSON) -> bool:
    return (block["type"], block.get("name")) == ("tool_use", NAME)


def reason_of(reason: Any) -> Any:
    """Why the answer ended: the call of the tool is none the client knows of."""
    return "end_turn" if reason == "tool_use" else reason
