"""What a reader is given: turns of a conversation, their parts, settings, and JSON to unfold.

All texts are as somebody wrote them, cut to a length that can be read; who shows them escapes them.
"""

from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]

TEXT = 20_000  # characters of one text


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text or, under a title, pieces to unfold."""

    title: str = ""
    text: str = ""
    left_out: int = 0  # characters
    pieces: tuple["Piece", ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a turn. Its kind: text, thinking, call, result, media, refusal or other."""

    kind: str
    title: str = ""
    text: str = ""
    left_out: int = 0  # characters
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. Without a role it stands for turns that are left out, and its note says so."""

    role: str
    parts: tuple[Part, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What was asked or answered beside the conversation, under its own name."""

    name: str
    text: str = ""
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What one body says. `raw` is its text, where it could be read as nothing better."""

    turns: tuple[Turn, ...] = ()
    settings: tuple[Setting, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    raw: str = ""
    left_out: int = 0  # characters of `raw`


def shortened(text: str, length: int = TEXT) -> tuple[str, int]:
    """The text as far as it is shown, and how many characters are left out."""
    return text[:length], max(len(text) - length, 0)


def sized(count: int) -> str:
    """A number of bytes in words."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{round(count / 1000)} KB"
    return f"{count / 1_000_000:.1f} MB"
