"""Groq (https://console.groq.com/docs/openai, https://console.groq.com/docs/api-reference).

It refuses every property of a message it does not know, thinking in a conversation with a model that does
not think included. It tells usage and errors of a stream in `x_groq`, and thinking as `reasoning`.
"""

from dataclasses import replace
from typing import Any

from providers.accent import Accent
from providers.accents import thoughts
from providers.accents.history import renamed, unmarked_tools, without
from providers.errors import Unrenderable
from providers.fields import Field, left_out
from providers.formats import openai
from providers.problems import explaining
from providers.types import JSON, Ask, Operation

THINKING = ("openai/gpt-oss", "qwen/")  # how the names of models begin whose thinking may be sent back
LONGEST = 4000  # characters of a failed generation that are shown

# What answers hold, of Groq's own and of others, and a conversation must not.
FOREIGN = (
    "annotations",
    "audio",
    "cache_control",
    "content_blocks",
    "executed_tools",
    "reasoning_details",
    "refusal",
)


def render_messages(messages: Any, ask: Ask) -> Any:
    if ask.model.startswith(THINKING):
        return renamed(without(messages, FOREIGN), thoughts.OURS, thoughts.THEIRS)
    return without(messages, (*FOREIGN, thoughts.OURS, thoughts.THEIRS))


def render_limit(limit: Any, ask: Ask) -> Any:
    """`max_tokens` under its newer name, unless that is taken."""
    return limit if ask.body.get("max_completion_tokens") is None else None


def render_count(count: Any, ask: Ask) -> Any:
    if count != 1:
        raise Unrenderable("groq gives one answer to a call: n must be 1.")
    return count


def retold(said: JSON, ask: Ask) -> JSON:
    return thoughts.with_content(explained(_promoted(said)))


def _promoted(said: JSON) -> JSON:
    """Usage and an error of a stream in OpenAI's places. The `x_groq.usage` of a whole answer is no usage."""
    own = said.get("x_groq")
    if not isinstance(own, dict):
        return said
    if error := own.get("error"):
        return {**said, "error": error}
    usage = own.get("usage")
    if isinstance(usage, dict) and "prompt_tokens" in usage and not said.get("usage"):
        return {**said, "usage": usage}
    return said


def explained(said: JSON) -> JSON:
    """An error that only points at `failed_generation` with that text in its message."""
    error = said.get("error")
    if not isinstance(error, dict) or not error.get("failed_generation"):
        return said
    text = str(error["failed_generation"])[:LONGEST]
    return {**said, "error": {**error, "message": f"{error.get('message')} failed_generation: {text}"}}


UNKNOWN = ("logprobs", "top_logprobs", "logit_bias")
ACCENT = Accent(
    fields=(
        Field("messages", via=render_messages),
        Field("tools", via=unmarked_tools),
        Field("max_tokens", to="max_completion_tokens", via=render_limit),
        Field("n", via=render_count),
        *(Field(name, via=left_out) for name in UNKNOWN),
    ),
    wanted=tuple(
        b'"%s"' % name.encode()
        for name in (*FOREIGN, thoughts.OURS, thoughts.THEIRS, "max_tokens", "n", *UNKNOWN)
    ),
    retold=retold,
    marks=(b'"%s"' % thoughts.THEIRS.encode(),),
)

OPERATIONS = {
    "chatComplete": Operation(
        "/chat/completions", replace(openai.chat(ACCENT), problems=explaining(explained))
    ),
    "models": openai.MODELS,
}
