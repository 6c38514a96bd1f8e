"""The small language in which a caller says how the sandbox shall behave.

Either in the last user message, `[[status 429]] [[retry-after 2]]`, or in the model's name,
`sandbox-status-429-retry-after-2`. docs/sandbox.md describes every word. Pure: text in, values out.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

LONGEST = 900.0  # seconds: no pause lasts longer, silence included
MOST_PIECES = 100_000
BEFORE_HEADERS = 0


@dataclass(frozen=True, slots=True)
class Manners:
    """How to answer. Times in seconds; a count says after how many events of a stream (None: never)."""

    status: int = 200
    retry_after: str = ""
    delay: float = 0.0
    hold: float = 0.0
    pace: float = 0.0
    pieces: int = 0
    say: str = ""
    echo: bool = False
    empty: bool = False
    refuse: bool = False
    no_usage: bool = False
    comments: int = 0
    silence: int | None = None
    cut: int | None = None
    unfinished: int | None = None
    garbage: int | None = None
    error_event: int | None = None
    unchunked: bool = False
    split_utf8: bool = False
    fragment: int = 0


def manners(model: str, text: str) -> tuple[Manners, str]:
    """What the model's name and the prompt ask for, the prompt having the last word; and the prompt
    without its directives."""
    told = Manners()
    for word, argument in (*in_name(model), *((m[1], m[2] or "") for m in DIRECTIVE.finditer(text))):
        if word in WORDS:
            field, read = WORDS[word]
            told = replace(told, **{field: read(argument.strip())})
    return told, DIRECTIVE.sub("", text).strip()


def in_name(model: str) -> Iterator[tuple[str, str]]:
    """The words in a name like `sandbox-pace-0.05-events-50`; none in a name that begins otherwise."""
    if model.startswith("sandbox-"):
        for found in NAMED.finditer(model.removeprefix("sandbox")):
            yield found[1], found[2] or ""


def seconds(argument: str) -> float:
    """A pause of at least 0 s and at most LONGEST; what is no number is a second."""
    number = as_number(argument, 1.0)
    return min(max(number, 0.0), LONGEST)


def count(least: int, otherwise: int) -> Callable[[str], int]:
    """A reader of counts between `least` and MOST_PIECES, and `otherwise` where no number is given."""

    def read(argument: str) -> int:
        return min(max(int(as_number(argument, otherwise)), least), MOST_PIECES)

    return read


def status(argument: str) -> int:
    """An HTTP status that a final answer may have; what is none is 500."""
    number = int(as_number(argument, 500))
    return number if 200 <= number <= 599 else 500


def as_number(argument: str, otherwise: float) -> float:
    try:
        number = float(argument)
    except ValueError:
        return otherwise
    return number if math.isfinite(number) else otherwise


def yes(_: str) -> bool:
    return True


def spoken(argument: str) -> str:
    """A header's value: what is not printable ASCII would be no header."""
    return "".join(c for c in argument if c.isascii() and c.isprintable())[:100] or "1"


Word: TypeAlias = tuple[str, Callable[[str], Any]]
WORDS: dict[str, Word] = {
    "status": ("status", status),
    "retry-after": ("retry_after", spoken),
    "delay": ("delay", seconds),
    "hold": ("hold", seconds),
    "pace": ("pace", seconds),
    "events": ("pieces", count(1, 10)),
    "say": ("say", str),
    "echo": ("echo", yes),
    "empty": ("empty", yes),
    "refuse": ("refuse", yes),
    "no-usage": ("no_usage", yes),
    "comments": ("comments", count(1, 1)),
    "silence": ("silence", count(0, BEFORE_HEADERS)),
    "cut": ("cut", count(0, 1)),
    "unfinished": ("unfinished", count(0, 1)),
    "garbage": ("garbage", count(0, BEFORE_HEADERS)),
    "error-event": ("error_event", count(0, 1)),
    "unchunked": ("unchunked", yes),
    "split-utf8": ("split_utf8", yes),
    "fragment": ("fragment", count(1, 1)),
}
# No bracket inside, so that a text full of opening ones is still read once.
DIRECTIVE = re.compile(r"\[\[([a-z0-9-]{1,20})(?:[ =]([^\[\]]{0,4000}))?\]\]")
NAMED = re.compile(rf"-({'|'.join(WORDS)})(?:-(\d+(?:\.\d+)?))?(?=-|$)")
