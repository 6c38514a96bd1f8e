"""DeepSeek (https://api-docs.deepseek.com).

Its models think unless they are told not to, and in a conversation with tools it wants each turn's thinking
back (guides/thinking_mode). Pauses filled with empty lines or comments are nothing to anybody who reads
JSON and events as they are defined.
"""

from dataclasses import replace
from typing import Any

from providers.accent import Accent
from providers.accents.history import system_for_developer
from providers.fields import Field
from providers.formats import openai
from providers.json_text import dumps
from providers.types import JSON, Ask, Operation

SCHEMA = "Answer with one JSON value, and nothing else, that fits this JSON schema: "
NO_THINKING = {"type": "disabled"}
LOST = " "  # deepseek-v4-pro takes an empty text for none


def render_messages(messages: Any, ask: Ask) -> Any:
    messages = with_thoughts(system_for_developer(messages), ask)
    schema = _schema(ask.body.get("response_format"))
    if schema is None or not isinstance(messages, list):
        return messages
    return [{"role": "system", "content": SCHEMA + dumps(schema).decode()}, *messages]


def render_response_format(wanted: Any, ask: Ask) -> Any:
    """A schema goes into the prompt: only `json_object` is known here."""
    return wanted if _schema(wanted) is None else {"type": "json_object"}


def _schema(wanted: Any) -> Any:
    """The schema of a response format that has one."""
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return None
    named = wanted.get("json_schema")
    return named.get("schema") if isinstance(named, dict) else None


def with_thoughts(messages: Any, ask: Ask) -> Any:
    """The messages with something for thinking that was lost, or was another model's, where it is missed;
    the same list if nothing is."""
    if not isinstance(messages, list) or _thinks_not(ask.body):
        return messages
    with_tools = bool(ask.body.get("tools"))
    if not any(_misses(message, with_tools) for message in messages):
        return messages
    return [
        {**message, "reasoning_content": LOST} if _misses(message, with_tools) else message
        for message in messages
    ]


def _misses(message: Any, with_tools: bool) -> bool:
    if not isinstance(message, dict) or message.get("role") != "assistant":
        return False
    return bool(with_tools or message.get("tool_calls")) and not message.get("reasoning_content")


def _thinks_not(body: JSON) -> bool:
    thinking = body.get("thinking")
    if isinstance(thinking, dict):
        return thinking.get("type") == "disabled"
    return body.get("reasoning_effort") == "none"


def render_thinking(thinking: Any, ask: Ask) -> Any:
    """Whether to think, which is all that is said here; an effort of `none` says it, too."""
    if thinking is None and ask.body.get("reasoning_effort") == "none":
        return NO_THINKING
    if isinstance(thinking, dict) and thinking.get("type") == "adaptive":
        return {**thinking, "type": "enabled"}
    return thinking


def render_effort(effort: Any, ask: Ask) -> Any:
    """Every effort but none is known here and told the nearest there is; see render_thinking."""
    return None if effort == "none" else effort


def retold(said: JSON, ask: Ask) -> JSON:
    """Tokens of the prompt that were cached, where OpenAI tells them."""
    usage = said.get("usage")
    cached = usage.get("prompt_cache_hit_tokens") if isinstance(usage, dict) else None
    if not isinstance(usage, dict) or cached is None or usage.get("prompt_tokens_details") is not None:
        return said
    return {**said, "usage": {**usage, "prompt_tokens_details": {"cached_tokens": cached}}}


ACCENT = Accent(
    fields=(
        Field("messages", via=render_messages),
        Field("response_format", via=render_response_format),
        Field("max_completion_tokens", to="max_tokens"),
        Field("thinking", via=render_thinking, always=True),
        Field("reasoning_effort", via=render_effort),
    ),
    wanted=(
        b'"developer"',
        b'"json_schema"',
        b'"max_completion_tokens"',
        b'"thinking"',
        b'"reasoning_effort"',
        b'"assistant"',
    ),
    retold=retold,
    finishes={"insufficient_system_resource": "stop"},
)

# Completions are a beta under another address (/beta) and are not offered.
OPERATIONS = {
    "chatComplete": Operation("/v1/chat/completions", openai.chat(ACCENT)),
    "models": replace(openai.MODELS, path="/v1/models"),
}
