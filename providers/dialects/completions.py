"""OpenAI's text completions as a client's dialect (https://platform.openai.com/docs/api-reference/completions).

The prompt is one message of a user; of the answer the client gets the text. `echo` is done here, the other
parameters are the common form's or have no place in it.
"""

from dataclasses import replace
from typing import Any

from providers.dialects import envelope
from providers.dialects.envelope import Chunks
from providers.errors import Unrenderable
from providers.types import JSON, Ask, Provider

KIND = "text_completion"
HERE = ("prompt", "echo", "messages")  # what the common form does not get of the client's body
CALLS = ("tools", "functions")


class Completions:
    """The dialect `completions`."""

    def common(self, ask: Ask) -> Ask:
        """Raises Unrenderable."""
        if any(ask.body.get(name) for name in CALLS):
            raise Unrenderable("A text completion cannot call tools: ask for a chat completion.")
        body = {name: value for name, value in ask.body.items() if name not in HERE}
        body["messages"] = [{"role": "user", "content": _prompt(ask)}]
        return replace(ask, dialect="chat", body=body, raw=b"")

    def answer(self, provider: Provider, ask: Ask, common: JSON) -> JSON:
        before = _echoed(ask)
        choices = [
            envelope.choice(ask, told, "text", before + _text(told["message"])) for told in common["choices"]
        ]
        return envelope.answer(provider, ask, KIND, common, choices)

    def writer(self, provider: Provider, ask: Ask) -> Chunks:
        return Chunks(provider, ask, KIND, "text", _echoed(ask), _text)


def _prompt(ask: Ask) -> str:
    match ask.body.get("prompt"):
        case str(text) | [str(text)]:
            return text
        case None:
            raise Unrenderable("prompt is missing.")
        case [str(), *_]:
            raise Unrenderable("prompt must be one text here: ask once for each of several.")
        case _:
            raise Unrenderable("prompt must be a text: tokens mean nothing to another provider's model.")


def _echoed(ask: Ask) -> str:
    """What stands before the completion."""
    return _prompt(ask) if ask.body.get("echo") else ""


def _text(said: JSON) -> Any:
    """The text of a message or a delta; thinking is none."""
    return said.get("content") or ""
