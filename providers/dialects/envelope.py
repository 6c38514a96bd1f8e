"""What answers in OpenAI's words come in, whole or in chunks: id, time, model, provider, choices, usage, end.

What stands in a choice is each dialect's own.
"""

import time
from collections.abc import Callable
from typing import Any

from providers.json_text import dumps
from providers.types import JSON, Ask, Event, Provider

DONE = b"data: [DONE]\n\n"


def answer(provider: Provider, ask: Ask, kind: str, common: JSON, choices: list[JSON]) -> JSON:
    """A whole answer; what has no place in it goes to clients that are not strict."""
    told = {**_head(provider, ask, kind, common["id"], common["model"]), "choices": choices}
    if "usage" in common:
        told["usage"] = common["usage"]
    return told if ask.strict else {**told, **common.get("extras", {})}


def choice(ask: Ask, common: JSON, key: str, said: Any) -> JSON:
    """A choice of a whole answer, with what it says under `key`."""
    reason = common["finish_reason"] if ask.strict else common["native_finish_reason"]
    return _choice(ask, common["index"], key, said, reason, common.get("stop_sequence", ""))


def _choice(ask: Ask, index: int, key: str, said: Any, reason: str, stop_sequence: str) -> JSON:
    told = {key: said, "index": index, "logprobs": None, "finish_reason": reason}
    return {**told, "stop_sequence": stop_sequence} if stop_sequence and not ask.strict else told


def _head(provider: Provider, ask: Ask, kind: str, id_: str, model: str) -> JSON:
    return {
        "id": id_ or f"{provider.slug}-{time.time_ns() // 1_000_000}",
        "object": kind,
        "created": int(time.time()),
        "model": model or ask.model,
        "provider": provider.slug,
    }


class Chunks:
    """Tells one stream. The usage chunk comes only if the client asked, before the one [DONE].

    `key`: where a choice says something; `opening`: what it says first; `said`: what it says of a delta of
    the common form.
    """

    def __init__(
        self, provider: Provider, ask: Ask, kind: str, key: str, opening: Any, said: Callable[[JSON], Any]
    ) -> None:
        options = ask.body.get("stream_options")
        self.wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self.provider, self.ask = provider, ask
        self.kind, self.key, self.opening, self.said = kind, key, opening, said
        self.middle = b'"%s":' % key.encode()
        self.head = b""  # what every chunk begins with
        self.usage: JSON | None = None

    def write(self, event: Event) -> bytes:
        self.usage = event.usage or self.usage
        if event.ended:
            return self._usage() + DONE
        opening = b"" if self.head else self._open(event)
        said = self.said(event.delta)
        if event.finish:
            return opening + self._finish(event, said)
        return opening + self._chunk(event.choice, said) if said else opening

    def _open(self, event: Event) -> bytes:
        head = _head(self.provider, self.ask, self.kind, event.id, event.model)
        self.head = b'data: %s,"choices":[' % dumps(head)[:-1]
        return self._chunk(event.choice, self.opening) if self.opening else b""

    def _chunk(self, index: int, said: Any) -> bytes:
        rest = b'"logprobs":null,"finish_reason":null}]}'
        return b'%s{"index":%d,%s%s,%s\n\n' % (self.head, index, self.middle, dumps(said), rest)

    def _finish(self, event: Event, said: Any) -> bytes:
        reason = event.finish if self.ask.strict else event.native_finish
        told = _choice(self.ask, event.choice, self.key, said, reason, event.stop_sequence)
        extras = b"," + dumps(event.extras)[1:] if event.extras and not self.ask.strict else b"}"
        return b"%s%s]%s\n\n" % (self.head, dumps(told), extras)

    def _usage(self) -> bytes:
        if not self.wants_usage or not self.usage:
            return b""
        return b'%s],"usage":%s}\n\n' % (self.head, dumps(self.usage))
