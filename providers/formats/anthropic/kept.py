"""Content blocks that a client kept of an earlier answer, for the turn that brings them back.

A client has them whole, or as the stream told them: {index, delta} pieces, perhaps never put together.
Thinking must come back as it was, signature included, or Anthropic refuses the turn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.types import JSON

KINDS = {"thinking": "thinking", "signature": "thinking", "data": "redacted_thinking"}


def kept_blocks(blocks: Iterable[Any]) -> list[JSON]:
    """The blocks, whole and typed; calls of tools are left to `tool_calls`, empty texts are refused."""
    typed = [_typed(block) for block in _joined(block for block in blocks if isinstance(block, dict))]
    return [block for block in typed if _belongs(block)]


def _belongs(block: JSON) -> bool:
    """Not what is said elsewhere, and not another provider's thinking, which is a list at Mistral."""
    if block["type"] == "thinking" and not isinstance(block.get("thinking"), str):
        return False
    return block["type"] != "tool_use" and block.get("text") != ""


def _joined(blocks: Iterable[JSON]) -> list[JSON]:
    """Pieces of one index put together."""
    whole: list[JSON] = []
    last: Any = None
    for block in blocks:
        delta = block.get("delta")
        if not isinstance(delta, dict):
            whole.append(block)
        elif whole and last == block.get("index"):
            whole[-1] = _added(whole[-1], delta)
        else:
            whole.append(_added({}, delta))
        last = block.get("index") if isinstance(delta, dict) else None
    return whole


def _added(block: JSON, delta: JSON) -> JSON:
    """A block with one more piece: texts grow, a citation joins the others."""
    grown = dict(block)
    for name, piece in delta.items():
        before = grown.get(name)
        if name == "citation":
            grown["citations"] = [*grown.get("citations", ()), piece]
        else:
            grown[name] = before + piece if isinstance(before, str) and isinstance(piece, str) else piece
    return grown


def _typed(block: JSON) -> JSON:
    """A block with its type, which a stream's pieces of text and thinking do not tell."""
    if isinstance(block.get("type"), str):
        return block
    kind = next((KINDS[name] for name in block if name in KINDS), "text")
    empty = {"thinking": "", "signature": ""} if kind == "thinking" else {}
    return {"type": kind, **empty, **block}
