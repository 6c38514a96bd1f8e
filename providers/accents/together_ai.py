"""Together: OpenAI's words with models' own extras (https://docs.together.ai/reference/chat-completions-1).

What a model thought comes as `reasoning`, and goes back under that name. `logprobs` is OpenAI's true or
false by now: newer models refuse the count of older descriptions, every model takes the truth value.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

from providers.accent import Accent
from providers.accents import thoughts, vectors
from providers.accents.history import renamed, system_for_developer, unmarked_tools, without
from providers.fields import Field, left_out, read_elsewhere
from providers.formats import openai
from providers.types import JSON, Ask, Operation

FOREIGN = ("cache_control", "content_blocks")
FINISHES = {"eos": "stop"}


def render_messages(messages: Any, ask: Ask) -> Any:
    messages = without(messages, FOREIGN)
    return renamed(system_for_developer(messages), thoughts.OURS, thoughts.THEIRS)


def render_stop(stop: Any, ask: Ask) -> Any:
    return [stop] if isinstance(stop, str) else stop


def retold_chat(said: JSON, ask: Ask) -> JSON:
    """An answer or a chunk with its thinking and its tokens' logprobs where OpenAI's clients look."""
    return _with_choices(thoughts.with_content(said), _likely)


def _likely(number: int, choice: JSON) -> JSON:
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict) or "content" in logprobs or not logprobs.get("tokens"):
        return choice
    return {**choice, "logprobs": {**logprobs, "content": _tokens(logprobs)}}


def _tokens(logprobs: JSON) -> list[JSON]:
    """OpenAI's list of tokens, from the parallel lists that some models are answered with."""
    tokens, likely = logprobs["tokens"], logprobs["token_logprobs"]
    others = logprobs.get("top_logprobs")
    others = others if isinstance(others, list) else [None] * len(tokens)
    return [
        {**_token(token, logprob), "top_logprobs": [_token(*pair) for pair in (other or {}).items()]}
        for token, logprob, other in zip(tokens, likely, others, strict=True)
    ]


def _token(token: str, logprob: float) -> JSON:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def retold_completion(said: JSON, ask: Ask) -> JSON:
    """A completion, or a chunk of one, under OpenAI's name and with its choices numbered."""
    said = _with_choices(said, _numbered)
    return said if said.get("object") in ("text_completion", None) else {**said, "object": "text_completion"}


def _numbered(number: int, choice: JSON) -> JSON:
    return choice if "index" in choice else {"index": number, **choice}


def _with_choices(said: JSON, told_of: Callable[[int, JSON], JSON]) -> JSON:
    """With each choice told anew; the same object if none is."""
    choices = said.get("choices") or ()
    told = [told_of(number, choice) for number, choice in enumerate(choices)]
    return said if all(map(is_, told, choices)) else {**said, "choices": told}


STOP = Field("stop", via=render_stop)

CHAT = Accent(
    fields=(
        Field("messages", via=render_messages),
        Field("tools", via=unmarked_tools),
        Field("max_completion_tokens", to="max_tokens"),
        STOP,
    ),
    wanted=tuple(
        b'"%s"' % name.encode()
        for name in (*FOREIGN, thoughts.OURS, "developer", "max_completion_tokens", "stop")
    ),
    retold=retold_chat,
    marks=(b'"reasoning":"',),
    finishes=FINISHES,
    repeats_role=True,
)
COMPLETION = Accent(
    fields=(STOP,),
    retold=retold_completion,
    marks=(b'"object":"completion.chunk"', b'"object":"text.completion'),
    finishes=FINISHES,
)
# Some models give base64, all give numbers: those are packed here.
EMBEDDING = Accent(
    fields=(Field("encoding_format", via=read_elsewhere), Field("user", via=left_out)),
    retold=vectors.as_asked,
)

OPERATIONS = {
    "chatComplete": Operation("/v1/chat/completions", openai.chat(CHAT)),
    "complete": Operation("/v1/completions", openai.completions(COMPLETION)),
    "embed": Operation("/v1/embeddings", openai.embeddings(EMBEDDING)),
    "models": Operation("/v1/models", openai.MODELS.format, "GET"),
}
