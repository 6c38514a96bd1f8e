"""Past calls priced anew: by the prices of today, each as of the day it was made.

What a row says it used is taken as it stands. A call that is free because nothing was used, and one of which
nobody knows what it used, have no tokens and stay as they are. So does one whose cost comes out the same, and
one that had a list price and would have none: a list may forget a model. Of the others the row keeps what it
cost at first. Windows of ids, each a short transaction of its own: stopped anywhere, what is done is done.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Field, Q, QuerySet
from django.utils import timezone

from logs import unpriced
from logs.models import Pricing, RequestLog
from logs.partitions import lowest_id
from logs.routing import ALIAS
from logs.usage import BUCKETS, EMBEDDING, Pricer, altogether, priced, told
from prices.charging import NOTHING, Price
from prices.models import ANY_MORE
from providers.types import Usage

OVERRIDE = "override "  # how the source begins of what PriceOverride priced
WINDOW = 200  # calls of a transaction, some 40 ms if all of them change
SAME = Decimal("1E-13")  # of a cost, which SQLite keeps to some fifteen digits
TOKENS = {bucket: f"{bucket}_tokens" for bucket in BUCKETS}
READ = (
    *("id", "created_at", "provider", "model", "model_answered", "total_tokens", *TOKENS.values()),
    *("cost", "cost_lines", "pricing", "price_source", "repriced_at", "cost_first"),
)

Log = dict[str, Any]


def column(name: str) -> "Field[Any, Any]":
    found = RequestLog._meta.get_field(name)
    assert isinstance(found, Field)
    return found


CHANGED = ("cost", "currency", "pricing", "cost_lines", "price_source", "repriced_at", "cost_first")
KEY, WRITTEN = column("id"), [column(name) for name in CHANGED]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which calls: from `since` (inclusive) to `until` (exclusive); a model's, whether asked or answered.

    Models are named as overrides name them, in any case and with `*` for every name that begins so.
    """

    since: datetime | None
    until: datetime
    provider: str = ""
    model: str = ""
    only_unpriced: bool = False

    @property
    def begin(self) -> UUID:
        """An id below all of these calls'."""
        return UUID(int=max(lowest_id(self.since).int - 1, 0)) if self.since else UUID(int=0)

    @property
    def condition(self) -> Q:
        which = Q()
        if self.provider:
            which &= Q(provider=self.provider)
        if self.model:
            how = "istartswith" if self.model.endswith(ANY_MORE) else "iexact"
            name = self.model.removesuffix(ANY_MORE)
            which &= Q(**{f"model__{how}": name}) | Q(**{f"model_answered__{how}": name})
        if self.only_unpriced:
            which &= Q(pricing=Pricing.UNPRICED)
        return which


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of some calls: how many were looked at and changed, and what those cost before and after."""

    looked: int
    changed: int
    before: Decimal
    after: Decimal


def windows(scope: Scope, after: UUID | None = None) -> Iterator[tuple[UUID, UUID]]:
    """Spans of ids, the first exclusive and the last inclusive, with some calls in each."""
    begin, end = after or scope.begin, lowest_id(scope.until)
    while True:
        ids = RequestLog.objects.filter(id__gt=begin, id__lt=end).order_by("id").values_list("id", flat=True)
        found = list(ids[:WINDOW])
        if not found:
            return
        yield begin, found[-1]
        begin = found[-1]


def foretell(scope: Scope, window: tuple[UUID, UUID], price: Pricer) -> Outcome:
    """What `reprice` would come to; changes nothing."""
    calls = read(scope, window)
    return outcome(len(calls), list(changes(calls, price)))


def reprice(scope: Scope, window: tuple[UUID, UUID], price: Pricer) -> Outcome:
    """Price the calls of a window anew, in a transaction, or as a part of one of the log's."""
    calls = read(scope, window)
    doubtful = [log["id"] for log, _ in changes(calls, price)]
    with transaction.atomic(using=ALIAS):
        # Read again and held: another may be at it too, and each change is to count once.
        held = RequestLog.objects.filter(id__in=doubtful).order_by("id").select_for_update()
        changed = list(changes(held.values(*READ), price))
        write(changed)
        unpriced.move(moved(changed))
    return outcome(len(calls), changed)


def read(scope: Scope, window: tuple[UUID, UUID]) -> list[Log]:
    """The calls of a window that may have tokens to be priced, and are in the scope."""
    calls: QuerySet[RequestLog] = RequestLog.objects.filter(id__gt=window[0], id__lte=window[1])
    return list(calls.filter(scope.condition, total_tokens__gt=0).order_by("id").values(*READ))


def changes(calls: Iterable[Log], price: Pricer) -> Iterator[tuple[Log, Log]]:
    """Calls whose price is another now, each with the columns that change."""
    for log in calls:
        if new := anew(log, price):
            yield log, new


def anew(log: Log, price: Pricer) -> Log:
    """The columns that change; none if the call stays as it is."""
    used = Usage(**{bucket: log[column] for bucket, column in TOKENS.items()})
    new = told(altogether(priced(log, used, price), *embeddings(log)))
    forgotten = new["cost"] is None and not log["price_source"].startswith(OVERRIDE)
    if forgotten or is_same(log, new):
        return {}
    return new | {"cost_first": log["cost_first"] if log["repriced_at"] else log["cost"]}


def embeddings(log: Log) -> list[Price]:
    """What was paid beside the answer, which stays as it was."""
    lines = tuple(line for line in log["cost_lines"] or () if line.get("bucket") == EMBEDDING)
    total = sum((Decimal(str(line["amount"])) for line in lines), NOTHING)
    return [Price(total, "priced", lines)] if lines else []


def is_same(log: Log, new: Log) -> bool:
    before, after = log["cost"], new["cost"]
    if before is None or after is None:
        return before is after
    return bool(abs(before - after) <= SAME * max(before, after))


def write(changed: Iterable[tuple[Log, Log]]) -> None:
    connection, now = connections[ALIAS], timezone.now()
    places = ", ".join(f"{each.name} = %s" for each in WRITTEN)
    statement = f"UPDATE {RequestLog._meta.db_table} SET {places} WHERE id = %s"  # noqa: S608
    rows = [
        [
            *(each.get_db_prep_save((new | {"repriced_at": now})[each.name], connection) for each in WRITTEN),
            KEY.get_db_prep_save(log["id"], connection),
        ]
        for log, new in changed
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def moved(changed: Iterable[tuple[Log, Log]]) -> Iterator[tuple[Log, int]]:
    """The calls that are no longer without a price, or have none any more."""
    for log, new in changed:
        before, after = unpriced.lacks_price(log), unpriced.lacks_price(log | new)
        if before != after:
            yield log, after - before


def outcome(looked: int, changed: Sequence[tuple[Log, Log]]) -> Outcome:
    before = sum((log["cost"] or NOTHING for log, _ in changed), NOTHING)
    after = sum((new["cost"] or NOTHING for _, new in changed), NOTHING)
    return Outcome(looked, len(changed), before, after)
