"""Patterns that a client or an admin wrote, matched without ever holding a worker up.

Nearly all are read by RE2, whose time grows with the text alone. What it cannot read (looking ahead or
behind, back references) goes to `regex`, which stops after SLOWEST; Python's `re` took 20 s over 29
characters. A pattern means what JavaScript would take it to mean as far as the two agree.
"""

import math
import re
from functools import lru_cache
from typing import Any

import re2
import regex

from configs.aside import turn

SLOWEST = 0.02  # seconds for one match of the engine that goes back
MOST_STEPS = 4_000_000  # of RE2 at its worst, a text's characters times a pattern's size: 12 ms
FEW_STEPS = 20_000
LONGEST = 1_000  # characters of a pattern: RE2 takes 13 ms to find so many `\p{L}` too many
MOST_REPEATS = 10_000  # counts multiplied: `regex` writes some of them out, to gigabytes if it is let
COUNT = re.compile(r"\{(\d*),?(\d*)\}", re.ASCII)
VERBOSE = re.compile(r"\(\?[A-Za-z0-9-]*x")  # which lets a count be written with gaps; JavaScript has none

OPTIONS = re2.Options()
OPTIONS.log_errors = False
OPTIONS.max_mem = 1 << 20  # bytes: a pattern that needs more is none


class Pattern:
    """One pattern. `is_valid`: whether either engine can read it; what is not valid finds nothing."""

    __slots__ = ("_quick", "_slow", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._quick: Any = None
        self._slow: Any = None
        if len(text) > LONGEST:
            return
        try:
            self._quick = re2.compile(text, OPTIONS)
        except (re2.error, UnicodeEncodeError):
            self._slow = backtracking(text)
        turn()  # a config may have some thousand of them

    @property
    def is_valid(self) -> bool:
        return self._quick is not None or self._slow is not None

    @property
    def is_slow(self) -> bool:
        """Whether the quick engine cannot read it."""
        return self._quick is None and self._slow is not None

    def finds(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        if self._quick is None:
            return self._slow is not None and searched(self._slow, text)
        if (steps := self._quick.programsize * len(text)) > MOST_STEPS:
            return self.finds_in_time(text)
        found: bool = self._quick.search(speakable(text)) is not None
        if steps > FEW_STEPS:
            turn()
        return found

    def finds_in_time(self, text: str) -> bool:
        """The same of a text that may be too long for the quick engine, which cannot be stopped."""
        if self._slow is None:
            self._slow = backtracking(self.text)
        return self._slow is not None and searched(self._slow, text)


def backtracking(text: str) -> Any:
    """The pattern as `regex` reads it; None if that cannot either, or only at great length."""
    counts = (int(most or least or 1) for least, most in COUNT.findall(text))
    if VERBOSE.search(text) or math.prod(max(1, count) for count in counts) > MOST_REPEATS:
        return None
    try:
        return regex.compile(text, regex.VERSION0)
    except (regex.error, RecursionError, OverflowError, ValueError):
        return None


def searched(pattern: Any, text: str) -> bool:
    """What takes too long is not found. Others get their turn after it, long or short."""
    try:
        return pattern.search(text, timeout=SLOWEST) is not None
    except TimeoutError:
        return False
    finally:
        turn()


def speakable(text: str) -> str:
    """The text without half surrogate pairs, which RE2 is not to be asked about."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=4096)
def pattern(text: str) -> Pattern:
    """The pattern of that text, made once."""
    return Pattern(text)
