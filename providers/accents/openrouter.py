"""OpenRouter (https://openrouter.ai/docs/api_reference/overview): other providers' models in OpenAI's words.

Usage comes with every answer, unasked, and of a stream with a chunk that says its end again; an answer of 200
may hold an error, also in one of its choices. It takes marks for caches, and `reasoning_effort`, but neither
two words on effort that differ nor thinking under our name (guides/best-practices/reasoning-tokens). Its
`provider` is who served the call, and stays; that it was OpenRouter, a header says.
"""

from dataclasses import replace
from typing import Any

from providers.accent import Accent, choices_of, wants_usage
from providers.accents import thoughts, vectors
from providers.accents.history import renamed, without
from providers.fields import Field
from providers.formats import openai
from providers.json_text import dumps
from providers.problems import explaining
from providers.types import JSON, Ask, Operation

EFFORTS = ("effort", "max_tokens")  # what else says how much to think
BROKEN_OFF = {"code": 502, "message": "The model's provider broke off its answer."}
CHATS = ("chat.completion", "chat.completion.chunk")
LONGEST = 4000  # characters of an upstream provider's own words that are shown


def render_messages(messages: Any, ask: Ask) -> Any:
    return renamed(without(messages, ("content_blocks",)), thoughts.OURS, thoughts.THEIRS)


def render_reasoning(reasoning: Any, ask: Ask) -> Any:
    """The client's own object; with its `reasoning_effort` where the object leaves that open."""
    effort = ask.body.get("reasoning_effort")
    if effort is None or not isinstance(reasoning, dict) or not reasoning.keys().isdisjoint(EFFORTS):
        return reasoning
    return {"effort": effort, **reasoning}


def render_effort(effort: Any, ask: Ask) -> Any:
    return None if isinstance(ask.body.get("reasoning"), dict) else effort


def wants_usage_here(body: JSON) -> bool:
    """OpenRouter's clients ask by a word of its own, too."""
    own = body.get("usage")
    return wants_usage(body) or (isinstance(own, dict) and bool(own.get("include")))


def retold(said: JSON, ask: Ask) -> JSON:
    return thoughts.with_content(explained(_promoted(said)))


def retold_completion(said: JSON, ask: Ask) -> JSON:
    """A text completion under its own name; it comes under that of chat's."""
    said = explained(_promoted(said))
    return {**said, "object": "text_completion"} if said.get("object") in CHATS else said


def _promoted(said: JSON) -> JSON:
    """The error of a choice where errors are looked for."""
    if said.get("error"):
        return said
    for choice in choices_of(said):
        if error := choice.get("error") or (choice.get("finish_reason") == "error" and BROKEN_OFF):
            return {**said, "error": error}
    return said


def explained(said: JSON) -> JSON:
    """An error with its type and status where they are looked for, and the words of the provider behind."""
    error = said.get("error")
    if not isinstance(error, dict):
        return said
    metadata = error.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    told = {
        **error,
        "type": error.get("type") or metadata.get("error_type") or error.get("error_type"),
        "code": error.get("code") or error.get("http_status"),
    }
    if raw := metadata.get("raw"):
        name, text = metadata.get("provider_name"), raw if isinstance(raw, str) else dumps(raw).decode()
        told["message"] = f"{error.get('message')} ({name}): {text[:LONGEST]}"
    return {**said, "error": told}


problem = explaining(explained)

CHAT = Accent(
    fields=(
        Field("messages", via=render_messages),
        Field("reasoning", via=render_reasoning),
        Field("reasoning_effort", via=render_effort),
    ),
    wanted=(b'"content_blocks"', b'"reasoning_content"', b'"reasoning_effort"'),
    retold=retold,
    marks=(b'"reasoning":"',),
    repeats_role=True,
    wants_usage=wants_usage_here,
    named=False,
)
COMPLETION = Accent(
    retold=retold_completion,
    marks=(b'"object":"chat.completion',),
    wants_usage=wants_usage_here,
    named=False,
)
EMBEDDING = Accent(retold=lambda said, ask: vectors.as_asked(explained(said), ask), named=False)

OPERATIONS = {
    "chatComplete": Operation("/v1/chat/completions", replace(openai.chat(CHAT), problems=problem)),
    "complete": Operation("/v1/completions", replace(openai.completions(COMPLETION), problems=problem)),
    "embed": Operation("/v1/embeddings", replace(openai.embeddings(EMBEDDING), problems=problem)),
    "models": replace(openai.MODELS, path="/v1/models"),
}
