"""The list of calls in the admin: what is asked of it is in its address, and asking/queries.py reads it.

It never touches a body and never counts the table. Whoever may see the log may see it; it cannot be written
to. What it says is put in words by logs/pages/listed.py.
"""

from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Func, IntegerField, QuerySet
from django.http import HttpRequest, QueryDict
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from keys.admin_changes import ReadOnlyAdmin
from logs.asking import filters, queries
from logs.health import beside_the_loop, set_aside_count
from logs.models import RequestLog
from logs.pages import listed
from logs.story.turns import in_turns
from logs.story.visible import visible

PAGE = 50
COLUMNS = (  # of a row, that the list shows
    "id",
    "created_at",
    "workspace",
    "api_key",
    "virtual_key",
    "provider",
    "model",
    "status",
    "outcome",
    "rescued",
    "cache_status",
    "total_tokens",
    "cost",
    "total_ms",
    "trace_id",
)


class CallList(ReadOnlyAdmin):
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        tell_of_refused(request)
        found = asked(request.GET, self.get_queryset(request))
        context = {
            **self.admin_site.each_context(request),
            "title": "Requests",
            "opts": self.opts,
            "fields": listed.fields(request.GET, found["errors"], listed.known(request.user)),
            **found,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "logs/list.html", context)


def tell_of_refused(request: HttpRequest) -> None:
    if refused := beside_the_loop(partial(set_aside_count, settings.DATA_DIR / "journal")):
        words = 'Not in the log: <a href="{}">{} that were set aside</a>.'
        journal = reverse("admin:logs_requestlog_journal")
        messages.warning(request, format_html(words, journal, f"{refused:,}"))


def asked(query: QueryDict, among: QuerySet[RequestLog]) -> dict[str, Any]:
    """What `query` asks for, or what is wrong with it."""
    try:
        wanted = filters.read(query, timezone.now())
    except filters.Unreadable as wrong:
        return {"errors": wrong.errors, "spans": listed.spans(None)}
    before, after = cursor(query.get("before")), cursor(query.get("after"))
    page = queries.page(wanted, before=before, after=after, size=PAGE, among=shown(among))
    return {
        "errors": {},
        "page": page,
        "calls": list(in_turns(map(written, page.rows))),
        "counted": listed.counted(queries.count(wanted, among)),
        "chips": listed.chips(wanted),
        "spans": listed.spans(wanted),
        "query": wanted.query(),
        "everywhere": wanted.over("all").query(),
        "span": wanted.span,
        "turned": before or after,
    }


def shown(among: QuerySet[RequestLog]) -> QuerySet[RequestLog]:
    """Rows as the list shows them: their attempts, which may be many, are counted and not read."""
    return among.only(*COLUMNS).annotate(tries=Length("attempts"))


class Length(Func):
    """How many a JSON list has; none where it is no list."""

    function = "JSON_ARRAY_LENGTH"
    on_postgresql = (
        "CASE jsonb_typeof(%(expressions)s) WHEN 'array' THEN jsonb_array_length(%(expressions)s) END"
    )
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template=self.on_postgresql, **more)


def written(row: RequestLog) -> SafeString:
    """The line of a call; a page of them at once would keep the worker's other calls waiting."""
    return SafeString(visible(render_to_string("logs/list/line.html", {"call": listed.line(row)})))


def cursor(text: str | None) -> UUID | None:
    """The id that a link of the list leads on from; None for what is none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
