"""OpenAI's Chat Completions as a client's dialect (https://platform.openai.com/docs/api-reference/chat).

The common form is this dialect plus extras. A strict client gets OpenAI's finish reasons and, of the
extras, only what its next turn or a reader needs: reasoning, signatures and annotations.
"""

from collections.abc import Callable

from providers.dialects import envelope, functions
from providers.dialects.envelope import Chunks
from providers.dialects.functions import FunctionChunks
from providers.types import JSON, Ask, Provider

# What a block of content_blocks, or its delta, holds if the next turn must bring it back.
SIGNED = frozenset(("thinking", "signature", "data"))
OPENING: JSON = {"content": "", "role": "assistant"}


class Chat:
    """The dialect `chat`."""

    def common(self, ask: Ask) -> Ask:
        """Raises Unrenderable."""
        return functions.common(ask)

    def answer(self, provider: Provider, ask: Ask, common: JSON) -> JSON:
        """A chat completion, with the provider's name and without what strictness forbids."""
        said, choices = _said(ask), common["choices"]
        if functions.are_wanted(ask):
            choices = [functions.choice(choice) for choice in choices]
        choices = [envelope.choice(ask, choice, "message", said(choice["message"])) for choice in choices]
        return envelope.answer(provider, ask, "chat.completion", common, choices)

    def writer(self, provider: Provider, ask: Ask) -> Chunks | FunctionChunks:
        chunks = Chunks(provider, ask, "chat.completion.chunk", "delta", OPENING, _said(ask))
        return FunctionChunks(chunks) if functions.are_wanted(ask) else chunks


def _said(ask: Ask) -> Callable[[JSON], JSON]:
    return _strictly if ask.strict else _all


def _all(message: JSON) -> JSON:
    return message


def _strictly(message: JSON) -> JSON:
    """A message or delta with only those content blocks that must come back in the next turn."""
    if "content_blocks" not in message:
        return message
    kept = [block for block in message["content_blocks"] if _is_signed(block.get("delta", block))]
    told = {name: value for name, value in message.items() if name != "content_blocks"}
    return {**told, "content_blocks": kept} if kept else told


def _is_signed(block: JSON) -> bool:
    return not SIGNED.isdisjoint(block)
