"""What a conversation brings back of other providers' answers, for a provider that would refuse it.

Our answers carry more than OpenAI's (docs/common-form.md), and clients send them back as they got them.
"""

from collections.abc import Collection
from operator import is_
from typing import Any

from providers.types import JSON, Ask

CACHE_MARK = "cache_control"


def without(messages: Any, names: Collection[str]) -> Any:
    """The messages without these of their fields, and their parts without `cache_control` if it is among
    them; the same list if there are none."""
    if not isinstance(messages, list):
        return messages
    told = [_without(message, names) for message in messages]
    return messages if all(map(is_, told, messages)) else told


def _without(message: Any, names: Collection[str]) -> Any:
    if not isinstance(message, dict):
        return message
    if not message.keys().isdisjoint(names):
        message = {name: value for name, value in message.items() if name not in names}
    content = message.get("content")
    if CACHE_MARK in names and isinstance(content, list) and any(map(_is_marked, content)):
        return {**message, "content": [_unmarked(part) if _is_marked(part) else part for part in content]}
    return message


def system_for_developer(messages: Any) -> Any:
    """The messages with OpenAI's newer role `developer` under its older name `system`; the same list if
    there are none."""
    if not isinstance(messages, list) or not any(map(_is_developer, messages)):
        return messages
    return [{**message, "role": "system"} if _is_developer(message) else message for message in messages]


def _is_developer(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") == "developer"


def renamed(messages: Any, old: str, new: str) -> Any:
    """The messages with what stands under one name put under another, unless that is taken; the same list
    if there is nothing to rename."""
    if not isinstance(messages, list):
        return messages
    told = [_renamed(message, old, new) for message in messages]
    return messages if all(map(is_, told, messages)) else told


def _renamed(message: Any, old: str, new: str) -> Any:
    if not isinstance(message, dict) or old not in message:
        return message
    rest = {name: value for name, value in message.items() if name != old}
    return rest if new in message else {**rest, new: message[old]}


def _is_marked(part: Any) -> bool:
    return isinstance(part, dict) and CACHE_MARK in part


def _unmarked(part: JSON) -> JSON:
    return {name: value for name, value in part.items() if name != CACHE_MARK}


def unmarked_tools(tools: Any, ask: Ask) -> Any:
    """Tools without marks for Anthropic's cache; the same list if there are none."""
    if not isinstance(tools, list) or not any(map(_is_marked, tools)):
        return tools
    return [_unmarked(tool) if _is_marked(tool) else tool for tool in tools]
