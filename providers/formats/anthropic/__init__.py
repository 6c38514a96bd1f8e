"""Anthropic's words: Messages (https://docs.anthropic.com/en/api/messages), and what came before them.

request.py says where each parameter goes; messages.py, parts.py, tools.py, thinking.py and schema.py
rewrite the values whose shape differs, by what models.py knows of the model. answer.py and stream.py read
the answer back, and errors.py what went wrong. complete.py is the text completions of the oldest models.
"""

from providers.formats import WireFormat
from providers.formats.anthropic import complete
from providers.formats.anthropic.answer import read_answer
from providers.formats.anthropic.errors import read_problem
from providers.formats.anthropic.request import FIELDS
from providers.formats.anthropic.stream import MessageReader
from providers.formats.listing import ModelList
from providers.translating import Translation
from providers.types import Operation

MESSAGES = WireFormat(
    "messages", translation=Translation(FIELDS, read_answer, MessageReader), problems=read_problem
)
COMPLETIONS = WireFormat(
    "complete",
    translation=Translation(complete.FIELDS, complete.read_completion, complete.CompletionReader),
    problems=read_problem,
)
COMPLETE = Operation("/complete", COMPLETIONS)

OPERATIONS = {
    "chatComplete": Operation("/messages", MESSAGES),
    "complete": Operation("/messages", MESSAGES, instead={"claude-2": COMPLETE, "claude-instant": COMPLETE}),
    "models": Operation("/models", ModelList(), "GET", page="limit=1000"),
}
