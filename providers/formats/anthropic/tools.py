"""Tools and the choice among them."""

from __future__ import annotations

from typing import Any

from providers.errors import Unrenderable
from providers.fields import DROPPED
from providers.formats.anthropic.names import Names
from providers.formats.anthropic.parts import listed
from providers.types import JSON, Ask

OF_FUNCTION = ("strict", "defer_loading", "allowed_callers", "input_examples", "eager_input_streaming")
WEB_SEARCH = {"type": "web_search_20250305", "name": "web_search"}
CHOICES = {"auto": "auto", "required": "any", "none": "none"}
NATIVE_CHOICES = ("auto", "any", "none", "tool")


def render_tools(tools: Any, ask: Ask) -> list[JSON] | None:
    """Every tool: OpenAI's functions, its web search, and Anthropic's own."""
    names, allowed = Names.of(ask), _allowed(ask)
    rendered = [
        _render_tool(names, tool, f"tools[{number}]")
        for number, tool in enumerate(listed(tools, "tools"))
        if allowed is None or _name_of(tool) in allowed
    ]
    if (search := ask.body.get("web_search_options")) is not None:
        rendered.append(_web_search(search))
    return rendered or None


def _render_tool(names: Names, tool: Any, where: str) -> JSON:
    match tool:
        case {"type": "function", "function": {"name": str()}}:
            return _function(names, tool)
        case {"type": str(kind)} if isinstance(settings := tool.get(kind), dict) and kind != "custom":
            # Portkey's form of a server tool: its kind is the name, its name the dated type.
            return {**settings, "name": kind, "type": settings.get("name", kind)}
        case {"name": str()}:
            return dict(tool)
    raise Unrenderable(f"{where}: anthropic takes functions and its own tools only.")


def _function(names: Names, tool: JSON) -> JSON:
    function = tool["function"]
    rendered: JSON = {"name": names.wire(function["name"])}
    if function.get("description"):
        rendered["description"] = function["description"]
    rendered["input_schema"] = {"type": "object", **(function.get("parameters") or {"properties": {}})}
    rendered |= {key: function[key] for key in OF_FUNCTION if function.get(key) is not None}
    cache = tool.get("cache_control") or function.get("cache_control")
    return {**rendered, "cache_control": cache} if cache else rendered


def _name_of(tool: Any) -> Any:
    return (tool.get("function") or tool).get("name") if isinstance(tool, dict) else None


def _web_search(options: Any) -> JSON:
    """OpenAI's web search as Anthropic's; where the user is goes along."""
    place = options.get("user_location") if isinstance(options, dict) else None
    if not isinstance(place, dict):
        return dict(WEB_SEARCH)
    near = {name: value for name, value in (place.get("approximate") or {}).items() if value}
    return {**WEB_SEARCH, "user_location": {"type": "approximate", **near}}


def render_choice(choice: Any, ask: Ask) -> Any:
    """tool_choice; sent only where there are tools, else refused upstream."""
    if not has_tools(ask):
        return None
    return _choice(Names.of(ask), choice) or DROPPED


def render_parallel(parallel: Any, ask: Ask) -> JSON | None:
    """parallel_tool_calls is part of the choice there, but not of the choice of none."""
    if not has_tools(ask):
        return None
    rendered = _choice(Names.of(ask), ask.body.get("tool_choice")) or {"type": "auto"}
    if rendered["type"] == "none":
        return None
    return {**rendered, "disable_parallel_tool_use": not parallel}


def has_tools(ask: Ask) -> bool:
    """Whether the client brings tools of its own."""
    return bool(ask.body.get("tools")) or ask.body.get("web_search_options") is not None


def _choice(names: Names, choice: Any) -> JSON | None:
    match choice:
        case str() if choice in CHOICES:
            return {"type": CHOICES[choice]}
        case {"type": "allowed_tools", "allowed_tools": {"mode": "required"}}:
            return {"type": "any"}
        case {"type": "allowed_tools"}:
            return {"type": "auto"}
        case {"function": {"name": str(name)}}:
            return {"type": "tool", "name": names.wire(name)}
        case {"type": kind} if kind in NATIVE_CHOICES:
            return dict(choice)
    return None


def _allowed(ask: Ask) -> set[Any] | None:
    """The names an `allowed_tools` choice leaves; None where there is no such choice."""
    match ask.body.get("tool_choice"):
        case {"type": "allowed_tools", "allowed_tools": {"tools": list(tools)}}:
            return {_name_of(tool) for tool in tools}
    return None
