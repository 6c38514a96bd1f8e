"""Removing old audit events: nothing but this does, by an operator's word, and it leaves an event itself.

The database refuses to delete an event (audit/append_only.py). The refusal is lifted and set again inside the
transaction that deletes, so that nobody else meets a table without it and what breaks off leaves it in place.
Lifting it takes who owns the table, as a migration does; no page and no part of the API leads here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction

from audit.append_only import SQLITE, TABLE
from audit.models import Action, AuditEvent, AuditEventQuerySet
from audit.trail import event

BATCH = 2000  # events of one transaction, so that others need not wait for long

# By vendor: what lifts the refusal to delete, and what sets it again.
REFUSAL: dict[str, tuple[str, str]] = {
    "sqlite": ("DROP TRIGGER audit_no_delete", next(each for each in SQLITE if "audit_no_delete " in each)),
    "postgresql": (
        f"ALTER TABLE {TABLE} DISABLE TRIGGER audit_append_only",
        f"ALTER TABLE {TABLE} ENABLE TRIGGER audit_append_only",
    ),
}


def prune(before: datetime) -> Iterator[int]:
    """Remove the events older than `before`, oldest first; after each batch, how many it had.

    Each batch leaves an event in its own transaction that tells how many went, and from when they were.
    """
    while removed := prune_batch(before):
        yield removed


def prune_batch(before: datetime) -> int:
    with transaction.atomic():
        rows = list(older(before).order_by("created_at", "id").values_list("id", "created_at")[:BATCH])
        if rows:
            with lifted():
                models.QuerySet.delete(AuditEvent.objects.filter(id__in=[pk for pk, _ in rows]))
            leave(before, [at for _, at in rows])
    return len(rows)


def older(before: datetime) -> AuditEventQuerySet:
    found: AuditEventQuerySet = AuditEvent.objects.filter(created_at__lt=before)
    return found


@contextmanager
def lifted() -> Iterator[None]:
    """Where events can be deleted. Left by an exception, the transaction's end sets the refusal again."""
    lifting, setting = REFUSAL[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(lifting)
        yield
        cursor.execute(setting)


def leave(before: datetime, times: list[datetime]) -> None:
    told: dict[str, list[Any]] = {
        "events": [len(times), None],
        "oldest": [times[0].isoformat(), None],
        "newest": [times[-1].isoformat(), None],
    }
    name = f"before {before:%Y-%m-%d %H:%M} UTC"
    event(Action.PRUNE, kind="audit_log", id="", name=name, changes=told).save()
