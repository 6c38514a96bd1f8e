"""Which models were used that nobody knows the price of: kept by day, so that nobody has to read the log.

Numbers move in the transaction that inserts or prices the calls. A call that the journal brings a second time
is in the log already, and is not counted again. What nobody knows the usage of is no matter of prices, and is
not counted at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connections
from django.db.models import Max, Min, Sum

from logs.models import Pricing, RequestLog, UnpricedModel
from logs.routing import ALIAS

SHOWN = 200  # models, those with the most calls

Log = Mapping[str, Any]  # a call, by column
Key = tuple[date, str, str]


@dataclass(slots=True)
class Tally:
    """Calls and their tokens; either may be fewer than none, where prices have been found."""

    asked: str
    first_at: datetime
    last_at: datetime
    calls: int = 0
    used: int = 0

    def add(self, at: datetime, calls: int, used: int) -> None:
        self.first_at, self.last_at = min(self.first_at, at), max(self.last_at, at)
        self.calls += calls
        self.used += used


@dataclass(frozen=True, slots=True)
class Seen:
    """A model without a price, over some days."""

    provider: str
    model: str
    asked: str  # one of the names it was asked for by
    calls: int
    used: int
    first_at: datetime
    last_at: datetime


def lacks_price(log: Log) -> bool:
    return bool(log["pricing"] == Pricing.UNPRICED and log["total_tokens"])


def count(batch: Iterable[Log]) -> None:
    """Count calls that are about to be inserted. To be called in the transaction that does it."""
    lacking = {log["id"]: log for log in batch if lacks_price(log)}
    if lacking:
        there = RequestLog.objects.filter(id__in=lacking).values_list("id", flat=True)
        known = {str(each) for each in there}
        move((log, 1) for call, log in lacking.items() if call not in known)


def move(changes: Iterable[tuple[Log, int]]) -> None:
    """Count each of these calls once more (1), or once less (-1). To be called in a transaction."""
    tallies: dict[Key, Tally] = {}
    for log, calls in changes:
        at, name = log["created_at"], log["model_answered"] or log["model"]
        key = (at.astimezone(UTC).date(), log["provider"], name)
        tallies.setdefault(key, Tally(log["model"], at, at)).add(at, calls, calls * log["total_tokens"])
    if tallies:
        upsert(sorted(tallies.items(), key=lambda each: each[0]))


def upsert(tallies: Sequence[tuple[Key, Tally]]) -> None:
    """In one order whoever writes, so that two who do never wait for each other."""
    table, connection = UnpricedModel._meta.db_table, connections[ALIAS]
    statement = (
        f"INSERT INTO {table} (day, provider, model, asked, calls, used, first_at, last_at)"  # noqa: S608
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (day, provider, model) DO UPDATE SET"
        f" asked = EXCLUDED.asked, calls = {table}.calls + EXCLUDED.calls,"
        f" used = {table}.used + EXCLUDED.used,"
        f" first_at = CASE WHEN EXCLUDED.first_at < {table}.first_at"
        f" THEN EXCLUDED.first_at ELSE {table}.first_at END,"
        f" last_at = CASE WHEN EXCLUDED.last_at > {table}.last_at"
        f" THEN EXCLUDED.last_at ELSE {table}.last_at END"
    )
    day, moment = connection.ops.adapt_datefield_value, connection.ops.adapt_datetimefield_value
    rows = [
        (
            day(key[0]),
            key[1],
            key[2],
            each.asked,
            each.calls,
            each.used,
            moment(each.first_at),
            moment(each.last_at),
        )
        for key, each in tallies
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def seen(since: date) -> list[Seen]:
    """The models without a price on that day and later, those with the most calls first."""
    rows = UnpricedModel.objects.filter(day__gte=since).order_by().values("provider", "model")
    totals = rows.annotate(
        name=Max("asked"), n=Sum("calls"), tokens=Sum("used"), first=Min("first_at"), last=Max("last_at")
    )
    some = totals.filter(n__gt=0).order_by("-n", "provider", "model")[:SHOWN]
    columns = ("provider", "model", "name", "n", "tokens", "first", "last")
    return [Seen(*values) for values in some.values_list(*columns)]
