"""OpenAI's own service: it refuses what it does not know, also in what a conversation brings back."""

from typing import Any

from providers.accent import Accent
from providers.accents import vectors
from providers.accents.history import unmarked_tools, without
from providers.fields import Field
from providers.formats import openai
from providers.types import Ask, Operation

FOREIGN = ("cache_control", "content_blocks", "reasoning_content")


def render_messages(messages: Any, ask: Ask) -> Any:
    return without(messages, FOREIGN)


# Other servers of the same words know these, so on hosts that somebody named nothing is touched.
OWN = Accent(
    fields=(Field("messages", via=render_messages), Field("tools", via=unmarked_tools)),
    wanted=tuple(b'"%s"' % name.encode() for name in FOREIGN),
    answers=False,
    everywhere=False,
)

# Many of those servers give numbers where base64 was asked for, as OpenAI's libraries do.
VECTORS = Accent(retold=vectors.as_asked, named=False)

OPERATIONS = {
    **openai.OPERATIONS,
    "chatComplete": Operation("/chat/completions", openai.chat(OWN)),
    "embed": Operation("/embeddings", openai.embeddings(VECTORS)),
}
