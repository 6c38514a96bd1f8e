"""What a call cost: by the override that was in force when it was made, else by the price list.

The overrides are a small table kept in memory. Who prices calls asks it to look, which costs a query every
other second; the rows are read again when the answer is another, and once a minute whatever it is.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Count, Max

from prices import rates
from prices.charging import BUCKETS, NOTHING, Price, Rate, Rates, charge, flat
from prices.models import ANY_MORE, PriceOverride
from providers.types import Usage

EVERY_SECONDS = 2.0
WHOLE_SECONDS = 60.0
AGAIN_SECONDS = 30.0  # while the database is away: to find that out takes seconds, and calls wait meanwhile

logger = logging.getLogger(__name__)


class NotRead(Exception):
    """The overrides have never been read, and cannot be now: whoever priced by the list might be wrong."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when (inclusive) to when (exclusive; None: no end) rates are in force. Times are aware."""

    starts_at: datetime
    ends_at: datetime | None
    rates: Rates

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Models:
    """The overrides of one provider: by whole names, and by how names begin, the longest beginning first."""

    whole: dict[str, list[Span]] = field(default_factory=dict)
    begun: dict[str, list[Span]] = field(default_factory=dict)

    def rates(self, names: Sequence[str], at: datetime) -> Rates | None:
        """A whole name says more than a beginning, a long beginning more than a short one."""
        lower = [name.lower() for name in names if name]
        spans = [self.whole[name] for name in lower if name in self.whole]
        spans += [under for begin, under in self.begun.items() if any(n.startswith(begin) for n in lower)]
        return next((span.rates for under in spans for span in under if span.holds(at)), None)


class PriceBook:
    def __init__(self, overrides: Iterable[PriceOverride] = ()) -> None:
        self.models = by_provider(overrides)
        self.mark: Any = None  # what the last look saw; None: never looked
        self.looked_at = self.read_at = float("-inf")
        self.away = False

    def price(self, provider: str, names: Sequence[str], usage: Usage, at: datetime) -> Price:
        """What `usage` cost at `at` (aware); of the model's names the one that answered comes first."""
        if (models := self.models.get(provider)) and (found := models.rates(names, at)):
            return charge(found, usage)
        return rates.price(provider, names, usage, at)

    def look(self, *, at_once: bool = False) -> None:
        """See whether overrides have changed, every other second or `at_once`.

        With the database away what is known stays, for half a minute. Raises NotRead where nothing is.
        """
        now = time.monotonic()
        wait = AGAIN_SECONDS if self.away else EVERY_SECONDS
        if now - self.looked_at < wait and not at_once:
            return
        try:
            self.read(now)
        except (DatabaseError, InterfaceError) as error:
            connections[PriceOverride.objects.db].close()
            if self.mark is None:
                raise NotRead(f"The overrides of prices cannot be read: {error}") from error
            if not self.away:
                logger.warning("Calls are priced by the overrides that were read last: %s", error)
            self.away = True
        else:
            self.away = False
        self.looked_at = time.monotonic()

    def read(self, now: float) -> None:
        """The rows, if there may be others than those that are known."""
        mark = PriceOverride.objects.aggregate(Count("pk"), Max("pk"), Max("updated_at"))
        if mark != self.mark or now - self.read_at >= WHOLE_SECONDS:
            self.models = by_provider(PriceOverride.objects.lasting())
            self.mark, self.read_at = mark, now


def by_provider(overrides: Iterable[PriceOverride]) -> dict[str, Models]:
    found: dict[str, Models] = {}
    for each in sorted(overrides, key=lambda each: (-len(each.model), each.starts_at)):
        models = found.setdefault(each.provider, Models())
        named = models.begun if each.model.endswith(ANY_MORE) else models.whole
        spans = named.setdefault(each.model.removesuffix(ANY_MORE), [])
        spans.append(Span(each.starts_at, each.ends_at, compiled(each)))
    return found


def compiled(override: PriceOverride) -> Rates:
    """Where each call is paid for, tokens may have no price, and are free then."""
    buckets: dict[str, Rate] = {}
    for bucket, candidates in BUCKETS.items():
        stated = (getattr(override, each) for each in candidates)
        price = next((each for each in stated if each is not None), None)
        if price is not None or override.per_call is not None:
            buckets[bucket] = flat(price or NOTHING)
    return Rates(buckets, override.per_call or NOTHING, override.free, override.source)
