"""Embeddings as the client wants them: numbers, or base64 of little-endian 32-bit floats.

OpenAI's own libraries ask for base64 unless told otherwise; some providers give numbers whatever is asked.
"""

import base64
import sys
from array import array
from typing import Any

from providers.types import JSON, Ask

FLOAT = "f"  # array's name for 32 bits


def as_asked(said: JSON, ask: Ask) -> JSON:
    """An answer with its embeddings in the call's `encoding_format`; the same object if they are, or if that
    is none of OpenAI's."""
    data, wanted = said.get("data"), ask.body.get("encoding_format") or "float"
    if not isinstance(data, list) or wanted not in FORMS:
        return said
    put = FORMS[wanted]
    told = [_told(item, put) for item in data]
    return said if all(new is old for new, old in zip(told, data, strict=True)) else {**said, "data": told}


def _told(item: Any, put: Any) -> Any:
    if not isinstance(item, dict):
        return item
    embedding = put(item.get("embedding"))
    return item if embedding is item.get("embedding") else {**item, "embedding": embedding}


def packed(embedding: Any) -> Any:
    """Base64 of a list of numbers; anything else as it is. Raises TypeError where they are no numbers."""
    if not isinstance(embedding, list):
        return embedding
    floats = array(FLOAT, embedding)
    if sys.byteorder == "big":
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode()


def unpacked(embedding: Any) -> Any:
    """The numbers in a base64 text; anything else as it is. Raises ValueError where it is none."""
    if not isinstance(embedding, str):
        return embedding
    floats = array(FLOAT, base64.b64decode(embedding, validate=True))
    if sys.byteorder == "big":
        floats.byteswap()
    return floats.tolist()


FORMS = {"base64": packed, "float": unpacked}
