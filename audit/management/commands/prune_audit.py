"""`manage.py prune_audit --days N`: remove old audit events for good. By itself nothing ever does."""

import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit import pruning
from audit.actors import acting, of_command

REST = 0.1  # seconds between batches, for whoever waits to write


class Command(BaseCommand):
    help = "Remove the audit events that are older than so many days. Each batch leaves an event of its own."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, required=True, help="keep what is younger; at least 1")
        parser.add_argument("--dry-run", action="store_true", help="only say how many would be removed")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if days < 1:
            raise CommandError("What happened within a day is not removed: --days is at least 1.")
        try:
            before = timezone.now() - timedelta(days=days)
        except OverflowError:
            raise CommandError(f"There were no {days} days yet.") from None
        if options["dry_run"]:
            self.stdout.write(f"{pruning.older(before).count()} events would be removed.")
            return
        gone = 0
        with acting(of_command()):
            for removed in pruning.prune(before):
                gone += removed
                time.sleep(REST)
        self.stdout.write(f"{gone} events removed.")
