"""The request log to look at: a list, and a page for each call with its bodies, all of it as text.

Nothing can be added, changed or deleted here. The list never touches a body and never counts the table.
"""

import contextlib
import uuid
import zlib
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from keys.admin_changes import ReadOnlyAdmin
from logs.models import BodyKind, LogBody, RequestLog

REACHABLE = 10_000  # rows by paging; beyond, by filters and search
SHOWN = 1 << 20  # bytes of a body
ORDER = {kind: place for place, kind in enumerate(BodyKind.values)}


class Uncounted(Paginator):  # type: ignore[type-arg]
    """Counts only as far as pages go: a full count takes seconds on a large table."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows.order_by()[:REACHABLE].count()


@admin.register(RequestLog)
class RequestLogAdmin(ReadOnlyAdmin):
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
    fieldsets = (
        (None, {"fields": ("id", "created_at", "outcome", "status", "finish")}),
        ("Error", {"fields": ("error_type", "error_code", "error_message")}),
        (
            "Who",
            {
                "fields": (
                    ("organisation", "workspace", "workspace_id"),
                    ("api_key", "api_key_id"),
                    ("client_address", "sdk"),
                    "metadata",
                )
            },
        ),
        (
            "What",
            {
                "fields": (
                    ("method", "endpoint", "fn"),
                    ("dialect", "stream"),
                    ("virtual_key", "virtual_key_id", "integration"),
                    ("provider", "model", "model_answered"),
                    "attempts",
                    ("retry_count", "option_index", "cache_status"),
                    "ignored",
                )
            },
        ),
        (
            "Usage and cost",
            {
                "fields": (
                    ("usage_source", "total_tokens"),
                    ("input_tokens", "cache_read_tokens", "cache_write_tokens", "audio_input_tokens"),
                    ("output_tokens", "reasoning_tokens", "audio_output_tokens"),
                    ("cost_usd", "pricing"),
                )
            },
        ),
        ("Time", {"fields": (("first_byte_ms", "total_ms", "gateway_ms"),)}),
        ("Trace", {"fields": ("trace_id", ("span_id", "span_name", "parent_span_id"))}),
        ("Bodies", {"fields": ("bodies",)}),
    )
    readonly_fields = ("cost_usd", "bodies")

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

    @admin.display(description="cost (USD)", ordering="cost")
    def cost_usd(self, log: RequestLog) -> str:
        return "unknown" if log.cost is None else f"{log.cost.normalize():f}"

    @admin.display(description="")
    def bodies(self, log: RequestLog) -> SafeString:
        """Each body as text between tags of ours: what a model or a client wrote is never markup."""
        kept = sorted(LogBody.objects.filter(log=log.id), key=lambda body: ORDER.get(body.kind, len(ORDER)))
        if not kept:
            return format_html("{}", "No body was kept.")
        return format_html_join(
            "", "<h3>{}</h3><pre style='{}'>{}</pre>", ((title(b), WRAPPED, text(b)) for b in kept)
        )


WRAPPED = "white-space: pre-wrap; overflow-wrap: anywhere"


def title(body: LogBody) -> str:
    cut = ", cut" if body.cut else ""
    return f"{body.kind} ({body.size:,} bytes{cut})"


def text(body: LogBody) -> str:
    """The body, read as UTF-8; what is none shows as such."""
    return zlib.decompressobj().decompress(bytes(body.content), SHOWN).decode(errors="replace")
