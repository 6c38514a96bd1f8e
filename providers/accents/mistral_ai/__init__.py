"""Mistral (https://docs.mistral.ai/api): OpenAI's words but for some names, and it refuses what it does not
know, down to the fields of a message.

messages.py and parts.py put a conversation in its words, answers.py tells its answers in OpenAI's, and
errors.py reads what went wrong. Text completions are its "fill in the middle", answered in the words of chat.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.accent import Accent
from providers.accents import vectors
from providers.accents.history import unmarked_tools
from providers.accents.mistral_ai.answers import render_prompt, retold_chat, retold_completion
from providers.accents.mistral_ai.errors import read_problem
from providers.accents.mistral_ai.messages import render_messages
from providers.errors import Unrenderable
from providers.fields import Field, left_out, read_elsewhere
from providers.formats import WireFormat, openai
from providers.types import JSON, Ask, Operation

UNKNOWN = ("user", "safety_identifier", "logit_bias", "store", "service_tier")
UNKNOWN_IN_THE_MIDDLE = ("best_of", "logprobs", "frequency_penalty", "presence_penalty")
FINISHES = {"model_length": "length"}


def render_count(n: Any, ask: Ask) -> None:
    if n != 1:
        raise Unrenderable(f"mistral-ai gives one text completion a call: n must be 1, not {n!r}.")


def retold_embedding(said: JSON, ask: Ask) -> JSON:
    """Numbers that are no floats are left as they were asked for."""
    return said if ask.body.get("output_dtype", "float") != "float" else vectors.as_asked(said, ask)


SHARED = (
    Field("seed", to="random_seed"),
    Field("stream_options", via=read_elsewhere),  # usage comes unasked; whether it is told, we see to
    *(Field(name, via=left_out) for name in UNKNOWN),
)
CHAT = Accent(
    fields=(
        Field("messages", via=render_messages),
        Field("tools", via=unmarked_tools),
        Field("max_completion_tokens", to="max_tokens"),
        Field("safe_mode", to="safe_prompt"),
        *SHARED,
    ),
    retold=retold_chat,
    marks=(b'"content":[', b'"tool_calls":['),
    finishes=FINISHES,
)
MIDDLE = Accent(
    fields=(
        Field("prompt", via=render_prompt),
        Field("n", via=render_count),
        Field("echo", via=read_elsewhere),
        *(Field(name, via=left_out) for name in UNKNOWN_IN_THE_MIDDLE),
        *SHARED,
    ),
    retold=retold_completion,
    marks=(b'"delta":',),
    finishes=FINISHES,
)
EMBEDDING = Accent(
    fields=(Field("dimensions", to="output_dimension"), Field("user", via=left_out)),
    retold=retold_embedding,
)


def _reading(words: WireFormat) -> WireFormat:
    return replace(words, problems=read_problem)


OPERATIONS = {
    "chatComplete": Operation("/chat/completions", _reading(openai.chat(CHAT))),
    "complete": Operation("/fim/completions", _reading(openai.completions(MIDDLE))),
    "embed": Operation("/embeddings", _reading(openai.embeddings(EMBEDDING))),
    "models": openai.MODELS,
}
