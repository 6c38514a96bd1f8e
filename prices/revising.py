"""How a price is changed: one that has begun ends, and another takes its place, so that the past stays told.

All of it is told to the audit log, in the same transaction.
"""

from datetime import datetime

from audit.trail import Recording
from prices.models import PriceOverride, now_in_seconds


def start_of_change(before: PriceOverride, asked: datetime) -> datetime:
    """From when a changed price counts. `asked` is what the form says now.

    From the time that was asked for, if another than before; else from now on; of a price that is over, and
    has no now, from its beginning.
    """
    now = now_in_seconds()
    if asked != before.starts_at or (before.ends_at is not None and before.ends_at <= now):
        return asked
    return max(before.starts_at, now)


def make(override: PriceOverride, by: str) -> None:
    """Save a new price. To be called in a transaction that began with `alone`."""
    override.made_by = by
    recording = Recording(override)
    override.save(force_insert=True)
    recording.leave()


def replace(override: PriceOverride, by: str) -> PriceOverride:
    """Save a changed price as a new one; the row it was read from ends where this begins, and is returned."""
    before = PriceOverride.objects.get(pk=override.pk)
    recording = Recording(before)
    end = override.starts_at if before.ends_at is None else min(before.ends_at, override.starts_at)
    before.ends_at = max(before.starts_at, end)
    before.save()
    recording.leave()
    override.pk = None
    make(override, by)
    return before


def edit(override: PriceOverride) -> None:
    """Save what may change in place: all of a price that has not begun, else when it ends and its note."""
    recording = Recording(override)
    override.save()
    recording.leave()


def withdraw(override: PriceOverride) -> None:
    """Delete a price that has not begun."""
    recording = Recording(override)
    override.delete()
    recording.leave()
