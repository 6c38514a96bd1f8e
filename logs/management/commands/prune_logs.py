"""`manage.py prune_logs`: remove calls that are too old. The ingester does so by itself, hour by hour."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from logs import partitions
from logs.keeping import shrinking
from logs.keeping.pruning import Busy, Pruning
from logs.keeping.retention import in_words, kept_since, tell
from logs.models import RequestLog
from logs.routing import ALIAS

LONGEST_REST = 0.25  # seconds

FOR_EVER = "Calls are kept for ever: LOG_RETENTION_DAYS is not set. Name --days or --before to remove some."
RIGID = (
    "The file of the log was made before it could shrink: room is used again, but not given back. To have it"
    " written anew once, run `manage.py prune_logs --vacuum`; it needs as much room again as the calls that"
    " are kept, and calls wait in the journal meanwhile."
)


class Command(BaseCommand):
    help = (
        "Removes calls older than LOG_RETENTION_DAYS, or than what is named, from the request log for good."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        when = parser.add_mutually_exclusive_group()
        when.add_argument("--days", type=int, help="remove what is older than so many days")
        when.add_argument(
            "--before", help="remove what is older than a date (2026-01-31, UTC) or time (ISO 8601)"
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
        parser.add_argument(
            "--vacuum", action="store_true", help="write SQLite's file anew, so that it can shrink"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        before = moment(options["days"], options["before"])
        if before is None:
            self.stdout.write(FOR_EVER)
        elif options["dry_run"]:
            self.foretell(before)
        else:
            self.remove(before)
        if options["vacuum"] and not options["dry_run"]:
            shrinking.make_shrinkable(connections[ALIAS])
        if not shrinking.is_shrinkable(connections[ALIAS]):
            self.stdout.write(RIGID)

    def foretell(self, before: datetime) -> None:
        calls = RequestLog.objects.filter(id__lt=partitions.lowest_id(before)).count()
        months = partitions.months_before(connections[ALIAS], before)
        whole = f", and with them the partitions of {', '.join(months)}" if months else ""
        self.stdout.write(f"{calls} calls before {in_words(before)} would be removed{whole}.")

    def remove(self, before: datetime) -> None:
        pruning = Pruning(before, settings.DATA_DIR / "journal" / "refused", thorough=True)
        try:
            take(pruning)
        except Busy as busy:
            raise CommandError(f"{busy} Try again later.") from busy
        finally:
            tell(pruning)
        self.stdout.write(in_sentence(pruning))


def moment(days: int | None, date: str | None) -> datetime | None:
    """The moment that is meant; None where nothing is to be removed. Raises CommandError."""
    now = timezone.now()
    if days is None and date is None:
        return kept_since(now)
    try:
        found = now - timedelta(days=days) if days is not None else parsed(date or "")
        found.timestamp()
    except (ValueError, OverflowError) as error:
        raise CommandError(f"{days if date is None else date}: {error}") from error
    if found > now:
        raise CommandError("What is still to come cannot be removed.")
    return found


def parsed(date: str) -> datetime:
    found = datetime.fromisoformat(date)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def take(pruning: Pruning) -> None:
    """Take the steps, and rest between them, so that whoever writes to the same tables has its turns."""
    began = time.monotonic()
    for wait in pruning.steps():
        time.sleep(max(wait, min(time.monotonic() - began, LONGEST_REST)))
        began = time.monotonic()


def in_sentence(pruning: Pruning) -> str:
    removed, before = pruning.removed, in_words(pruning.before)
    if not removed:
        return f"There is nothing from before {before}."
    parts = [f"{removed.calls} calls"]
    parts += [f"all of {month}" for month in removed.months]
    parts += [f"{removed.alone} bodies and metadata values of no call"] if removed.alone else []
    parts += [f"{removed.models} models not heard of since"] if removed.models else []
    parts += [f"{removed.set_aside} rows set aside"] if removed.set_aside else []
    return f"Removed from before {before}: {', '.join(parts)}."
