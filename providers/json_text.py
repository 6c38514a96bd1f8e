"""JSON to bytes and back, also where orjson is stricter than JSON.

orjson refuses lone surrogates and integers beyond 64 bits, both of which clients and providers do send;
the standard library's json writes and reads them.
"""

import json
from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """Compact JSON text of a value."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def loads(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)
