"""The calls that the list shows, all of them, as a file: `export/?as=csv|jsonl&<the query of the list>`.

Whoever may see the log may take it along. The rows are read batch by batch, each by a statement of its own,
and no connection is kept while the client reads; after every few rows the worker's other calls have their
turn. An answer that ends in good order is whole: whatever goes wrong on the way breaks the connection.

Two events of the audit log tell of each export: what was asked for, before the first row leaves, and how many
rows have left, when it ends. What a row looks like is logs/asking/export.py's.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import close_old_connections
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET

from audit import actors
from audit.actors import Actor
from audit.models import Action
from audit.trail import event
from logs.asking import filters, queries
from logs.asking.export import CSV_HEAD, csv_lines, json_line, json_lines
from logs.asking.filters import Filters, Unreadable
from logs.models import LogBody, RequestLog
from logs.story.turns import give

BATCH = 100  # rows of one statement: Django makes objects of all of them at once, some 5 ms
PIECE = 20  # rows between two turns of the others, some 2 ms

Rows = Iterable[RequestLog]


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of file: its name's ending, what it begins with, and its lines for some rows."""

    ending: str
    content_type: str
    head: bytes
    lines: Callable[[Rows], bytes]
    piece: int = PIECE


def lines_with_bodies(rows: Rows) -> bytes:
    return b"".join(json_line(row, LogBody.objects.filter(log=row.id)) for row in rows)


CSV = Form("csv", "text/csv; charset=utf-8", CSV_HEAD, csv_lines)
JSONL = Form("jsonl", "application/jsonl; charset=utf-8", b"", json_lines)
BODIES = Form("jsonl", JSONL.content_type, b"", lines_with_bodies, piece=1)


def urls(admin: Any) -> list[URLPattern]:
    """For logs/admin.py: the address of the export, of `admin`, which knows who may see the log."""

    @require_GET
    def view(request: HttpRequest) -> HttpResponseBase:
        if not admin.has_view_permission(request):
            raise PermissionDenied
        return export(request, admin.get_queryset(request))

    return [path("export/", admin.admin_site.admin_view(view), name="logs_requestlog_export")]


def export(request: HttpRequest, among: QuerySet[RequestLog]) -> HttpResponseBase:
    """The file, of rows `among` those the user may see; 400, in words, where the query cannot be read."""
    query = request.GET.copy()
    asked = [str(query.pop(name, [""])[-1]) for name in ("as", "bodies")]
    try:
        form, wanted = form_of(*asked), filters.read(query, timezone.now())
    except Unreadable as error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")
    exported = Export(form, wanted, among, actors.current())
    exported.begun(query.urlencode())
    response = StreamingHttpResponse(exported.pieces(), content_type=form.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{exported.file}"'
    return response


def form_of(kind: str, bodies: str) -> Form:
    match kind, bodies:
        case "csv", "":
            return CSV
        case "jsonl", "":
            return JSONL
        case "jsonl", "yes":
            return BODIES
    raise Unreadable({"as": "Ask for as=csv, as=jsonl, or as=jsonl&bodies=yes."})


@dataclass(slots=True)
class Export:
    """One export on its way, for `actor`. `rows`: how many have left so far, or were about to."""

    form: Form
    wanted: Filters
    among: QuerySet[RequestLog]
    actor: Actor
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    rows: int = 0

    @property
    def span(self) -> str:
        since, until = self.wanted.since, self.wanted.until
        return f"{stamp(since) if since else 'the beginning'} to {stamp(until) if until else 'now'}"

    @property
    def file(self) -> str:
        return f"calls {self.span}.{self.form.ending}".replace(" ", "-")

    def begun(self, query: str) -> None:
        bodies = self.form is BODIES
        self.tell(self.span, {"query": query, "as": self.form.ending, "bodies": bodies})

    def pieces(self) -> Iterator[bytes]:
        """The file, a few rows at a time. The events' second is left however this ends."""
        whole = False
        try:
            yield self.form.head
            for batch in queries.batches(self.wanted, BATCH, self.among):
                yield from self.pieces_of(batch)
            whole = True
        finally:
            said = "all of them" if whole else "broken off"
            self.tell(f"{self.span}: {self.rows:,} calls, {said}", {"rows": self.rows, "whole": whole})

    def pieces_of(self, batch: Sequence[RequestLog]) -> Iterator[bytes]:
        for start in range(0, len(batch), self.form.piece):
            rows = batch[start : start + self.form.piece]
            lines = self.form.lines(rows)
            self.rows += len(rows)
            close_old_connections()  # a client that reads slowly keeps none
            give()
            yield lines

    def tell(self, name: str, facts: dict[str, Any]) -> None:
        """An event of the audit log: both of one export have its id."""
        changes = {fact: [None, value] for fact, value in facts.items()}
        event(
            Action.EXPORT, kind="request_log", id=self.id, name=name, changes=changes, actor=self.actor
        ).save()


def stamp(moment: datetime) -> str:
    """A time that may stand in the name of a file."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H%MZ}"
