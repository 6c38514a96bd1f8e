"""Changes that every process must see, how it learns of them, and the audit log's word of each.

One row holds a generation. Whoever changes what the directory keeps raises it first, so that the row's lock
makes the numbers commit in order, and leaves `(generation, kind, id)` for each thing changed. A process that
has seen generation n needs what is newer than n, and nothing else. Which kinds there are is up to the apps:
any row with a `kind` can be changed.

Each object that is not what it was is told to the audit log in the same transaction (audit/trail.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from audit.trail import Recording, gathered
from keys.models import Change, Installation
from keys.models.base import Row

KEPT = timedelta(hours=1)  # a process that was away longer rereads everything
PRUNED_EVERY = 100  # generations


class Changed:
    """What a transaction has changed so far."""

    def __init__(self, objects: tuple[Row, ...], action: str) -> None:
        self.objects: set[tuple[str, str]] = set()
        self.recording = gathered.get() or Recording(action=action)
        self.recording.watch(*objects)
        self._note(objects)

    def add(self, *objects: Row) -> None:
        """What was only made on the way."""
        self.recording.made(*objects)
        self._note(objects)

    def _note(self, objects: tuple[Row, ...]) -> None:
        # A deleted row has lost its key by the end, so it is taken now.
        self.objects |= {(changed.kind, str(changed.pk)) for changed in objects}


@contextmanager
def changing(*objects: Row, action: str = "") -> Iterator[Changed]:
    """A transaction that changes `objects`, none of which need be saved yet.

    `action` is what the audit log calls it, where that cannot be seen from the rows: see `Recording`.
    """
    with transaction.atomic():
        generation = raise_generation()
        changed = Changed(objects, action)
        yield changed
        if changed.recording is not gathered.get():  # else its own end tells of all at once
            changed.recording.leave()
        leave(generation, changed.objects)
        if generation % PRUNED_EVERY == 0:
            prune()


def raise_generation() -> int:
    """The number of this transaction; others wait for it to end before they get theirs."""
    installations = Installation.objects
    if not installations.update(generation=F("generation") + 1):
        installations.current()
        installations.update(generation=F("generation") + 1)
    return installations.values_list("generation", flat=True).get()


def wait_for_turn() -> None:
    """Until the transaction ends nobody else changes anything: what is read from here on stays true."""
    Installation.objects.select_for_update().values_list("pk").first()


def leave(generation: int, objects: set[tuple[str, str]]) -> None:
    Change.objects.bulk_create(
        [Change(generation=generation, kind=kind, object_id=changed) for kind, changed in sorted(objects)]
    )


def prune() -> None:
    """Forget old changes, and note up to where."""
    old = Change.objects.filter(created_at__lt=timezone.now() - KEPT)
    if (last := old.aggregate(last=Max("generation"))["last"]) is not None:
        old.filter(generation__lte=last).delete()
        Installation.objects.update(pruned=last)


def change_all(rows: QuerySet[Any], **values: Any) -> None:
    """Give all these rows the same values. They have a `kind` and an `updated_at`."""
    with changing(*rows):
        rows.update(updated_at=timezone.now(), **values)
