"""OpenAI's Chat Completions as a client's dialect (https://platform.openai.com/docs/api-reference/chat).

The common form is this dialect plus extras. A strict client gets OpenAI's finish reasons and, of the
extras, only what its next turn or a reader needs: reasoning, signatures and annotations.
"""

import time
from typing import Any

from providers.json_text import dumps
from providers.types import JSON, Ask, Event, Provider

DONE = b"data: [DONE]\n\n"
# What a block of content_blocks, or its delta, holds if the next turn must bring it back.
SIGNED = ("thinking", "signature", "data")
OPENING: JSON = {"content": "", "role": "assistant"}


class Chat:
    """The dialect `chat`."""

    def common(self, ask: Ask) -> Ask:
        return ask

    def answer(self, provider: Provider, ask: Ask, common: JSON) -> JSON:
        """A chat completion, with the provider's name and without what strictness forbids."""
        choices = [_choice(ask, choice) for choice in common["choices"]]
        extras = {} if ask.strict else common.get("extras", {})
        head = {"id": common["id"] or made_up_id(provider), "object": "chat.completion", "created": _now()}
        told = {**head, "model": common["model"] or ask.model, "provider": provider.slug, "choices": choices}
        if "usage" in common:
            told["usage"] = common["usage"]
        return {**told, **extras}

    def writer(self, provider: Provider, ask: Ask) -> "ChatWriter":
        return ChatWriter(provider, ask)


def _choice(ask: Ask, choice: JSON) -> JSON:
    told = {
        "message": _strictly(choice["message"]) if ask.strict else choice["message"],
        "index": choice["index"],
        "logprobs": None,
        "finish_reason": choice["finish_reason"] if ask.strict else choice["native_finish_reason"],
    }
    if not ask.strict and choice.get("stop_sequence"):
        told["stop_sequence"] = choice["stop_sequence"]
    return told


def _strictly(message: JSON) -> JSON:
    """A message or delta with only those content blocks that must come back in the next turn."""
    if "content_blocks" not in message:
        return message
    kept = [block for block in message["content_blocks"] if _is_signed(block.get("delta", block))]
    told = {name: value for name, value in message.items() if name != "content_blocks"}
    return {**told, "content_blocks": kept} if kept else told


def _is_signed(block: JSON) -> bool:
    return any(name in block for name in SIGNED)


class ChatWriter:
    """Chunks of one stream. The usage chunk comes only if the client asked, before the one [DONE]."""

    def __init__(self, provider: Provider, ask: Ask) -> None:
        self.ask = ask
        options = ask.body.get("stream_options")
        self.wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self.head: JSON = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": _now(),
            "model": ask.model,
            "provider": provider.slug,
        }
        self.provider = provider
        self.usage: JSON | None = None

    def write(self, event: Event) -> bytes:
        self.usage = event.usage or self.usage
        if event.ended:
            return self._usage() + DONE
        opening = b""
        if not self.head["id"]:
            self.head["id"] = event.id or made_up_id(self.provider)
            self.head["model"] = event.model or self.head["model"]
            opening = self._chunk(Event(index=event.index), OPENING)
        delta = _strictly(event.delta) if self.ask.strict else event.delta
        return opening + self._chunk(event, delta) if delta or event.finish else opening

    def _usage(self) -> bytes:
        if not self.wants_usage or not self.usage:
            return b""
        return self._data({**self.head, "choices": [], "usage": self.usage})

    def _chunk(self, event: Event, delta: JSON) -> bytes:
        strict = self.ask.strict
        finish: Any = (event.finish if strict else event.native_finish) or None
        choice = {"index": event.index, "delta": delta, "logprobs": None, "finish_reason": finish}
        if strict or not event.finish:
            return self._data({**self.head, "choices": [choice]})
        if event.stop_sequence:
            choice["stop_sequence"] = event.stop_sequence
        return self._data({**self.head, "choices": [choice], **event.extras})

    @staticmethod
    def _data(chunk: JSON) -> bytes:
        return b"data: %s\n\n" % dumps(chunk)


def made_up_id(provider: Provider) -> str:
    """For an answer without an id."""
    return f"{provider.slug}-{time.time_ns() // 1_000_000}"


def _now() -> int:
    return int(time.time())
