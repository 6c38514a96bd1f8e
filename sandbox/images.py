"""OpenAI's image generation: a small square in a colour that depends on the prompt. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/images/create.
"""

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from sandbox import room
from sandbox.manners import Manners, manners
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Mistaken, second, seeded, tokens

SIDE = 8  # pixels
MOST = 10
TOKENS_OF_AN_IMAGE = 272


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    prompt, model = body.get("prompt"), str(body.get("model") or "dall-e-2")
    if not isinstance(prompt, str) or not prompt:
        message = "Missing required parameter: 'prompt'."
        raise Mistaken(message, param="prompt", code="missing_required_parameter")
    told, prompt = manners(model, prompt)
    number = copies(body)
    seeds = [seeded(model, prompt, place) for place in range(number)]
    answered: JSON = {"created": second(seeds[0]), "data": [image(body, model, prompt, s) for s in seeds]}
    if model.startswith("gpt-image"):
        answered |= generated(body, prompt, number, told)
    return room.whole(told, answered)


def copies(body: Mapping[str, Any]) -> int:
    n = body.get("n", 1)
    if n is None:
        return 1
    if type(n) is not int or not 1 <= n <= MOST:
        raise Mistaken(f"Invalid 'n': expected an integer from 1 to {MOST}.", param="n", code="invalid_value")
    return n


def image(body: Mapping[str, Any], model: str, prompt: str, seed: str) -> JSON:
    """One image: its bytes where they were asked for, or where the model gives nothing else."""
    revised = {"revised_prompt": f"{prompt}, as a square"} if model == "dall-e-3" else {}
    if body.get("response_format") == "b64_json" or model.startswith("gpt-image"):
        return {"b64_json": base64.b64encode(png(bytes.fromhex(seed[:6]))).decode()} | revised
    return {"url": f"https://images.sandbox.invalid/img-{seed[:24]}.png"} | revised


def png(colour: bytes) -> bytes:
    """A square of one colour; `colour` is red, green and blue."""
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + colour * SIDE) * SIDE)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def generated(body: Mapping[str, Any], prompt: str, number: int, told: Manners) -> JSON:
    """What the GPT image models say beside the images."""
    size = body.get("size")
    said: JSON = {"background": "opaque", "output_format": "png", "quality": "low"}
    said["size"] = size if isinstance(size, str) and size != "auto" else "1024x1024"
    if told.no_usage:
        return said
    read, written = tokens(len(prompt)), TOKENS_OF_AN_IMAGE * number
    counts = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return said | {"usage": counts | {"input_tokens_details": {"text_tokens": read, "image_tokens": 0}}}
