"""When what happened, as bars on one axis of time: the call as a whole, and each of its attempts.

Times are milliseconds since the call began; places on the axis are thousandths of its length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from logs.story.parts import text_of
from logs.story.values import shortened

AXIS = 1000
THIN = 2  # the least width of a bar that stands for something
ATTEMPTS = 50  # that are shown
WORDS = 2000  # characters of an error


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a bar: what went on, from where, for how long."""

    what: str  # gateway, waiting or rest
    took: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt as it is shown; texts are empty where nothing is known."""

    number: int
    path: str
    virtual_key: str
    provider: str
    model: str
    host: str
    status: int
    outcome: str
    error: str
    retries: int
    began: str
    first_byte: str
    took: str
    bar: tuple[Stretch, ...]


def times(
    first_byte_ms: float | None, total_ms: float | None, gateway_ms: float | None
) -> tuple[Stretch, ...]:
    """The whole call: the gateway's own work, the wait for the first byte, the rest of the answer."""
    if not total_ms or total_ms <= 0:
        return ()
    first = min(first_byte_ms or total_ms, total_ms)
    ours = min(gateway_ms or 0.0, first)
    lengths = (("gateway", 0.0, ours), ("waiting", ours, first - ours), ("rest", first, total_ms - first))
    return tuple(stretch(what, begin, length, total_ms) for what, begin, length in lengths if length > 0)


def attempts(told: Any, total_ms: float | None) -> tuple[Tried, ...]:
    """The attempts of a call in order, as its record has them."""
    known = [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    ends = [number(each, "started_ms") + number(each, "ms") for each in known]
    axis = max([total_ms or 0.0, *ends])
    return tuple(tried(n, each, axis) for n, each in enumerate(known[:ATTEMPTS], 1))


def tried(n: int, told: dict[str, Any], axis: float) -> Tried:
    began, took = number(told, "started_ms"), number(told, "ms")
    first = min(number(told, "first_byte_ms") or took, took)
    lengths = (("waiting", began, first), ("rest", began + first, took - first))
    words = {name: shortened(text_of(told.get(name)), WORDS)[0] for name in TEXTS}
    return Tried(
        number=n,
        status=int(number(told, "status")),
        retries=int(number(told, "retries")),
        began=lasting(began),
        first_byte=lasting(first),
        took=lasting(took),
        bar=tuple(stretch(what, x, length, axis) for what, x, length in lengths if length > 0),
        **words,
    )


TEXTS: Sequence[str] = ("path", "virtual_key", "provider", "model", "host", "outcome", "error")


def stretch(what: str, begin: float, length: float, axis: float) -> Stretch:
    width = max(round(length / axis * AXIS), THIN)
    x = min(round(begin / axis * AXIS), AXIS - width)
    return Stretch(what, lasting(length), max(x, 0), width)


def number(told: dict[str, Any], name: str) -> float:
    """A number that is one, and no less than nothing."""
    value = told.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0


def lasting(milliseconds: float | None) -> str:
    """A time in words."""
    if milliseconds is None:
        return "unknown"
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"
