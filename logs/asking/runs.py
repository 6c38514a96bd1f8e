"""Runs of the log: what an index tells in the order of ids, and what is found along one in bounded time.

To look for calls is to go along the index of one condition, a stretch at a time, and to hold the others
against the rows of that stretch. After some thousand entries it ends, found or not, and says how far it came.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import BooleanField, F, Func, Q, QuerySet, Subquery

from logs.models import RequestLog
from logs.routing import ALIAS

LOWEST, HIGHEST = UUID(int=0), UUID(int=(1 << 128) - 1)
STRETCHES = (300, 2_700, 7_000)  # entries of an index: near first, since most is found there
SAMPLE = 1_000  # entries by which runs are compared
COUNTED, SIFTED = 10_000, 4_000  # entries that are counted, and those whose rows are looked at for it


@dataclass(frozen=True, slots=True)
class Span:
    """The ids from `low` (included) to `high` (not), and the end at which one begins."""

    low: UUID = LOWEST
    high: UUID = HIGHEST
    newest_first: bool = True

    def beyond(self, edge: UUID) -> "Span":
        """What is left of it behind `edge`."""
        if self.newest_first:
            return Span(self.low, edge)
        return Span(UUID(int=edge.int + 1), self.high, newest_first=False)


@dataclass(frozen=True, slots=True)
class Run:
    """The calls for which columns have these values, by an index of these columns and the id."""

    rows: QuerySet[Any]
    values: tuple[tuple[str, Any], ...] = ()
    id: str = "id"  # the column that holds it

    def ids(self, span: Span) -> QuerySet[Any, UUID]:
        """Its ids within a span, in the span's order."""
        within = {f"{self.id}__gte": span.low, f"{self.id}__lt": span.high}
        rows = self.rows.filter(*self.values, **within)
        columns = [*(column for column, _ in self.values), self.id]
        order = columns if not span.newest_first else [f"-{column}" for column in columns]
        return rows.order_by(*order).values_list(self.id, flat=True)

    def nth(self, span: Span, n: int) -> UUID | None:
        """The n-th id within a span; None if there are fewer."""
        return next(iter(self.ids(span)[n - 1 : n]), None)


class Listed(Subquery):
    """The ids of a subquery as one array, of which PostgreSQL expects few, whatever their number."""

    template = "(ARRAY(%(subquery)s))"


def one_of(ids: QuerySet[Any, UUID]) -> Q:
    """That a row has one of these ids, in words by which the database looks for each and reads no table."""
    if connections[ALIAS].vendor != "postgresql":
        return Q(id__in=ids)
    told = Func(
        F("id"), Listed(ids), template="(%(expressions)s)", arg_joiner=" = ANY ", output_field=BooleanField()
    )
    return Q(told)


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked of a row, and the runs that lead to all such rows, if there are any."""

    asked: Q
    runs: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in the order of the span. `edge`: the id at which the looking ended; None where the span did."""

    rows: list[RequestLog]
    edge: UUID | None


def leading(conditions: Sequence[Condition], span: Span) -> tuple[tuple[Run, ...], list[Q]]:
    """The runs to go along, those that reach the furthest in as many steps, and what else is asked."""
    able = [condition for condition in conditions if condition.runs]
    if not able:
        return (Run(RequestLog.objects.all()),), [condition.asked for condition in conditions]
    best = able[0] if len(able) == 1 else max(able, key=lambda condition: reach(condition, span))
    return best.runs, [condition.asked for condition in conditions if condition is not best]


def reach(condition: Condition, span: Span) -> int:
    """How far a sample of each run gets: the number grows with the distance."""
    edges = [run.nth(span, SAMPLE) for run in condition.runs]
    reached = [edge.int for edge in edges if edge is not None]
    if not reached:
        return HIGHEST.int + 1
    return HIGHEST.int - max(reached) if span.newest_first else min(reached)


def look(among: QuerySet[RequestLog], conditions: Sequence[Condition], span: Span, size: int) -> Found:
    """The first `size` calls of the span, or those that were come across until the looking ended."""
    runs, rest = leading(conditions, span)
    stretches = [-(-length // len(runs)) for length in STRETCHES]
    parts = [along(among.filter(*rest), run, stretches, span, size) for run in runs]
    edges = [part.edge for part in parts if part.edge is not None]
    edge = (max(edges) if span.newest_first else min(edges)) if edges else None
    rows = {row.pk: row for part in parts for row in part.rows}.values()
    ordered = sorted(rows, key=lambda row: row.pk, reverse=span.newest_first)
    if edge is not None:
        ordered = [row for row in ordered if (row.pk >= edge if span.newest_first else row.pk <= edge)]
    return Found(ordered[:size], ordered[size - 1].pk if len(ordered) >= size else edge)


def along(among: QuerySet[RequestLog], run: Run, stretches: Sequence[int], span: Span, size: int) -> Found:
    """The same, along one run."""
    found: list[RequestLog] = []
    order = "-id" if span.newest_first else "id"
    edge: UUID | None = None
    for length in stretches:
        ids = one_of(run.ids(span)[:length])
        found += among.filter(ids).order_by(order)[: size - len(found)]
        if len(found) == size:
            return Found(found, found[-1].pk)
        edge = run.nth(span, length)
        if edge is None:
            return Found(found, None)
        span = span.beyond(edge)
    return Found(found, edge)


@dataclass(frozen=True, slots=True)
class Count:
    """How many, and whether there may be more."""

    number: int
    more: bool


def count(among: QuerySet[RequestLog], conditions: Sequence[Condition], span: Span) -> Count:
    """How many calls of the span there are, as far as some thousand entries tell."""
    runs, rest = leading(conditions, span)
    among = among.filter(*rest)
    if not among.query.has_filters():
        numbers = [run.ids(span)[:COUNTED].count() for run in runs]
        return Count(sum(numbers), any(number == COUNTED for number in numbers))
    numbers = [among.filter(one_of(run.ids(span)[:SIFTED])).count() for run in runs]
    return Count(sum(numbers), any(run.nth(span, SIFTED + 1) for run in runs))


def walk(
    among: QuerySet[RequestLog], conditions: Sequence[Condition], span: Span, size: int
) -> Iterator[Found]:
    """All calls of the span, a part at a time; a part may be empty."""
    while True:
        found = look(among, conditions, span, size)
        yield found
        if found.edge is None:
            return
        span = span.beyond(found.edge)
