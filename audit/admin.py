"""The audit log to look at: a list, newest first, and a page for each event. Nothing can be changed here.

The table is never counted: pages go back some way, and filters and search find the rest.
"""

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from audit import people
from audit.lists import ListAdmin
from audit.models import AuditEvent, AuditEventQuerySet, in_words
from audit.states import kind_of

USUAL_DAYS = "7"
SPANS = (("1", "Past day"), ("7", "Past 7 days"), ("30", "Past 30 days"), ("365", "Past year"))
ALWAYS = ("all", "Any time")


class Span(admin.SimpleListFilter):
    """How far back the list goes; what is not chosen is a week."""

    title = "time"
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*SPANS, ALWAYS]

    def value(self) -> str:
        given = super().value()
        return given if given in dict([*SPANS, ALWAYS]) else USUAL_DAYS

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Django's, without its first: there is always a choice."""
        _, *rest = super().choices(changelist)
        yield from rest

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if (days := self.value()) == ALWAYS[0]:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - timedelta(days=int(days)))


class ObjectKind(admin.SimpleListFilter):
    """What can be audited, told by the models there are: to ask the table would be to read all of it."""

    title = "kind of object"
    parameter_name = "object_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = {kind_of(model) for model in apps.get_models() if is_audited(model)}
        return sorted((kind, in_words(kind)) for kind in kinds)

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(object_kind=self.value()) if self.value() else queryset


def is_audited(model: type[Model]) -> bool:
    return model in people.AUDITED or isinstance(getattr(model, "kind", None), str)


@admin.register(AuditEvent)
class AuditEventAdmin(ListAdmin):
    list_display = ("when", "who", "actor_kind", "action", "what", "object", "address")
    list_filter = (Span, "actor_kind", "action", ObjectKind)
    search_fields = ("actor", "object")
    search_help_text = "How the name of who acted, or of what was changed, begins; or an object's id in full."
    ordering = ("-created_at", "-id")
    list_per_page = 50
    actions = None
    fieldsets = (
        (None, {"fields": ("sentence", "when", "table")}),
        ("Who", {"fields": (("who", "actor_kind"), ("actor_id", "address"))}),
        ("What", {"fields": (("object", "what"), ("object_id", "workspace_id"))}),
    )
    readonly_fields = ("sentence", "when", "table", "who", "what")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        assert isinstance(queryset, AuditEventQuerySet)
        term = search_term.strip().replace("\0", "")
        return (queryset.named(term) if term else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="who")
    def who(self, event: AuditEvent) -> str:
        return event.actor or "somebody"

    @admin.display(description="time (UTC)", ordering="created_at")
    def when(self, event: AuditEvent) -> str:
        return f"{event.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="kind of object")
    def what(self, event: AuditEvent) -> str:
        return in_words(event.object_kind)

    @admin.display(description="what happened")
    def sentence(self, event: AuditEvent) -> str:
        return f"{event}."

    @admin.display(description="changes")
    def table(self, event: AuditEvent) -> str:
        """Text in cells of ours: what somebody called a key is never markup."""
        rows = [(in_words(name), *shown(pair)) for name, pair in sorted(event.changes.items())]
        return render_to_string("audit/changes.html", {"rows": rows})


def shown(pair: list[Any]) -> tuple[str, str]:
    """Before and after, as text. Of a secret with one and the same hint it is said that it is another."""
    before, after = pair
    if before is not None and before == after:
        return text(before), f"{text(after)} (another)"
    return text(before), text(after)


def text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
