"""Patterns that a client or an admin wrote, matched without ever holding a worker up.

Nearly all are read by RE2, whose time grows with the text alone. What it cannot read (looking ahead or
behind, back references) goes to `regex`, which stops after SLOWEST; Python's `re` took 20 s over 29
characters. A pattern means what JavaScript would take it to mean as far as the two agree. A Pattern is little
more than its text: what the engines make of it is found in configs/engines.py.
"""

from functools import lru_cache
from typing import Any

from configs import engines
from configs.aside import turn

SLOWEST = 0.02  # seconds for one match of the engine that goes back
MOST_STEPS = 4_000_000  # of RE2 at its worst, a text's characters times a pattern's size: 12 ms
FEW_STEPS = 20_000
UNREAD = 4_000  # instructions that a pattern counts as which the quick engine has refused


class Pattern:
    """One pattern. `is_valid`: whether either engine can read it; what is not valid finds nothing.

    `is_slow`: whether the quick engine cannot; `size`: what that one makes of it, in instructions.
    """

    __slots__ = ("is_slow", "is_valid", "size", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        quick = engines.quick(text)
        self.size: int = quick.programsize if quick is not None else UNREAD
        self.is_slow = quick is None and engines.slow(text) is not None
        self.is_valid = quick is not None or self.is_slow
        turn()  # a config may have some thousand of them

    def finds(self, text: str) -> bool:
        """Whether the pattern matches anywhere in `text`."""
        if not self.is_valid:
            return False
        if self.is_slow or (steps := self.size * len(text)) > MOST_STEPS:
            return searched(engines.slow(self.text), text)
        quick = engines.quick(self.text)
        found: bool = quick.search(speakable(text)) is not None
        if steps > FEW_STEPS:
            turn()
        return found


def searched(engine: Any, text: str) -> bool:
    """What takes too long is not found. Others get their turn after it, long or short."""
    try:
        return engine is not None and engine.search(text, timeout=SLOWEST) is not None
    except TimeoutError:
        return False
    finally:
        turn()


def speakable(text: str) -> str:
    """The text without half surrogate pairs, which RE2 is not to be asked about."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """The pattern of that text, made once."""
    return Pattern(text)
