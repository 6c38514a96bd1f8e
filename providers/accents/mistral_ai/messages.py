"""A conversation as Mistral takes it, which refuses a message with a field it does not know.

An earlier answer's thinking goes back as the chunk it came in, and ids of tool calls that are not Mistral's
get one of its form: the same id always the same one, so that calls and results still belong together.
"""

from __future__ import annotations

import hashlib
import re
from operator import is_
from typing import Any

from providers.accents.history import system_for_developer, without
from providers.accents.mistral_ai.parts import render_part, thinking
from providers.types import JSON, Ask

OWN_ID = re.compile(r"[a-zA-Z0-9]{9}", re.ASCII)
PLAIN = frozenset(("role", "content"))
# What answers carry, ours and OpenAI's, beyond what Mistral knows.
FOREIGN = (
    "cache_control",
    "content_blocks",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "refusal",
    "annotations",
)


def render_messages(messages: Any, ask: Ask) -> Any:
    """The same list if there is nothing to put otherwise."""
    if not isinstance(messages, list):
        return messages
    told = [_rendered(message) for message in system_for_developer(messages)]
    return messages if all(map(is_, told, messages)) else told


def _rendered(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    if message.keys() <= PLAIN and isinstance(message.get("content"), str):
        return message  # as nearly all are
    changes = {name: new for name, new in _changes(message) if new is not message.get(name)}
    (known,) = without([message], _strange(message))
    return {**known, **changes} if changes else known


def _strange(message: JSON) -> tuple[str, ...]:
    """The fields to go: null counts as not sent, and only results of tools have names."""
    nulls = (name for name, value in message.items() if value is None and name != "content")
    return (*FOREIGN, *nulls) if message.get("role") == "tool" else (*FOREIGN, *nulls, "name")


def _changes(message: JSON) -> list[tuple[str, Any]]:
    changes = [("content", _content(message))]
    if message.get("tool_calls"):
        changes.append(("tool_calls", _calls(message["tool_calls"])))
    if isinstance(message.get("tool_call_id"), str):
        changes.append(("tool_call_id", own_id(message["tool_call_id"])))
    return changes


def _content(message: JSON) -> Any:
    """The parts as chunks, an assistant's thinking before them."""
    content = message.get("content")
    thought = _thought(message)
    if not content:
        content = message.get("refusal") or content
    if isinstance(content, list):
        told = [chunk for part in content if (chunk := render_part(part)) is not None]
        same = all(map(is_, told, content)) and len(told) == len(content)
        content = content if same else told
    if not thought:
        return content
    rest = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    return [thought, *(chunk for chunk in rest if chunk != {"type": "text", "text": ""})]


def _thought(message: JSON) -> JSON | None:
    """What an earlier answer thought, with Mistral's own signature where there was one."""
    text = message.get("reasoning_content")
    if message.get("role") != "assistant" or not isinstance(text, str) or not text:
        return None
    blocks = message.get("content_blocks")
    pieces = [block.get("delta", block) for block in blocks or () if isinstance(block, dict)]
    # Only Mistral's thinking is a list; another provider's signature would be refused.
    signatures = [piece.get("signature") for piece in pieces if isinstance(piece.get("thinking"), list)]
    return thinking(text, signatures[-1] if signatures else None)


def _calls(calls: Any) -> Any:
    if not isinstance(calls, list):
        return calls
    told = [_call(call) for call in calls]
    return calls if all(map(is_, told, calls)) else told


def _call(call: Any) -> Any:
    if not isinstance(call, dict) or not isinstance(call.get("id"), str):
        return call
    if "cache_control" in call:
        call = {name: value for name, value in call.items() if name != "cache_control"}
    return call if OWN_ID.fullmatch(call["id"]) else {**call, "id": own_id(call["id"])}


def own_id(id_: str) -> str:
    """An id of nine letters and digits; Mistral's own stay."""
    if OWN_ID.fullmatch(id_):
        return id_
    return hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:9]
