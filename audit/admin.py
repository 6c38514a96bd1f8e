"""The audit log to look at: a list, newest first, and a page for each event. Nothing can be changed here.

The table is never counted: pages go back some way, and filters and search find the rest.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string

from audit.admin_filters import ObjectKind, Span
from audit.lists import ListAdmin
from audit.models import AuditEvent, AuditEventQuerySet, in_words

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+\d\d:\d\d|Z)\Z")  # as a change keeps one


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
    return moment(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def moment(told: str) -> str:
    """A time as the rest of the page writes them; what is none, a name that looks like one too, as it is."""
    if not TIME.match(told):
        return told
    try:
        return f"{datetime.fromisoformat(told).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):
        return told
