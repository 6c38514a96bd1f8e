"""What of a question is compared by likeness, and what must be the same.

Compared are the texts of a short conversation, or a prompt. A leading word of the system, all parameters,
who says what, and what keeps a workspace's answers apart must be the same. Where tools may be called,
several answers are wanted, or something else than text was said, nothing is compared.
"""

from dataclasses import dataclass
from typing import Any

from cache.questions import FORM
from providers.types import JSON

MESSAGES = 4  # beside a leading one of the system
CHARACTERS = 4 * 8191  # of a text: four to a token, of which embedding models take so many
LEADING = ("system", "developer")
SPEAKERS = ("user", "assistant", *LEADING)
TOOLS = ("tools", "functions")
ONE = (None, 1)  # answer


@dataclass(frozen=True, slots=True)
class Conversation:
    """`text` is compared; `apart` is everything else of the client's body."""

    text: str
    apart: JSON


def conversation(fn: str, body: JSON) -> Conversation | None:
    """What may be compared; None if nothing may."""
    if any(body.get(name) for name in TOOLS) or body.get("n") not in ONE or body.get("best_of") not in ONE:
        return None
    found = chat(body) if fn == "chatComplete" else completion(body) if fn == "complete" else None
    if found is None or not 0 < len(found.text.strip()) <= len(found.text) <= CHARACTERS:
        return None
    return found


def chat(body: JSON) -> Conversation | None:
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return None
    leading = messages[:1] if messages and messages[0].get("role") in LEADING else []
    said = messages[len(leading) :]
    texts = [text_of(message) for message in said]
    if not 0 < len(said) <= MESSAGES or None in texts:
        return None
    speakers = [[message["role"], message.get("name")] for message in said]
    apart = rest(body, "messages") | {"leading": leading, "speakers": speakers}
    return Conversation("\n\n".join(text for text in texts if text), apart)


def completion(body: JSON) -> Conversation | None:
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or body.get("echo"):
        return None
    return Conversation(prompt, rest(body, "prompt"))


def rest(body: JSON, but: str) -> JSON:
    return {name: value for name, value in body.items() if name not in (but, "model", *FORM)}


def text_of(message: JSON) -> str | None:
    """The text of a message that says nothing else."""
    if message.get("role") not in SPEAKERS or not message.keys() <= {"role", "content", "name"}:
        return None
    content: Any = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(map(is_text, content)):
        return None
    return "".join(part["text"] for part in content)


def is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.keys() == {"type", "text"} and isinstance(part["text"], str)
