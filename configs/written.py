"""JSON written only as far as it is shown: a parameter may be a megabyte, or a thousand lists deep."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Part = tuple[str, Any]  # a value, and what stands before it


@dataclass(frozen=True, slots=True)
class Object:
    """An object whose members are made as they are written."""

    members: Iterable[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Array:
    """The same of a list."""

    elements: Iterable[Any]


def written(value: Any, most: int) -> str:
    """All of a value's JSON if that has at most `most` characters, else a beginning that is longer."""
    told, length = [], 0
    for piece in pieces(value, most):
        told.append(piece)
        length += len(piece)
        if length > most:
            break
    return "".join(told)


def pieces(value: Any, most: int) -> Iterator[str]:
    """In order; no text is longer than `most` and a little."""
    stack: list[tuple[Iterator[Part], str]] = [(iter([("", value)]), "")]
    while stack:
        parts, end = stack[-1]
        if (part := next(parts, None)) is None:
            yield end
            stack.pop()
            continue
        before, inner = part
        begins, below = opened(inner, most)
        yield before + begins
        if below is not None:
            stack.append((below, "]" if begins == "[" else "}"))


def opened(value: Any, most: int) -> tuple[str, Iterator[Part] | None]:
    """What a value begins with, and what is in it; of one that has nothing in it all."""
    match value:
        case Mapping():
            return "{", named(value.items(), most)
        case Object():
            return "{", named(value.members, most)
        case list():
            return "[", listed(value)
        case Array():
            return "[", listed(value.elements)
        case str():
            return quoted(value, most), None
    return json.dumps(value), None


def named(members: Iterable[tuple[str, Any]], most: int) -> Iterator[Part]:
    for index, (name, value) in enumerate(members):
        yield f"{', ' if index else ''}{quoted(name, most)}: ", value


def listed(elements: Iterable[Any]) -> Iterator[Part]:
    for index, value in enumerate(elements):
        yield ", " if index else "", value


def quoted(text: str, most: int) -> str:
    return json.dumps(text[: most + 1], ensure_ascii=False)
