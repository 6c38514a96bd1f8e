"""Embeddings and lists of models, in OpenAI's words: vectors by their number and length, models by name."""

import math
from typing import Any

from logs.story.conversation import error, settings, some
from logs.story.parts import PARTS, said, text_of
from logs.story.values import JSON, Part, Told, Turn

FIRST = 4  # numbers of a vector
SHOWN = 10  # vectors
NAMES = 1000  # models


def request(body: JSON) -> Told:
    """Texts, or tokens: of those only how many."""
    given = body.get("input")
    inputs = given if isinstance(given, list) and not is_numbers(given) else [given]
    parts = [asked(each) for each in inputs[:PARTS]]
    more = [Part("other", f"{len(inputs) - PARTS:,} more, not shown here")] if len(inputs) > PARTS else []
    return Told((Turn("input", some([*parts, *more])),), settings(body, ("input",)))


def asked(each: Any) -> Part:
    if isinstance(each, list) and is_numbers(each):
        return Part("other", f"{len(each):,} tokens")
    return said("text", text_of(each))


def answer(body: JSON) -> Told:
    data = body.get("data")
    if not isinstance(data, list):
        return error(body) or Told(settings=settings(body, ()))
    vectors = [each.get("embedding") if isinstance(each, dict) else each for each in data]
    parts = [vector(each) for each in vectors[:SHOWN]]
    return Told((Turn("vectors", some(parts), counted(vectors)),), settings(body, ("data",)))


def counted(vectors: list[Any]) -> str:
    """How many vectors of how many numbers."""
    lengths = {length(each) for each in vectors}
    each = f"{lengths.pop():,}" if len(lengths) == 1 else "several"
    count = f"{len(vectors):,} vector{'s' if len(vectors) != 1 else ''}"
    shown = f", the first {SHOWN} shown" if len(vectors) > SHOWN else ""
    return f"{count} of {each} numbers{shown}"


def length(vector: Any) -> int:
    """Its numbers; in base64 each is four bytes."""
    if isinstance(vector, str):
        return len(vector.rstrip("=")) * 3 // 16
    return len(vector) if isinstance(vector, list) else 0


def vector(given: Any) -> Part:
    if isinstance(given, list) and is_numbers(given):
        first = ", ".join(f"{number:.6g}" for number in given[:FIRST])
        return said("text", f"{first}{', …' if len(given) > FIRST else ''}")
    if isinstance(given, str):
        return said("text", f"{given[:40]}… (base64)")
    return said("other", text_of(given))


def is_numbers(values: list[Any]) -> bool:
    """Whether a list holds numbers only, by its beginning."""
    return bool(values) and all(isinstance(n, int | float) and math.isfinite(n) for n in values[:FIRST])


def models(body: JSON) -> Told:
    """The names in a list of models."""
    data = body.get("data")
    if not isinstance(data, list):
        return error(body) or Told(settings=settings(body, ()))
    names = [text_of(each.get("id")) if isinstance(each, dict) else text_of(each) for each in data[:NAMES]]
    count = f"{len(data):,} models" + (f", the first {NAMES:,} shown" if len(data) > NAMES else "")
    return Told((Turn("models", some([said("text", "\n".join(names))]), count),), settings(body, ("data",)))
