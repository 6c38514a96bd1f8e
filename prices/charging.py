"""From tokens and the rates of a model to dollars, line by line. Where rates come from, others say.

Our buckets are disjoint, so each is a line of its own. Lines are told as the log keeps them: as JSON, with
decimals as text. Each is rounded to what the log's column holds, so they add up to the cost exactly.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from providers.types import Usage

Pricing = Literal["priced", "free", "unpriced"]
Line = dict[str, str | int]  # "bucket", then "tokens", "per_million" or "per_call", and "amount"

MILLION, NOTHING = Decimal(1_000_000), Decimal(0)
PLACES: Final = Decimal("1E-12")  # of a dollar

# each bucket of Usage, as they are told: the buckets whose prices it has, the most specific first
BUCKETS: Final[Mapping[str, tuple[str, ...]]] = {
    "input": ("input",),
    "cache_read": ("cache_read", "input"),
    "cache_write": ("cache_write", "input"),
    "output": ("output",),
    "reasoning": ("reasoning", "output"),
    "audio_input": ("audio_input", "input"),
    "audio_output": ("audio_output", "output"),
}
FOR_INPUT: Final = ("input", "cache_read", "cache_write", "audio_input")


class Tariff(NamedTuple):
    """Dollars a token, and the same for a million, in words."""

    token: Decimal
    per_million: str


Rate = Callable[[int], Tariff]  # from the tokens of the whole input


@dataclass(frozen=True, slots=True)
class Rates:
    """A model's prices by bucket; a bucket without one is missing. `call` is charged for each request.

    `source`: who says so, in the log's words.
    """

    buckets: Mapping[str, Rate]
    call: Decimal
    free: bool
    source: str


@dataclass(frozen=True, slots=True)
class Price:
    """What a call cost in USD; `amount` is None where nobody knows the price, which is not free."""

    amount: Decimal | None
    pricing: Pricing
    lines: tuple[Line, ...] = ()
    source: str = ""


UNPRICED: Final = Price(None, "unpriced")


def charge(of: Rates, usage: Usage) -> Price:
    """Multiply; a bucket that was used and has no price makes the whole unpriced."""
    if of.free:
        return Price(NOTHING, "free", source=of.source)
    used = [(bucket, count) for bucket in BUCKETS if (count := getattr(usage, bucket))]
    whole_input = sum(count for bucket, count in used if bucket in FOR_INPUT)
    total, lines = NOTHING, []
    for bucket, count in used:
        rate = of.buckets.get(bucket)
        if rate is None:
            return UNPRICED
        token, per_million = rate(whole_input)
        amount = (token * count).quantize(PLACES)
        total += amount
        line: Line = {"bucket": bucket, "tokens": count, "per_million": per_million, "amount": said(amount)}
        lines.append(line)
    if of.call:
        total += of.call
        lines.append({"bucket": "call", "per_call": said(of.call), "amount": said(of.call)})
    return Price(total, "priced", tuple(lines), of.source)


def flat(per_million: Decimal) -> Rate:
    """The same for each token, however many."""
    each = tariff(per_million)
    return lambda _: each


def tariff(per_million: Decimal) -> Tariff:
    return Tariff(per_million / MILLION, said(per_million))


def said(amount: Decimal) -> str:
    """`0.00018`: without an exponent or idle noughts."""
    return f"{amount.normalize():f}"
