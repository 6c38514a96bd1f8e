"""The read side of the request log: a page of calls, how many there are, and all of them for an export.

Nothing here reads a body, counts the table or takes a time that grows with it: logs/asking/runs.py says how.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from logs.asking import runs
from logs.asking.conditions import conditions
from logs.asking.filters import Filters
from logs.asking.runs import HIGHEST, LOWEST, Count, Span
from logs.ids import minted_at
from logs.models import RequestLog
from logs.partitions import lowest_id

Calls = QuerySet[RequestLog]


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, newest first. `older` and `newer` lead on, as `before` and `after`; None where nothing is."""

    rows: list[RequestLog]
    older: UUID | None
    newer: UUID | None
    looked_to: datetime | None = None  # where the looking ended before there was a page of calls


def matching(filters: Filters, among: Calls | None = None) -> Calls:
    """All calls of these filters, newest first; to be evaluated in parts only, as `batches` does."""
    span = span_of(filters)
    rows = all_calls(among).filter(id__gte=span.low, id__lt=span.high)
    return rows.filter(*(condition.asked for condition in conditions(filters))).order_by("-id")


def page(
    filters: Filters,
    *,
    before: UUID | None = None,
    after: UUID | None = None,
    size: int = 50,
    among: Calls | None = None,
) -> Page:
    """The calls next to a cursor, or the newest; fewer than `size` where some thousand rows held no more."""
    span = span_of(filters)
    if after is not None:
        return newer_page(filters, span, after, size, all_calls(among))
    if before is not None:
        span = Span(span.low, min(span.high, before))
    found = runs.look(all_calls(among), conditions(filters), span, size + 1)
    rows, newer = found.rows[:size], None
    if before is not None:
        newer = rows[0].pk if rows else UUID(int=max(before.int - 1, 0))
    if len(found.rows) > size:
        return Page(rows, rows[-1].pk, newer)
    return Page(rows, found.edge, newer, time_of(found.edge))


def newer_page(filters: Filters, span: Span, after: UUID, size: int, among: Calls) -> Page:
    """The calls above a cursor; the newest of all, where these do not fill a page."""
    above = Span(max(span.low, UUID(int=min(after.int + 1, HIGHEST.int))), span.high, newest_first=False)
    found = runs.look(among, conditions(filters), above, size + 1)
    if found.edge is None:
        return page(filters, size=size, among=among)
    rows = found.rows[:size][::-1]
    if len(found.rows) > size:
        return Page(rows, rows[-1].pk, rows[0].pk)
    return Page(rows, rows[-1].pk if rows else after, found.edge, time_of(found.edge))


def count(filters: Filters, among: Calls | None = None) -> Count:
    """How many there are, counted no further than some thousand rows."""
    return runs.count(all_calls(among), conditions(filters), span_of(filters))


def batches(filters: Filters, size: int, among: Calls | None = None) -> Iterator[list[RequestLog]]:
    """All calls of these filters, newest first, at most `size` at a time; each is found in bounded time."""
    found = runs.walk(all_calls(among), conditions(filters), span_of(filters), size)
    yield from (part.rows for part in found if part.rows)


def all_calls(among: Calls | None) -> Calls:
    return RequestLog.objects.all() if among is None else among


def span_of(filters: Filters) -> Span:
    """The ids of the span of time. What is searched by its id is found in any."""
    if filters.search:
        return Span()
    return Span(
        lowest_id(filters.since) if filters.since else LOWEST,
        lowest_id(filters.until) if filters.until else HIGHEST,
    )


def time_of(edge: UUID | None) -> datetime | None:
    return None if edge is None else minted_at(str(edge))
