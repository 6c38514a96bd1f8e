"""JSON to bytes and back, also where orjson is stricter than JSON.

orjson refuses lone surrogates and integers beyond 64 bits, both of which clients and providers do send;
the standard library's json writes and reads them.
"""

import json
from typing import Any, Never

import orjson


def dumps(value: Any) -> bytes:
    """Compact JSON text of a value. Raises RecursionError where it is nested some thousand levels deep."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def indented(text: bytes) -> bytes:
    """JSON with each value on a line of its own; what is no JSON as it is."""
    try:
        value = loads(text)
    except ValueError:
        return text
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:
        return json.dumps(value, indent=2).encode()


def loads(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError."""
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def loads_strictly(text: bytes | bytearray) -> Any:
    """The same, for a client's text: NaN and the infinities are Python's. The ValueError says where."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as refused:
        try:
            return json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise refused from None


def _no_constant(name: str) -> Never:
    raise ValueError(name)
