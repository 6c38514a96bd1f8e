"""The text of a model's thinking, for providers that call it `reasoning`: as `reasoning_content`, too."""

from typing import Any

from providers.types import JSON

THEIRS, OURS = "reasoning", "reasoning_content"


def with_content(said: JSON) -> JSON:
    """A whole answer, or a chunk, whose thinking is found as `reasoning_content`, too; the same object if
    it is so already."""
    choices = said.get("choices")
    if not isinstance(choices, list) or not any(map(_thinks, choices)):
        return said
    return {**said, "choices": [_told(choice) if _thinks(choice) else choice for choice in choices]}


def _thinks(choice: Any) -> bool:
    """Whether a choice has thinking under their name alone."""
    part = choice.get(_part(choice)) if isinstance(choice, dict) else None
    return isinstance(part, dict) and isinstance(part.get(THEIRS), str) and OURS not in part


def _told(choice: JSON) -> JSON:
    name = _part(choice)
    return {**choice, name: {**choice[name], OURS: choice[name][THEIRS]}}


def _part(choice: JSON) -> str:
    return "delta" if "delta" in choice else "message"
