"""The words and signs of the list of calls: its form, its lines, what is asked at present."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from keys.models import ApiKey, VirtualKey, Workspace
from logs.asking.filters import SPANS, TEXTS, USUAL, YES, Filters
from logs.asking.runs import Count
from logs.models import HITS, KnownModel, Outcome, RequestLog
from logs.story.timeline import lasting
from providers.catalog import PROVIDERS

OFFERED = 100  # names to choose from, for one field; any other can be written
MODELS = 1000  # of which the names of models are gathered
LABELS = {
    "q": "Log id or trace id",
    "since": "From (UTC)",
    "until": "To (UTC)",
    "workspace": "Workspace",
    "api_key": "API key",
    "virtual_key": "Virtual key",
    "provider": "Provider",
    "model": "Model",
    "config": "Config",
    "status": "Status",
    "outcome": "Outcome",
    "rescued": "Rescued",
    "cache": "Cache",
    "metadata": "Metadata",
}
HINTS = {
    "q": "In full; found at any time",
    "workspace": "Slug or id",
    "api_key": "Name or id",
    "virtual_key": "Slug or id",
    "config": "Slug, id, or inline",
    "status": "404 or 4xx",
    "metadata": "key=value",
}
KINDS = {"since": "datetime-local", "until": "datetime-local", "q": "search"}
CHOICES = {
    "outcome": [("", "Any"), *Outcome.choices],
    "rescued": [("", "Any"), (YES, "By a retry or a fallback")],
    "cache": [
        ("", "Any"),
        ("hit", "Answered from it"),
        ("exact", "The very same request"),
        ("semantic", "A request like it"),
        ("miss", "Not found in it"),
        ("refresh", "Stored anew"),
    ],
}
SIGNS = {
    Outcome.FINISHED: "success",
    Outcome.FAILED: "danger",
    Outcome.REFUSED: "warning",
    Outcome.TRUNCATED: "warning",
    Outcome.ABANDONED: "default",
    Outcome.INTERRUPTED: "danger",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form. `kept`: values asked for already, beside the one that can be written."""

    name: str
    label: str
    kind: str
    value: str
    error: str
    hint: str
    offered: list[tuple[str, str]]
    kept: list[str]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to go to, and whether one is there."""

    words: str
    query: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One call of the list."""

    row: RequestLog
    time: str
    result: str
    sign: str
    marks: list[str]  # what was out of the ordinary, though it may have ended well
    tokens: str
    cost: str
    took: str
    trace: str  # the query that finds what has the same trace


def known(user: Any) -> dict[str, list[str]]:
    """Names to choose from, of what the user may see."""
    named: dict[str, tuple[Any, str]] = {
        "workspace": (Workspace, "slug"),
        "api_key": (ApiKey, "name"),
        "virtual_key": (VirtualKey, "slug"),
    }
    names = {
        field: list(
            dict.fromkeys(
                model.objects.visible_to(user).order_by("name").values_list(name, flat=True)[:OFFERED]
            )
        )
        for field, (model, name) in named.items()
        if user.has_perm(f"keys.view_{model._meta.model_name}")
    }
    models = KnownModel.objects.order_by("pk").values_list("model", flat=True)[:MODELS]
    return {**names, "provider": sorted(PROVIDERS), "model": sorted(set(models))[:OFFERED]}


def fields(query: QueryDict, errors: Mapping[str, str], names: Mapping[str, list[str]]) -> list[Field]:
    """The form, filled in as it was."""
    return [field(name, query, errors.get(name, ""), names.get(name, [])) for name in LABELS]


def field(name: str, query: QueryDict, error: str, names: list[str]) -> Field:
    kind = "select" if name in CHOICES else KINDS.get(name, "text")
    value, kept = query.get(name, "").strip(), list[str]()
    if name == "metadata" and not error:
        value, kept = "", [each for each in query.getlist(name) if each.strip()]
    offered = CHOICES.get(name) or [(each, each) for each in names]
    if kind == "datetime-local" and error:
        kind = "text"  # the browser's own field would not show what is wrong
    return Field(name, LABELS[name], kind, value, error, HINTS.get(name, ""), offered, kept)


def spans(filters: Filters | None) -> list[Choice]:
    """The spans of time with a name, each with all else that is asked."""
    asked = filters or Filters(span=USUAL)
    return [
        Choice(words, asked.over(name).query(), bool(filters) and asked.span == name)
        for name, (words, _) in SPANS.items()
    ]


def chips(filters: Filters) -> list[Choice]:
    """What is asked, each with the query that asks all but it."""
    return list(each_chip(filters))


def each_chip(filters: Filters) -> Iterator[Choice]:
    for name in ("since", "until"):
        at = getattr(filters, name)
        if at and not filters.span:
            rest = without(filters, name, None)
            rest = rest if rest.since or rest.until else rest.over(USUAL)
            yield Choice(f"{LABELS[name].removesuffix(' (UTC)')} {clock(at)} UTC", rest.query())
    for name in (*TEXTS, "status", "outcome"):
        if value := getattr(filters, name):
            yield Choice(f"{LABELS[name]}: {value}", without(filters, name, "").query())
    if filters.rescued:
        yield Choice("Rescued", replace(filters, rescued=False).query())
    if filters.cache:
        words = dict(CHOICES["cache"])[filters.cache]
        yield Choice(f"Cache: {words.lower()}", replace(filters, cache="").query())
    for pair in filters.metadata:
        others = tuple(each for each in filters.metadata if each != pair)
        yield Choice(f"{pair[0]} = {pair[1]}", replace(filters, metadata=others).query())
    if filters.search:
        yield Choice(f"Id: {filters.search}", replace(filters, search="").query())


def without(filters: Filters, name: str, nothing: Any) -> Filters:
    changed: dict[str, Any] = {name: nothing}
    return replace(filters, **changed)


def line(row: RequestLog) -> Line:
    return Line(
        row,
        clock(row.created_at),
        " · ".join(filter(None, (row.get_outcome_display(), str(row.status or "")))),
        sign(row),
        list(marks(row)),
        f"{row.total_tokens:,}" if row.total_tokens else "",
        cost(row),
        lasting(row.total_ms) if row.total_ms is not None else "",
        urlencode({"q": row.trace_id}),
    )


def sign(row: RequestLog) -> str:
    """The colour of how it went; an answer that is the provider's error is none that went well."""
    if row.outcome == Outcome.FINISHED and (row.status or 0) >= 400:
        return "danger"
    return SIGNS.get(Outcome(row.outcome), "default") if row.outcome in Outcome.values else "default"


def marks(row: RequestLog) -> Iterator[str]:
    """In a word each; `tries` are counted by the database, see logs/pages/listing.py."""
    if row.rescued:
        yield "rescued"
    if row.cache_status in HITS:
        yield "semantic hit" if row.cache_status == HITS[1] else "cache hit"
    if (number := getattr(row, "tries", 0) or 0) > 1:
        yield f"{number} attempts"


def cost(row: RequestLog) -> str:
    return "" if row.cost is None else f"{row.cost.normalize():f}"


def counted(count: Count) -> str:
    """How many there are, as far as that is known."""
    calls = "request" if count.number == 1 else "requests"
    if not count.more:
        return f"{count.number:,} {calls}"
    return f"More than {count.number:,} {calls}" if count.number else ""


def clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
