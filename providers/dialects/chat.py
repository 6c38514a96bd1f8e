"""OpenAI's Chat Completions as a client's dialect (https://platform.openai.com/docs/api-reference/chat).

The common form is this dialect plus extras. A strict client gets OpenAI's finish reasons and, of the
extras, only what its next turn or a reader needs: reasoning, signatures and annotations.
"""

import time

from providers.json_text import dumps
from providers.types import JSON, Ask, Event, Provider

DONE = b"data: [DONE]\n\n"
# What a block of content_blocks, or its delta, holds if the next turn must bring it back.
SIGNED = frozenset(("thinking", "signature", "data"))
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
    return not SIGNED.isdisjoint(block)


class ChatWriter:
    """Chunks of one stream. The usage chunk comes only if the client asked, before the one [DONE]."""

    def __init__(self, provider: Provider, ask: Ask) -> None:
        options = ask.body.get("stream_options")
        self.wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self.provider, self.ask = provider, ask
        self.head = b""  # what every chunk begins with
        self.usage: JSON | None = None

    def write(self, event: Event) -> bytes:
        self.usage = event.usage or self.usage
        if event.ended:
            return self._usage() + DONE
        opening = b"" if self.head else self._open(event)
        delta = _strictly(event.delta) if self.ask.strict else event.delta
        if event.finish:
            return opening + self._finish(event, delta)
        return opening + self._chunk(event.choice, delta) if delta else opening

    def _open(self, event: Event) -> bytes:
        head = {
            "id": event.id or made_up_id(self.provider),
            "object": "chat.completion.chunk",
            "created": _now(),
            "model": event.model or self.ask.model,
            "provider": self.provider.slug,
        }
        self.head = b'data: %s,"choices":[' % dumps(head)[:-1]
        return self._chunk(event.choice, OPENING)

    def _chunk(self, index: int, delta: JSON) -> bytes:
        rest = b'"logprobs":null,"finish_reason":null}]}'
        return b'%s{"index":%d,"delta":%s,%s\n\n' % (self.head, index, dumps(delta), rest)

    def _finish(self, event: Event, delta: JSON) -> bytes:
        strict = self.ask.strict
        reason = event.finish if strict else event.native_finish
        choice = {"index": event.choice, "delta": delta, "logprobs": None, "finish_reason": reason}
        if event.stop_sequence and not strict:
            choice["stop_sequence"] = event.stop_sequence
        extras = b"," + dumps(event.extras)[1:] if event.extras and not strict else b"}"
        return b"%s%s]%s\n\n" % (self.head, dumps(choice), extras)

    def _usage(self) -> bytes:
        if not self.wants_usage or not self.usage:
            return b""
        return b'%s],"usage":%s}\n\n' % (self.head, dumps(self.usage))


def made_up_id(provider: Provider) -> str:
    """For an answer without an id."""
    return f"{provider.slug}-{time.time_ns() // 1_000_000}"


def _now() -> int:
    return int(time.time())
