"""The requests that a call came to, in order, as its record has them: whom each asked, and what came of it.

A request is drawn on the call's own axis of time: the wait before it, until its first byte, the rest. What is
said of it in words is logs/pages/routed.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from logs.story.parts import text_of
from logs.story.timeline import Stretch, lasting, number, stretches
from logs.story.values import shortened

FIRST, LAST = 80, 20  # of very many, those that are shown
WORDS = 2000  # characters of an error
TEXTS: Sequence[str] = (
    *("path", "virtual_key", "provider", "model", "host"),
    *("outcome", "error", "left"),
)


@dataclass(frozen=True, slots=True)
class Tried:
    """One request; texts are empty where nothing is known."""

    number: int  # which of the call's, from 1
    path: str
    virtual_key: str
    provider: str
    model: str
    host: str
    status: int
    outcome: str
    error: str
    left: str  # why it was not the last word
    retries: int  # which retry of its target it is
    previous_secret: bool
    waited_ms: float  # before it
    began: str
    first_byte: str
    took: str
    bar: tuple[Stretch, ...]

    @property
    def target(self) -> tuple[str, ...]:
        """Whom it asked: what those have in common that follow on one another as retries."""
        return self.path, self.virtual_key, self.provider, self.model, self.host


@dataclass(frozen=True, slots=True)
class Attempts:
    """Those that are shown, and how many are left out between the first and the last of them."""

    first: tuple[Tried, ...] = ()
    left_out: int = 0
    last: tuple[Tried, ...] = ()


def attempts(told: Any, total_ms: float | None) -> Attempts:
    """The attempts of a call, whose length in milliseconds is `total_ms`."""
    known = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    ends = [number(each, "started_ms") + number(each, "ms") for each in known]
    axis = max([total_ms or 0.0, *ends])
    if len(known) <= FIRST + LAST:
        return Attempts(tuple(tried(n, each, axis) for n, each in enumerate(known, 1)))
    end = len(known) - LAST
    return Attempts(
        tuple(tried(n, each, axis) for n, each in enumerate(known[:FIRST], 1)),
        end - FIRST,
        tuple(tried(n, each, axis) for n, each in enumerate(known[end:], end + 1)),
    )


def tried(n: int, told: dict[str, Any], axis: float) -> Tried:
    began, took = number(told, "started_ms"), number(told, "ms")
    first = min(number(told, "first_byte_ms") or took, took)
    waited = number(told, "waited_ms")
    pause = min(waited, began)
    lengths = (
        ("pause", began - pause, pause),
        ("waiting", began, first),
        ("rest", began + first, took - first),
    )
    words = {name: shortened(text_of(told.get(name)), WORDS)[0] for name in TEXTS}
    return Tried(
        number=n,
        status=int(number(told, "status")),
        retries=int(number(told, "retries")),
        previous_secret=told.get("previous_secret") is True,
        waited_ms=waited,
        began=lasting(began),
        first_byte=lasting(first),
        took=lasting(took),
        bar=stretches(lengths, axis),
        **words,
    )
