"""What the list of audit events is filtered by: a span of time, and the kind of object that was changed."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from unfold.widgets import INPUT_CLASSES

from audit import people
from audit.models import AuditEvent, in_words
from audit.states import kind_of

USUAL_DAYS = "7"
SPANS = (("1", "Past day"), ("7", "Past 7 days"), ("30", "Past 30 days"), ("365", "Past year"))
ALWAYS = ("all", "Any time")
SINCE, UNTIL = "since", "until"
WITHOUT_A_MODEL = {"audit_log", "pause"}  # kinds of events that are about no row

UNREADABLE = "There is no such time as “{}”: write it as 2026-11-22, or as 2026-11-22 14:30, in UTC."
BACKWARDS = "This span of time ends before it begins, so nothing is in it."


class Span(admin.SimpleListFilter):
    """How far back the list goes, or from when to when; what is not chosen is a week."""

    title = "time"
    parameter_name = "days"
    template = "audit/span.html"
    input_classes = " ".join(INPUT_CLASSES)
    others: list[tuple[str, str]]  # what else the list is asked, for the form to ask again

    def __init__(self, request: HttpRequest, params: Any, model: type[Model], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        given = {name: params.pop(name)[-1].strip()[:40] for name in (SINCE, UNTIL) if name in params}
        self.between = {name: text for name, text in given.items() if text}
        self.used_parameters |= self.between

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name, SINCE, UNTIL]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*SPANS, ALWAYS]

    def value(self) -> str:
        """The days of a span, and "" for one of two moments."""
        given = super().value()
        if self.between:
            return ""
        return given if given in dict([*SPANS, ALWAYS]) else USUAL_DAYS

    def choices(self, changelist: Any) -> Iterator[Any]:
        mine = {self.parameter_name, SINCE, UNTIL}
        self.others = [(name, text) for name, text in changelist.params.items() if name not in mine]
        for days, words in [*SPANS, ALWAYS]:
            yield {
                "selected": self.value() == days,
                "query_string": changelist.get_query_string({self.parameter_name: days}, [SINCE, UNTIL]),
                "display": words,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """What cannot be read as a time is said, and then nothing is found rather than too much."""
        if not self.between:
            return self.of_days(queryset)
        try:
            since, until = (moment(self.between.get(name, ""), name) for name in (SINCE, UNTIL))
        except ValueError as error:
            messages.error(request, str(error))
            return queryset.none()
        if since and until and until <= since:
            messages.error(request, BACKWARDS)
            return queryset.none()
        found = queryset.filter(created_at__gte=since) if since else queryset
        return found.filter(created_at__lt=until) if until else found

    def of_days(self, events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if (days := self.value()) == ALWAYS[0]:
            return events
        return events.filter(created_at__gte=timezone.now() - timedelta(days=int(days)))


def moment(text: str, name: str) -> datetime | None:
    """A time in UTC, None for "". A day is its beginning, or where a span ends with it, its end.

    Raises ValueError, which says in words what is wrong.
    """
    if not text:
        return None
    try:
        at, day = parse_datetime(text), parse_date(text)
        if day is not None:
            at = datetime.combine(day, time(), UTC) + timedelta(days=name == UNTIL)
    except (ValueError, OverflowError):  # well formed, and in no calendar
        at = None
    if at is None:
        raise ValueError(UNREADABLE.format(text))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class ObjectKind(admin.SimpleListFilter):
    """What can be audited, told by the models there are: to ask the table would be to read all of it."""

    title = "kind of object"
    parameter_name = "object_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = {kind_of(model) for model in apps.get_models() if is_audited(model)} | WITHOUT_A_MODEL
        return sorted((kind, in_words(kind)) for kind in kinds)

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(object_kind=self.value()) if self.value() else queryset


def is_audited(model: type[Model]) -> bool:
    return model in people.AUDITED or isinstance(getattr(model, "kind", None), str)
