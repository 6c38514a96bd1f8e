"""The end of a transition: the credential before the present one is forgotten.

Somebody says so (the admin's button), or its time is up: then it is refused at once wherever it is shown,
and `forget_expired`, which the ingester calls, takes it out of the database.
"""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from audit.models import Action
from keys.changes import changing
from keys.models import ApiKey, Integration

BATCH = 100  # rows of one transaction

Holder = ApiKey | Integration
HOLDERS: tuple[type[Holder], ...] = (ApiKey, Integration)


def end(row: Holder) -> bool:
    """Forget the credential before this row's, at once; False if there is none any more."""
    with changing(row, action=Action.FORGET):
        row.refresh_from_db()  # under the lock of the generation: it may have been replaced meanwhile
        return forget(row)


def forget_expired() -> int:
    """Wipe what no longer works; how many had it. Where nothing is due it costs two indexed looks."""
    now = timezone.now()
    return sum(forget_due(holder, now) for holder in HOLDERS)


def forget_due(holder: type[Holder], now: datetime) -> int:
    done = 0
    while batch := list(due(holder, now)[:BATCH]):
        with changing(*batch, action=Action.FORGET):
            rows = due(holder, now).filter(
                pk__in=[row.pk for row in batch]
            )  # not what was replaced meanwhile
            done += sum(forget(row) for row in rows)
    return done


def due(holder: type[Holder], now: datetime) -> QuerySet[Any]:
    return holder._default_manager.filter(previous_until__lte=now).order_by("previous_until")


def forget(row: Holder) -> bool:
    if row.previous_until is None:
        return False
    row.forget_previous()
    row.save(update_fields=[*row.OF_PREVIOUS, "updated_at"])
    return True
