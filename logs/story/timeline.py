"""When what happened, as bars on one axis of time; logs/story/attempts.py draws attempts on the same.

Times are milliseconds since the call began; places on the axis are thousandths of its length.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

AXIS = 1000
THIN = 2  # the least width of a bar that stands for something


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a bar: what went on, from where, for how long."""

    what: str  # gateway, pause, waiting or rest
    took: str
    x: int
    width: int


def times(
    first_byte_ms: float | None, total_ms: float | None, gateway_ms: float | None, paused_ms: float = 0
) -> tuple[Stretch, ...]:
    """The whole call: the gateway's own work, the waits before retries, for the first byte, and the rest."""
    if not total_ms or total_ms <= 0:
        return ()
    first = min(first_byte_ms or total_ms, total_ms)
    ours = min(gateway_ms or 0.0, first)
    waited = ours + min(paused_ms, first - ours)
    lengths = (
        ("gateway", 0.0, ours),
        ("pause", ours, waited - ours),
        ("waiting", waited, first - waited),
        ("rest", first, total_ms - first),
    )
    return stretches(lengths, total_ms)


def stretches(lengths: Iterable[tuple[str, float, float]], axis: float) -> tuple[Stretch, ...]:
    """Those that last: what each is, when it begins and how long it takes, on an axis of this length."""
    return tuple(stretch(what, begin, length, axis) for what, begin, length in lengths if length > 0)


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
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"
