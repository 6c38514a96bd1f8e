"""JSON to be read: indented, and where it is large, folded.

Bounded whatever the value: so many folds, so deep, so many characters of each text.
"""

import json
from collections.abc import Iterator
from typing import Any

import orjson

from logs.story.turns import in_turns
from logs.story.values import JSON, TEXT, Piece, shortened
from providers.json_text import loads

SHORT = 400  # characters that stand without being folded
DEEP = 5  # folds within folds
MEMBERS = 60  # of one object or list
FOLDS = 200  # of one value
PARTS = 20_000  # objects and lists that are read in one go
SMALL = 64 << 10  # bytes of a text that is read whatever is in it
DIGITS = 40
INDENTED = TEXT  # characters beyond which to indent is to waste: so few deep levels become so many blanks


class Complex(ValueError):
    """A JSON text that would hold others up."""


def parsed(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError; Complex where reading or showing it would take long."""
    told = text.encode(errors="replace") if isinstance(text, str) else text
    if told.count(b"{") + told.count(b"[") > PARTS:
        raise Complex("It has too many parts to be laid out.")
    if len(told) <= SMALL:
        return loads(text)
    try:
        value = orjson.loads(told)
        orjson.dumps(value)  # what it takes but does not give is nested deeply
    except (ValueError, TypeError):
        return oddly(told)
    return value


def oddly(text: bytes) -> Any:
    """The value of a JSON text that orjson refuses: json needs ten times as long for each member."""
    if text.count(b",") > PARTS:
        raise Complex("It has too many parts to be laid out.")
    try:
        return json.loads(text, parse_int=number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def number(digits: str) -> int | str:
    """As text where it is no number that anybody meant: thousands of digits take long."""
    return int(digits) if len(digits) <= DIGITS else digits


def pretty(value: Any) -> str:
    """A value as indented JSON; a long one as it is written shortest, since it will be cut."""
    compact = dumped(value)
    if len(compact) > INDENTED or not isinstance(value, dict | list):
        return compact
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    except TypeError:
        return compact  # what orjson refuses is rare, and json takes long to indent


def dumped(value: Any) -> str:
    """A value as compact JSON; one that is nested beyond measure as what it is."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        pass
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return f"{summary(value)}, nested too deeply to be shown here"


def folded(value: Any) -> tuple[Piece, ...]:
    """A value as pieces: short members as lines of text, long ones each under a title of its own."""
    return tuple(Folding().pieces(value, 0))


class Folding:
    """One value on its way; knows how many folds are left."""

    def __init__(self) -> None:
        self.left = FOLDS

    def pieces(self, value: Any, depth: int) -> Iterator[Piece]:
        if (
            not isinstance(value, dict | list)
            or depth >= DEEP
            or self.left <= 0
            or len(dumped(value)) <= SHORT
        ):
            yield stretch(value if isinstance(value, str) else pretty(value))
            return
        lines: list[str] = []
        for name, member in in_turns(members(value)):
            short = dumped(member)
            if len(short) <= SHORT:
                lines.append(f"{name}: {short}")
                continue
            if lines:
                yield stretch("\n".join(lines))
            lines = []
            self.left -= 1
            yield Piece(f"{name}: {summary(member)}", pieces=tuple(self.pieces(member, depth + 1)))
        if len(value) > MEMBERS:
            lines.append(f"… and {len(value) - MEMBERS:,} more")
        if lines:
            yield stretch("\n".join(lines))


def members(value: JSON | list[Any]) -> Iterator[tuple[str, Any]]:
    """The first members of an object or a list, each with its name or place."""
    named = value.items() if isinstance(value, dict) else enumerate(value)
    for (name, member), _ in zip(named, range(MEMBERS), strict=False):
        yield shortened(str(name), SHORT)[0], member


def stretch(text: str) -> Piece:
    shown, left_out = shortened(text)
    return Piece(text=shown, left_out=left_out)


def summary(value: Any) -> str:
    """What a value is, in a few words."""
    match value:
        case dict():
            return f"an object of {len(value):,}"
        case list():
            return f"a list of {len(value):,}"
        case str():
            return f"a text of {len(value):,} characters"
    return "a value"
