"""OpenAI's embeddings: vectors that mean nothing, the same for the same input, of length 1. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/embeddings.
"""

import base64
import hashlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.chat import model_of
from sandbox.manners import Manners, manners
from sandbox.room import Arrived, Reply
from sandbox.speech import Mistaken, tokens

LARGE, SMALL = 3_072, 1_536  # dimensions
MOST_INPUTS = 2_048
MOST_TOKENS = 300_000  # of all inputs together
WRONG_INPUT = "'$.input' is invalid."


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    model, given, length = model_of(body), inputs(body), dimensions(body)
    told, _ = manners(model, "\n".join(text for text in given if isinstance(text, str)))
    packed = encoding(body) == "base64"
    return Reply(told, listed(model, given, length, packed, told))


def inputs(body: Mapping[str, Any]) -> list[str | list[int]]:
    """What to embed: texts, or lists of tokens."""
    given = body.get("input")
    if given is None:
        message = "Missing required parameter: 'input'."
        raise Mistaken(message, param="input", code="missing_required_parameter")
    one = isinstance(given, str) or (isinstance(given, list) and given and isinstance(given[0], int))
    several = [given] if one else given
    if isinstance(several, list) and sum(len(one) for one in several if isinstance(one, list)) > MOST_TOKENS:
        raise Mistaken(f"Invalid 'input': maximum request size is {MOST_TOKENS} tokens.", param="input")
    if not isinstance(several, list) or not several or not all(readable(value) for value in several):
        raise Mistaken(WRONG_INPUT)
    if len(several) > MOST_INPUTS:
        raise Mistaken(
            f"Invalid 'input': array too long. Expected at most {MOST_INPUTS} items.", param="input"
        )
    return several


def readable(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(type(token) is int for token in value)
    return isinstance(value, str) and bool(value)


def dimensions(body: Mapping[str, Any]) -> int:
    most = LARGE if model_of(body).endswith("-large") else SMALL
    wanted = body.get("dimensions")
    if wanted is None:
        return most
    if type(wanted) is not int or not 1 <= wanted <= most:
        message = f"Invalid value for 'dimensions': expected an integer from 1 to {most}."
        raise Mistaken(message, param="dimensions", code="invalid_value")
    return wanted


def encoding(body: Mapping[str, Any]) -> str:
    wanted = body.get("encoding_format")
    if wanted in (None, "float", "base64"):
        return wanted or "float"
    message = "Invalid value for 'encoding_format': supported values are 'float' and 'base64'."
    raise Mistaken(message, param="encoding_format", code="invalid_value")


def listed(
    model: str, given: list[str | list[int]], length: int, packed: bool, told: Manners
) -> Iterator[bytes]:
    """The answer, a piece for each vector, since a thousand of them are not written in a moment."""
    yield b'{"object": "list", "data": ['
    for index, value in enumerate(given):
        floats = vector(value, length)
        shown = base64.b64encode(floats).decode() if packed else struct.unpack(f"<{length}f", floats)
        item = {"object": "embedding", "index": index, "embedding": shown}
        yield (b", " if index else b"") + json.dumps(item).encode()
    counts = sum(len(value) if isinstance(value, list) else tokens(len(value)) for value in given)
    usage = {} if told.no_usage else {"usage": {"prompt_tokens": counts, "total_tokens": counts}}
    yield b"], " + json.dumps({"model": model} | usage).encode()[1:]


def vector(value: str | list[int], length: int) -> bytes:
    """A vector of length 1 as little-endian 32-bit floats. A shorter one is the beginning of a longer one,
    stretched, as it is with OpenAI's."""
    named = value if isinstance(value, str) else repr(value)
    digest = hashlib.shake_256(named.encode(errors="surrogatepass")).digest(2 * length)
    # Odd numbers, so that no vector is 0.
    numbers = [number | 1 for number in struct.unpack(f"<{length}h", digest)]
    size = math.sqrt(sum(number * number for number in numbers))
    return struct.pack(f"<{length}f", *[number / size for number in numbers])
