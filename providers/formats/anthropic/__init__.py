"""Anthropic's Messages (https://docs.anthropic.com/en/api/messages).

request.py says where each parameter goes; messages.py, parts.py, tools.py, thinking.py and schema.py
rewrite the values whose shape differs, by what models.py knows of the model. answer.py and stream.py read
the answer back, and errors.py what went wrong.
"""

from providers.formats import WireFormat
from providers.formats.anthropic.answer import read_answer
from providers.formats.anthropic.errors import read_problem
from providers.formats.anthropic.request import FIELDS
from providers.formats.anthropic.stream import MessageReader
from providers.translating import Translation
from providers.types import Operation

MESSAGES = WireFormat(
    "messages", translation=Translation(FIELDS, read_answer, MessageReader), problems=read_problem
)

OPERATIONS = {"chatComplete": Operation("/messages", MESSAGES)}
