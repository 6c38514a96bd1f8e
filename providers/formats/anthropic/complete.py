r"""Anthropic's text completions (https://docs.anthropic.com/en/api/complete): Claude 2 and Claude Instant.

A conversation is one text there: the system prompt, then `\n\nHuman: …` and `\n\nAssistant: …` in turn. No
answer tells its usage. Later models are asked through Messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from providers.errors import Unrenderable
from providers.fields import DROPPED, Field, read_elsewhere
from providers.formats.anthropic.answer import finish_of
from providers.formats.anthropic.errors import streamed_problem
from providers.formats.anthropic.messages import render_conversation
from providers.formats.anthropic.request import (
    render_count,
    render_limit,
    render_metadata,
    render_model,
    render_stop,
    render_tries,
    render_user,
)
from providers.formats.anthropic.thinking import render_sampling
from providers.json_text import loads
from providers.types import JSON, NOTHING, Ask, Event, Frame, Provider

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
SPEAKERS = {"user": HUMAN, "assistant": ASSISTANT}


def render_prompt(messages: Any, ask: Ask) -> str:
    """The conversation as one text, the answer's turn last. Raises Unrenderable."""
    conversation = render_conversation(messages, ask)
    turns = conversation["messages"]
    before = _text(conversation.get("system", ""))
    spoken = [(turn["role"], _text(turn["content"])) for turn in turns] or [("user", "")]
    if not before and len(spoken) == 1 and spoken[0][1].startswith(HUMAN):
        return spoken[0][1]  # the client's prompt is in this form already
    dialogue = "".join(f"{SPEAKERS[role]} {text}" for role, text in spoken)
    return before + dialogue + ("" if spoken[-1][0] == "assistant" else ASSISTANT)


def _text(content: str | list[JSON]) -> str:
    if isinstance(content, str):
        return content
    if any(block["type"] != "text" for block in content):
        raise Unrenderable(
            "This model of anthropic reads text only: no images, documents, tools or thinking."
        )
    return "\n\n".join(block["text"] for block in content)


def render_format(wanted: Any, ask: Ask) -> Any:
    """JSON is asked for in the prompt; a schema has no place."""
    return None if wanted in ({"type": "text"}, {"type": "json_object"}) else DROPPED


FIELDS = (
    Field("model", via=render_model, always=True),
    Field("messages", to="prompt", via=render_prompt, always=True),
    Field("max_tokens", to="max_tokens_to_sample", via=render_limit, always=True),
    Field("max_completion_tokens", via=read_elsewhere),
    Field("stream"),
    Field("stream_options", via=read_elsewhere),
    Field("stop", to="stop_sequences", via=render_stop),
    Field("temperature", via=render_sampling),
    Field("top_p", via=render_sampling),
    Field("top_k", via=render_sampling),
    Field("n", via=render_count),
    Field("best_of", via=render_tries),
    Field("response_format", via=render_format),
    Field("user", to="metadata.user_id", via=render_user),
    Field("metadata", to="metadata.user_id", via=render_metadata),
)


def read_completion(provider: Provider, ask: Ask, answer: JSON) -> JSON:
    """The completion as the common form's. Raises what reading another shape raises."""
    reason = answer.get("stop_reason") or "stop_sequence"
    choice: JSON = {
        "index": 0,
        "message": {"role": "assistant", "content": _piece(answer)},
        "finish_reason": finish_of(reason),
        "native_finish_reason": reason,
        "stop_sequence": answer.get("stop") or "",
    }
    return {"id": _id(answer), "model": answer.get("model", ""), "choices": [choice]}


def _piece(said: JSON) -> str:
    if not isinstance(said["completion"], str):
        raise TypeError("The completion is no text.")
    return said["completion"]


def _id(said: JSON) -> str:
    return said.get("id") or said.get("log_id") or ""


class CompletionReader:
    """Reads one stream: every event is a completion's next piece, and the one with a reason is the last."""

    def __init__(self, provider: Provider, ask: Ask) -> None:
        self.slug = provider.slug

    def read(self, frame: Frame) -> Iterable[Event]:
        event = loads(frame.data)
        if error := event.get("error"):
            return (Event(problem=streamed_problem(self.slug, error)),)
        if "completion" not in event:
            return ()  # a ping
        delta = {"content": "" + event["completion"]} if event["completion"] else NOTHING
        opened = Event(delta, id=_id(event), model=event.get("model", ""))
        if not (reason := event.get("stop_reason")):
            return (opened,)
        told = {
            "finish": finish_of(reason),
            "native_finish": reason,
            "stop_sequence": event.get("stop") or "",
        }
        return (opened._replace(**told), Event(ended=True))
