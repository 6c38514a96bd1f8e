"""`manage.py ingest_refused`: try again what was set aside. The admin's page of the journal starts it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.models import Action
from audit.trail import event
from logs import second_try
from logs.lock import alone
from logs.models import RequestLog
from logs.store import Away
from prices.book import NotRead, PriceBook

LOCK = "refused.lock"


class Command(BaseCommand):
    help = "Tries to bring the calls that were set aside in journal/refused/ into the request log."

    def handle(self, *args: Any, **options: Any) -> None:
        folder = settings.DATA_DIR / "journal"
        with alone(folder, LOCK) as is_alone:
            if not is_alone:
                raise CommandError("They are being tried again just now.")
            tried: list[second_try.Tried] = []
            try:
                prices = PriceBook()
                prices.look()
                for each in second_try.every(folder / "refused", prices):
                    tried.append(each)
                    self.stdout.write(f"{each.call}: {each.reason or 'in the log'}")
            except (Away, NotRead) as away:
                raise CommandError(f"The database is away: {away}") from away
            finally:
                tell(sum(not each.reason for each in tried))
            self.stdout.write(f"{sum(not each.reason for each in tried)} of {len(tried)} are in the log now.")


def tell(brought_in: int) -> None:
    """An event, if any call came into the log."""
    if brought_in:
        changes = {"calls set aside": [brought_in, None]}
        event(Action.MANAGE, kind=RequestLog.kind, id="", name="calls set aside", changes=changes).save()
