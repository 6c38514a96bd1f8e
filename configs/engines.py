"""What the two engines make of patterns, kept in bounded memory and made anew where it is gone.

RE2 remembers what it saw of a text up to `max_mem`, a hundred kilobytes for the smallest of patterns, so what
is kept is weighed by what it may come to. Both libraries have caches of their own, which are left out.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import re2
import regex

from configs.aside import native_lock, turn

LONGEST = 1_000  # characters of a pattern
MOST_WRITTEN = 50_000  # characters times counts multiplied: `regex` writes repeats out, 150 bytes a character
KEPT_BYTES = 48 << 20
SMALL, LARGE = 128 << 10, 1 << 20  # bytes that RE2 may use for a pattern, and for one that needs more
SEEN = 0.4  # of that, at most, was ever used
WRITTEN = 150  # bytes
FLAT = 2_000  # bytes of any engine
WIDE, MOST_WIDE = re.compile(r"\\[pP]"), 30  # classes of some hundred ranges: 0.2 ms each, even to refuse
COUNT = re.compile(r"\{(\d*),?(\d*)\}", re.ASCII)
VERBOSE = re.compile(r"\(\?[A-Za-z0-9-]*x")  # which lets a count be written with gaps; JavaScript has none


def quick(text: str) -> Any:
    """The pattern as RE2 reads it; None if it cannot."""
    return kept.found("quick", text)


def slow(text: str) -> Any:
    """The pattern as `regex` reads it; None if that cannot either, or only at great length."""
    return kept.found("slow", text)


def linear(text: str) -> tuple[Any, int]:
    """RE2's engine, and the bytes it may come to."""
    if len(WIDE.findall(text)) > MOST_WIDE:
        return None, FLAT
    for most in (SMALL, LARGE):
        turn()
        try:
            made = re2._Regexp(text, OPTIONS[most])  # re2.compile would keep the last hundred of any size
        except (re2.error, UnicodeEncodeError):
            continue
        return made, FLAT + int(SEEN * most)
    return None, FLAT


def backtracking(text: str) -> tuple[Any, int]:
    """The other one's, and the bytes it may come to."""
    if VERBOSE.search(text) or (written := len(text) * repeats(text)) > MOST_WRITTEN:
        return None, FLAT
    try:
        return regex.compile(text, regex.VERSION0, cache_pattern=False), FLAT + WRITTEN * written
    except (regex.error, RecursionError, OverflowError, ValueError):
        return None, FLAT


def repeats(text: str) -> int:
    """How often the innermost of it may be repeated, by the counts it names."""
    counts = (int(most or least or 1) for least, most in COUNT.findall(text))
    return math.prod(max(1, count) for count in counts)


def options(most: int) -> Any:
    told = re2.Options()
    told.log_errors = False
    told.max_mem = most
    return told


class Kept:
    """Engines by their kind and text; the least recently used of them go."""

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0
        self.engines: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()
        self.lock = native_lock()

    def found(self, kind: str, text: str) -> Any:
        """The engine, made if it is not there; None where the text is no pattern to it."""
        if len(text) > LONGEST:
            return None
        with self.lock:
            if (known := self.engines.get((kind, text))) is not None:
                self.engines.move_to_end((kind, text))
                return known[0]
        made = MAKERS[kind](text)
        with self.lock:
            self.keep((kind, text), made)
        return made[0]

    def keep(self, place: tuple[str, str], made: tuple[Any, int]) -> None:
        if place in self.engines:
            return
        self.engines[place] = made
        self.bytes += made[1]
        while self.bytes > self.most:
            self.bytes -= self.engines.popitem(last=False)[1][1]


MAKERS: dict[str, Callable[[str], tuple[Any, int]]] = {"quick": linear, "slow": backtracking}
OPTIONS = {most: options(most) for most in (SMALL, LARGE)}
kept = Kept(KEPT_BYTES)
