"""Requests to price past calls anew: how one is made, found, and told to the audit log.

A request is a row of Repricing and an empty file of its name under `journal/repricing/`: files tell without a
query whether there is anything to do, and on which machine it was asked for. The ingester does it
(logs/repricing/beside.py); this here is for whoever asks, and imports no prices.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit import actors
from audit.actors import SYSTEM, Actor
from audit.models import Action
from audit.states import Changes
from audit.trail import event
from logs.models import Repricing
from logs.routing import ALIAS

FOLDER = "repricing"
LOST_SECONDS = 60.0  # a file whose row is not there by then is of a request that failed


def ask(repricing: Repricing, journal: Path) -> None:
    """Save a request, and leave word of it for the ingester that reads `journal`."""
    repricing.asked_by = actors.current().name
    with transaction.atomic(), transaction.atomic(using=ALIAS):
        repricing.save(force_insert=True)
        tell(Action.CREATE, repricing, {"only_unpriced": [None, repricing.only_unpriced]})
        folder = journal / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / str(repricing.pk)).touch(mode=0o600)


def asked(journal: Path) -> Iterator[Repricing]:
    """The requests that are not done yet, the oldest first."""
    for file in sorted((journal / FOLDER).glob("*")):
        found = Repricing.objects.filter(pk=file.name).first() if is_id(file.name) else None
        if found is not None and found.state != Repricing.State.DONE:
            yield found
        elif found is not None or time.time() - file.stat().st_mtime > LOST_SECONDS:
            file.unlink(missing_ok=True)


def is_id(name: str) -> bool:
    """Whether a file can be of a request; nobody knows what else gets into a folder."""
    try:
        return bool(UUID(name))
    except ValueError:
        return False


def is_asked(journal: Path) -> bool:
    """Whether there may be one."""
    return next((journal / FOLDER).glob("*"), None) is not None


def end(repricing: Repricing, journal: Path) -> None:
    """All of its calls have been looked at."""
    repricing.state, repricing.ended_at = Repricing.State.DONE, timezone.now()
    with transaction.atomic(), transaction.atomic(using=ALIAS):
        repricing.save()
        tell(Action.UPDATE, repricing, totals(repricing), SYSTEM)
    (journal / FOLDER / str(repricing.pk)).unlink(missing_ok=True)


def tell(action: str, repricing: Repricing, changes: Changes, actor: Actor | None = None) -> None:
    """Leave an event, by whoever acts now unless it is said who."""
    event(
        action,
        kind=Repricing.kind,
        id=str(repricing.pk),
        name=str(repricing),
        changes=changes,
        actor=actor,
    ).save()


def totals(repricing: Repricing) -> Changes:
    return {
        "looked": [None, repricing.looked],
        "changed": [None, repricing.changed],
        "cost": [f"{repricing.cost_before:f}", f"{repricing.cost_after:f}"],
    }
