"""What a conversation brings back of other providers' answers, for a provider that would refuse it.

Our answers carry more than OpenAI's (docs/common-form.md), and clients send them back as they got them.
"""

from collections.abc import Collection
from typing import Any

from providers.types import JSON, Ask

CACHE_MARK = "cache_control"


def without(messages: Any, names: Collection[str]) -> Any:
    """The messages without these of their fields, and their parts without `cache_control` if it is among
    them; the same list if there are none."""
    if not isinstance(messages, list):
        return messages
    told = [_without(message, names) for message in messages]
    return messages if all(map(_is, told, messages)) else told


def _without(message: Any, names: Collection[str]) -> Any:
    if not isinstance(message, dict):
        return message
    if not message.keys().isdisjoint(names):
        message = {name: value for name, value in message.items() if name not in names}
    content = message.get("content")
    if CACHE_MARK in names and isinstance(content, list) and any(map(_is_marked, content)):
        return {**message, "content": [_unmarked(part) if _is_marked(part) else part for part in content]}
    return message


def _is(one: object, other: object) -> bool:
    return one is other


def _is_marked(part: Any) -> bool:
    return isinstance(part, dict) and CACHE_MARK in part


def _unmarked(part: JSON) -> JSON:
    return {name: value for name, value in part.items() if name != CACHE_MARK}


def unmarked_tools(tools: Any, ask: Ask) -> Any:
    """Tools without marks for Anthropic's cache; the same list if there are none."""
    if not isinstance(tools, list) or not any(map(_is_marked, tools)):
        return tools
    return [_unmarked(tool) if _is_marked(tool) else tool for tool in tools]
