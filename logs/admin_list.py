"""The list of calls in the admin. It never touches a body and never counts the table."""

import contextlib
import uuid
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse

from keys.admin_changes import ReadOnlyAdmin
from logs.models import RequestLog

REACHABLE = 10_000  # rows by paging; beyond, by filters and search


class Uncounted(Paginator):  # type: ignore[type-arg]
    """Counts only as far as pages go: a full count takes seconds on a large table."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows.order_by()[:REACHABLE].count()


class CallList(ReadOnlyAdmin):
    list_display = (
        "created_at",
        "outcome",
        "status",
        "workspace",
        "api_key",
        "virtual_key",
        "model",
        "total_tokens",
        "cost_usd",
        "total_ms",
    )
    list_filter = ("outcome", "pricing", "stream")
    search_fields = ("trace_id",)
    search_help_text = "A trace id, or the id of a call, in full."
    ordering = ("-id",)
    list_per_page = 50
    show_full_result_count = False
    paginator = Uncounted
    actions = None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[RequestLog], search_term: str
    ) -> tuple[QuerySet[RequestLog], bool]:
        """Whole ids only: both have an index."""
        if not (term := search_term.strip()):
            return queryset, False
        found = Q(trace_id=term)
        with contextlib.suppress(ValueError):  # not every trace id is a UUID
            found |= Q(id=uuid.UUID(term))
        return queryset.filter(found), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        folder = settings.DATA_DIR / "journal" / "refused"
        if (refused := sum(1 for _ in folder.glob("*.json"))) and self.has_view_permission(request):
            messages.warning(
                request, f"The database refused {refused} rows; they were set aside in {folder}."
            )
        return super().changelist_view(request, extra_context)
