"""Server-sent events, framed as the providers frame them. Pure."""

import json

from sandbox.speech import JSON


def data(value: JSON) -> bytes:
    """An event without a name, as OpenAI's older streams have them."""
    return f"data: {compact(value)}\n\n".encode(errors="replace")


def named(value: JSON, end: str = "\n") -> bytes:
    """An event under the name of its `type`; `end` ends its lines."""
    return f"event: {value['type']}{end}data: {compact(value)}{end}{end}".encode(errors="replace")


def compact(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
