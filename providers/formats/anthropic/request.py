"""Where each parameter of the common form goes in a Messages request.

A parameter without a row (seed, logprobs, penalties, store, ...) has no counterpart and is noted.
"""

from __future__ import annotations

import re
from typing import Any

from providers.errors import Unrenderable
from providers.fields import DROPPED, Field, read_elsewhere
from providers.formats.anthropic import json_tool
from providers.formats.anthropic.messages import PLACELESS, left_out, render_conversation
from providers.formats.anthropic.models import model_of
from providers.formats.anthropic.schema import render_schema
from providers.formats.anthropic.thinking import (
    effort_of_budget,
    effort_of_effort,
    limit_of,
    render_sampling,
    render_thinking,
    render_top_p,
    thinking_of_effort,
)
from providers.formats.anthropic.tools import render_choice, render_parallel, render_tools
from providers.types import Ask

PERSONAL = re.compile(r"\S+@\S+\.\S+|\+?[\d\s().-]{7,}")
SERVICE_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
# Anthropic's own parameters, for clients who know whom they are talking to.
OWN = (
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "fallbacks",
    "inference_geo",
    "mcp_servers",
    "speed",
    "user_profile_id",
)


def render_model(model: Any, ask: Ask) -> str:
    return ask.model


def render_limit(limit: Any, ask: Ask) -> Any:
    """max_tokens is mandatory there: the client's limit, else the model's."""
    if ask.body.get("max_completion_tokens") is not None:
        return ask.body["max_completion_tokens"]
    return limit_of(ask) if limit is None else limit


def render_stop(stop: Any, ask: Ask) -> Any:
    """A list without whitespace, which is refused."""
    if isinstance(stop, str):
        stop = [stop]
    if not isinstance(stop, list):
        return stop
    return [word for word in stop if not isinstance(word, str) or word.strip()] or None


def render_user(user: Any, ask: Ask) -> Any:
    """Anthropic refuses what looks like an e-mail address or a phone number."""
    return DROPPED if isinstance(user, str) and PERSONAL.fullmatch(user.strip()) else user


def render_metadata(metadata: Any, ask: Ask) -> Any:
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    return DROPPED if user is None else render_user(user, ask)


def render_count(n: Any, ask: Ask) -> None:
    if n != 1:
        raise Unrenderable(f"anthropic gives one answer a call: n must be 1, not {n!r}.")


def render_tries(best_of: Any, ask: Ask) -> None:
    if best_of != 1:
        raise Unrenderable(f"anthropic gives one answer a call: best_of must be 1, not {best_of!r}.")


def render_format(wanted: Any, ask: Ask) -> Any:
    """A JSON schema; `json_object` has no counterpart and becomes a sentence of the system prompt."""
    match wanted:
        case {"type": "text" | "json_object"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            wanted = {"type": "json_schema", "schema": render_schema(schema)}
        case {"type": "json_schema", "schema": dict()}:
            pass
        case _:
            raise Unrenderable(
                "response_format must be of type text, json_object or json_schema with a schema."
            )
    if model_of(ask.model).schemas:
        return wanted
    return None if json_tool.is_used(ask) else DROPPED


def render_service_tier(tier: Any, ask: Ask) -> Any:
    return SERVICE_TIERS.get(tier, DROPPED) if isinstance(tier, str) else DROPPED


def render_object(value: Any, ask: Ask) -> Any:
    if not isinstance(value, dict):
        raise Unrenderable("output_config must be an object.")
    return value


FIELDS = (
    Field("model", via=render_model, always=True),
    Field("messages", to="*", via=render_conversation, always=True),
    *(Field(f"messages.{name}", via=left_out(name), always=True) for name in PLACELESS),
    Field("max_tokens", via=render_limit, always=True),
    Field("max_completion_tokens", via=read_elsewhere),
    Field("stream"),
    Field("stream_options", via=read_elsewhere),
    Field("stop", to="stop_sequences", via=render_stop),
    Field("temperature", via=render_sampling),
    Field("top_p", via=render_top_p),
    Field("top_k", via=render_sampling),
    Field("n", via=render_count),
    Field("best_of", via=render_tries),
    Field("tools", via=render_tools, always=True),
    Field("web_search_options", via=read_elsewhere),
    Field("tool_choice", via=render_choice),
    Field("parallel_tool_calls", to="tool_choice", via=render_parallel),
    Field("reasoning_effort", to="thinking", via=thinking_of_effort),
    Field("thinking", via=render_thinking),
    Field("thinking", to="output_config.effort", via=effort_of_budget),
    Field("reasoning_effort", to="output_config.effort", via=effort_of_effort),
    Field("response_format", to="output_config.format", via=render_format),
    Field("response_format", to="tools", via=json_tool.render_tool),
    Field("response_format", to="tool_choice", via=json_tool.render_choice),
    Field("output_config", to="output_config.*", via=render_object),
    Field("user", to="metadata.user_id", via=render_user),
    Field("metadata", to="metadata.user_id", via=render_metadata),
    Field("service_tier", via=render_service_tier),
    *(Field(name) for name in OWN),
)
