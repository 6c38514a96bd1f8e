"""`manage.py reprice_logs`: price past calls anew, by the prices of today as of the day of each call."""

import time
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from audit.models import Action
from logs.models import Repricing
from logs.repricing import requests as repricings
from logs.repricing.beside import add, scope
from logs.repricing.calls import foretell, reprice, windows
from prices.book import NotRead, PriceBook

LONGEST_REST = 0.25  # seconds


class Command(BaseCommand):
    help = (
        "Prices past calls anew: by the overrides and the price list of today, each call as of its own time."
        " May be stopped at any moment and begun again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        when = "a date (2026-01-31, UTC) or time (ISO 8601)"
        parser.add_argument("--since", type=moment, help=f"calls from {when} on")
        parser.add_argument("--until", type=moment, help=f"calls before {when}; by default, before now")
        parser.add_argument("--provider", default="", help="calls to this provider only, by its slug")
        parser.add_argument(
            "--model", default="", help="of this model only; with * at its end, of all that begin so"
        )
        parser.add_argument("--only-unpriced", action="store_true", help="only calls without a price")
        parser.add_argument("--dry-run", action="store_true", help="only say what would come of it")

    def handle(self, *args: Any, **options: Any) -> None:
        named = {name: options[name] for name in ("since", "provider", "model", "only_unpriced")}
        asked = Repricing(until=options["until"] or timezone.now(), **named)
        prices = PriceBook()
        try:
            prices.look()
        except NotRead as error:
            raise CommandError(str(error)) from error
        if options["dry_run"]:
            for window in windows(scope(asked)):
                add(asked, foretell(scope(asked), window, prices.price))
        else:
            price_anew(asked, prices)
        self.stdout.write(in_a_sentence(asked, "would change" if options["dry_run"] else "changed"))


def price_anew(asked: Repricing, prices: PriceBook) -> None:
    """In all calls that are asked for. Told to the audit log before and after, also if it is stopped."""
    repricings.tell(Action.CREATE, asked, {"only_unpriced": [None, asked.only_unpriced]})
    try:
        for window in windows(scope(asked)):
            began = time.monotonic()
            add(asked, reprice(scope(asked), window, prices.price))
            prices.look()
            time.sleep(min(time.monotonic() - began, LONGEST_REST))  # for whoever writes to the same tables
    finally:
        repricings.tell(Action.UPDATE, asked, repricings.totals(asked))


def in_a_sentence(done: Repricing, verb: str) -> str:
    costs = f"from {done.cost_before.normalize():f} to {done.cost_after.normalize():f} USD"
    return f"Looked at {done.looked} calls with tokens; {done.changed} of them {verb}, {costs} in all."


def moment(text: str) -> datetime:
    """Raises ValueError, which the parser of arguments tells of."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
