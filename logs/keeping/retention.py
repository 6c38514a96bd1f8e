"""How long calls are kept: LOG_RETENTION_DAYS, which the ingester sees to by itself, a little at a time.

logs/keeping/pruning.py removes; here is when, and what the audit log is told. Nothing else deletes calls.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from audit.actors import SYSTEM, Actor
from audit.models import Action
from audit.states import Changes
from audit.trail import event
from logs.keeping.pruning import Busy, Pruning, Removed
from logs.models import RequestLog

EVERY_SECONDS = 3600.0
AGAIN_SECONDS = 60.0  # after the database was away, or a month held
TURN_SECONDS = 0.25  # of removing, between two looks at the journal
STAMP = "pruned"  # the file that is touched when removing begins

logger = logging.getLogger(__name__)


def kept_since(now: datetime) -> datetime | None:
    """The moment before which calls are not kept; None where they are kept for ever."""
    days = settings.LOG_RETENTION_DAYS
    return now - timedelta(days=days) if days else None


def is_due(folder: Path) -> bool:
    """Whether it is time to remove what is too old, as far as the journal's `folder` tells."""
    if not settings.LOG_RETENTION_DAYS:
        return False
    try:
        return time.time() - (folder / STAMP).stat().st_mtime >= EVERY_SECONDS
    except FileNotFoundError:
        return True


class Retention:
    """Removing as the ingester does it: at its start and every hour, in turns between its looks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.next_at = 0.0
        self.pruning: Pruning | None = None
        self.steps: Iterator[float] = iter(())

    @property
    def is_busy(self) -> bool:
        """Whether the next turn has something to do."""
        return self.pruning is not None and time.monotonic() >= self.next_at

    def turn(self) -> None:
        """Remove for a moment, if anything is to be removed. What cannot be done is tried again later."""
        if time.monotonic() < self.next_at:
            return
        try:
            self.pruning = self.pruning or self.begun()
            if self.pruning is not None and self.stepped():
                tell(self.pruning, SYSTEM)
                self.pruning, self.next_at = None, time.monotonic() + EVERY_SECONDS
        except (DatabaseError, InterfaceError, OSError, Busy) as error:
            logger.warning("What is older than LOG_RETENTION_DAYS waits: %s", error)
            self.steps = self.pruning.steps() if self.pruning is not None else iter(())
            self.next_at = time.monotonic() + AGAIN_SECONDS
            connections.close_all()

    def begun(self) -> Pruning | None:
        since = kept_since(timezone.now())
        if since is None:
            return None
        (self.folder / STAMP).touch(mode=0o600)
        pruning = Pruning(since, self.folder / "refused")
        self.steps = pruning.steps()
        return pruning

    def stepped(self) -> bool:
        """Take steps for a moment; True if there are no more."""
        until = time.monotonic() + TURN_SECONDS
        return all(not wait and time.monotonic() < until for wait in self.steps)

    def close(self) -> None:
        """Tell of what was removed so far; the rest goes the next time."""
        if self.pruning is not None:
            try:
                tell(self.pruning, SYSTEM)
            except (DatabaseError, InterfaceError):
                logger.exception("The audit log was not told what was removed: %s", self.pruning.removed)


def tell(pruning: Pruning, actor: Actor | None = None) -> None:
    """Leave an event of what was removed, if anything was, by whoever acts now unless it is said who."""
    if pruning.removed:
        name = f"before {in_words(pruning.before)}"
        event(
            Action.DELETE,
            kind=RequestLog.kind,
            id="",
            name=name,
            changes=changes(pruning.removed),
            actor=actor,
        ).save()


def in_words(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def changes(removed: Removed) -> Changes:
    """Each number that was, and is no more."""
    told = {name.replace("_", " "): value for name, value in asdict(removed).items() if value}
    return {
        name: [", ".join(value) if isinstance(value, list) else value, None] for name, value in told.items()
    }
