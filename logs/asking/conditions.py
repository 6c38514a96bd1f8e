"""From filters to conditions: what each asks of a row, and by which index it is found.

A key or a workspace is asked for by its name as it is now, and found by its id, so that its calls from before
it was renamed are among them. Where none has that name, it is one that is gone: then the name counts that
stood in the row.
"""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.lookups import Exact

from keys.models import ApiKey, VirtualKey, Workspace
from logs.asking.filters import CACHED, Filters
from logs.asking.runs import Condition, Run
from logs.models import LogMetadata, Outcome, RequestLog
from logs.routing import ALIAS

MOST = 8  # runs that are gone along for one condition

# The conditions of the indexes that are for few rows: a query has to repeat them to use one.
NOT_FINISHED = ~Q(outcome=Outcome.FINISHED)
OF_ERRORS = Q(status__gte=400)
RESCUED = Q(rescued=True)
WITH_CONFIG = ~Q(config="")
WITH_CACHE = ~Q(cache_status="") & ~Q(cache_status="DISABLED")

Ids = list[str]


def conditions(filters: Filters) -> list[Condition]:
    """All that is asked but the span of time."""
    return list(all_of(filters))


def all_of(filters: Filters) -> Iterator[Condition]:
    within = ids_of(Workspace, slug=filters.workspace) if filters.workspace else None
    yield from of_callers(filters, within)
    yield from of_calls(filters)
    for key, value in filters.metadata:
        yield with_metadata(key, value, within)
    if filters.search:
        yield with_id(filters.search)


def of_callers(filters: Filters, within: Ids | None) -> Iterator[Condition]:
    if within is not None:
        yield named("workspace", filters.workspace, within)
    if filters.api_key:
        yield named("api_key", filters.api_key, ids_of(ApiKey, within, name=filters.api_key))
    if filters.virtual_key:
        yield named("virtual_key", filters.virtual_key, ids_of(VirtualKey, within, slug=filters.virtual_key))


def of_calls(filters: Filters) -> Iterator[Condition]:
    for column in ("provider", "model"):
        if value := getattr(filters, column):
            yield with_value(column, value)
    if filters.config:
        yield with_config(filters.config)
    if filters.outcome:
        yield with_outcome(filters.outcome)
    if filters.rescued:
        yield Condition(RESCUED, (Run(RequestLog.objects.filter(RESCUED)),))
    if filters.cache:
        yield with_cache(CACHED[filters.cache])
    if filters.status:
        yield from with_status(filters.statuses())


def ids_of(model: type[Workspace | ApiKey | VirtualKey], within: Ids | None = None, **called: str) -> Ids:
    """The ids of what is called so, in one of these workspaces if any are told; one more than can be used."""
    (name,) = called.values()
    if is_id(name):
        return [str(UUID(name))]
    rows: QuerySet[Any] = model._default_manager.filter(**called)
    if within:
        rows = rows.filter(workspace__in=within)
    return [str(each) for each in rows.order_by("pk").values_list("pk", flat=True)[: MOST + 1]]


def is_id(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(UUID(text))
    return False


def named(column: str, name: str, ids: Ids) -> Condition:
    """Those of one of the ids; by the name in the row, where there are none or too many to tell."""
    if not ids or len(ids) > MOST:
        return Condition(Q(**{column: name}))
    asked = Q(**{f"{column}_id__in": ids})
    return Condition(asked, tuple(run_of(f"{column}_id", each) for each in ids))


def with_value(column: str, value: str) -> Condition:
    return Condition(Q(**{column: value}), (run_of(column, value),))


def run_of(column: str, value: Any, within: Q | None = None) -> Run:
    rows = RequestLog.objects.filter(within) if within else RequestLog.objects.all()
    return Run(rows, ((column, value),))


def with_config(config: str) -> Condition:
    """A config keeps its slug for good; by its id it is found without an index."""
    if is_id(config):
        return Condition(Q(config_id=str(UUID(config))))
    return Condition(Q(config=config), (run_of("config", config, within=WITH_CONFIG),))


def with_cache(statuses: Sequence[str]) -> Condition:
    runs = (run_of("cache_status", each, within=WITH_CACHE) for each in statuses)
    return Condition(Q(cache_status__in=statuses), tuple(runs))


def with_outcome(outcome: str) -> Condition:
    """Those that are not finished have an index; to find one that is takes none."""
    asked = Q(outcome=outcome)
    if outcome == Outcome.FINISHED:
        return Condition(asked)
    return Condition(asked, (run_of("outcome", outcome, within=NOT_FINISHED),))


def with_status(codes: range) -> Iterator[Condition]:
    yield Condition(Q(status=codes[0]) if len(codes) == 1 else Q(status__gte=codes[0], status__lte=codes[-1]))
    if codes[0] >= 400:
        yield Condition(OF_ERRORS, (Run(RequestLog.objects.filter(OF_ERRORS)),))


def with_metadata(key: str, value: str, within: Ids | None) -> Condition:
    """The index begins with the workspace: without one, there is a run for each there is, if they are few."""
    spaces = list(islice(workspaces(), MOST + 1)) if within is None else within
    runs = [
        Run(LogMetadata.objects.all(), (("workspace_id", space), ("key", key), ("value", value)), id="log")
        for space in spaces
    ]
    return Condition(in_row(key, value), tuple(runs) if len(runs) <= MOST else ())


def in_row(key: str, value: str) -> Q:
    """That a row has it. PostgreSQL would join the whole table of values: there the row itself is asked."""
    if connections[ALIAS].vendor == "postgresql":
        told = Func(
            F("metadata"),
            Value(key),
            template="(%(expressions)s)",
            arg_joiner=" ->> ",
            output_field=TextField(),
        )
        return Q(Exact(told, value))
    same = LogMetadata.objects.filter(
        workspace_id=OuterRef("workspace_id"), key=key, value=value, log=OuterRef("pk")
    )
    return Q(Exists(same))


def workspaces() -> Iterator[str]:
    """The ids of the workspaces that calls with metadata came from: a step along the index for each."""
    rows = LogMetadata.objects.order_by("workspace_id").values_list("workspace_id", flat=True)
    space = next(iter(rows[:1]), None)
    while space is not None:
        yield space
        space = next(iter(rows.filter(workspace_id__gt=space)[:1]), None)


def with_id(text: str) -> Condition:
    """The call of this id, and those of this trace: a trace that nobody named has the id of its call."""
    by_trace = run_of("trace_id", text)
    if not is_id(text):
        return Condition(Q(trace_id=text), (by_trace,))
    call = Q(id=UUID(text))
    return Condition(
        Q(trace_id=text) | call, (by_trace, Run(RequestLog.objects.filter(call).exclude(trace_id=text)))
    )
