"""Removes what is older than a moment from every table of the log, and from the rows set aside.

All of it in small steps, each a short transaction of its own: whoever takes the steps decides how fast they
follow, so that who writes the log need not wait. Stopped anywhere, it goes on the next time; a call's
row goes together with its bodies and its metadata. On PostgreSQL whole months go by their partitions.
"""

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q

from logs import partitions
from logs.ids import minted_at
from logs.keeping import floor, shrinking
from logs.models import KnownModel, LogBody, LogMetadata, RequestLog, UnpricedModel
from logs.routing import ALIAS

QUICK, LONG = 0.05, 0.1  # seconds of a step, below which the next one is larger, above which smaller
FEWEST, MOST = 10, 2000  # rows in a step
METADATA_ROWS = 20_000  # looked at in a step
FILES = 200  # removed in a step
TRIES, BETWEEN_TRIES = 20, 0.25  # to drop a month while others hold its tables

CALLS, BODIES, METADATA = (model._meta.db_table for model in (RequestLog, LogBody, LogMetadata))
METADATA_KEY = "workspace_id, key, value, log"


class Busy(Exception):
    """A month could not be dropped, since others held its tables all the time."""


@dataclass(slots=True)
class Removed:
    """What went."""

    calls: int = 0  # row by row
    months: list[str] = field(default_factory=list)  # as 2026-01, with all their calls
    alone: int = 0  # bodies and metadata that had no call
    models: int = 0
    set_aside: int = 0

    def __bool__(self) -> bool:
        return bool(self.calls or self.months or self.alone or self.models or self.set_aside)


class Pruning:
    """Removes what is older than `before`; `refused` is where rows are set aside.

    Thorough, it also looks for metadata that has no call, which takes a look at all there is.
    """

    def __init__(self, before: datetime, refused: Path, *, thorough: bool = False) -> None:
        self.before, self.refused, self.thorough = before, refused, thorough
        self.lowest = partitions.lowest_id(before)
        self.removed = Removed()
        self.size = 10 * FEWEST

    def steps(self) -> Iterator[float]:
        """One step after the other, with the seconds that the next one had better wait.

        Raises Busy, and what the database raises.
        """
        floor.raised(self.connection, self.lowest)
        yield from self.by_month()
        yield from self.by_call()
        yield from self.bodies_alone()
        if self.thorough:
            yield from self.metadata_alone()
        yield from self.beside_the_log()
        yield from shrinking.shrunk(self.connection)

    @property
    def connection(self) -> BaseDatabaseWrapper:
        return connections[ALIAS]

    def by_month(self) -> Iterator[float]:
        for month in partitions.months_before(self.connection, self.before):
            yield from self.insisting(month)
            self.removed.months.append(month.replace("_", "-"))
            yield 0

    def insisting(self, month: str) -> Iterator[float]:
        """Drop a month. Who reads it may go on, and who writes waits for a moment only."""
        for _ in range(TRIES):
            if self.dropped(month):
                return
            yield BETWEEN_TRIES
        raise Busy(f"The calls of {month} could not be removed: something reads them all the time.")

    def dropped(self, month: str) -> bool:
        try:
            partitions.drop(self.connection, month)
        except OperationalError:
            if not self.connection.is_usable():
                raise
            return False
        return True

    def by_call(self) -> Iterator[float]:
        """The oldest calls first, each with what belongs to it."""
        while found := self.timed():
            self.removed.calls += found
            yield 0

    def timed(self) -> int:
        """A step whose size follows from how long the one before took."""
        began = time.monotonic()
        found = self.oldest_removed()
        took = time.monotonic() - began
        if took > LONG:
            self.size = max(FEWEST, self.size // 2)
        elif took < QUICK:
            self.size = min(MOST, self.size * 2)
        return found

    def oldest_removed(self) -> int:
        calls = RequestLog.objects.filter(id__lt=self.lowest).order_by("id")
        with transaction.atomic(using=ALIAS), self.connection.cursor() as cursor:
            found = list(calls.values_list("id", "workspace_id", "metadata")[: self.size])
            if found:
                last = self.stored(found[-1][0])
                cursor.executemany(
                    f"DELETE FROM {METADATA} WHERE ({METADATA_KEY}) = (%s, %s, %s, %s)",  # noqa: S608
                    [
                        (workspace, *pair, self.stored(call))
                        for call, workspace, metadata in found
                        for pair in metadata.items()
                    ],
                )
                cursor.execute(f"DELETE FROM {BODIES} WHERE log <= %s", [last])  # noqa: S608
                cursor.execute(f"DELETE FROM {CALLS} WHERE id <= %s", [last])  # noqa: S608
        return len(found)

    def stored(self, call: uuid.UUID) -> Any:
        """An id as this database has it."""
        return RequestLog._meta.get_field("id").get_db_prep_value(call, self.connection)

    def bodies_alone(self) -> Iterator[float]:
        """Bodies whose calls are gone, or never came."""
        left = (
            LogBody.objects.filter(log__lt=self.lowest).order_by("log", "kind").values_list("log", flat=True)
        )
        while found := list(left[: self.size]):
            self.removed.alone += LogBody.objects.filter(log__lte=found[-1]).delete()[0]
            yield 0

    def metadata_alone(self) -> Iterator[float]:
        """The same of metadata. No index leads from a call to it, so all of it is walked over, bit by bit."""
        after: tuple[Any, ...] | None = ("", "", "", self.stored(uuid.UUID(int=0)))
        while after:
            after = self.metadata_removed(after)
            yield 0

    def metadata_removed(self, after: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Remove what is too old among the next rows; the last of those, None at the end of the table."""
        behind = f"FROM {METADATA} WHERE ({METADATA_KEY}) > (%s, %s, %s, %s)"
        with self.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {METADATA_KEY} {behind} ORDER BY {METADATA_KEY} LIMIT 1 OFFSET {METADATA_ROWS}",
                after,
            )
            last: tuple[Any, ...] | None = cursor.fetchone()
            until = f" AND ({METADATA_KEY}) <= (%s, %s, %s, %s)" if last else ""
            cursor.execute(
                f"DELETE {behind} AND log < %s{until}",
                (*after, self.stored(self.lowest), *(last or ())),
            )
            self.removed.alone += cursor.rowcount
        return last

    def beside_the_log(self) -> Iterator[float]:
        unheard = [Q(**{f"{name}__lt": self.before}) | Q(**{name: None}) for name in ("listed_at", "seen_at")]
        self.removed.models += KnownModel.objects.filter(*unheard).delete()[0]
        self.removed.models += UnpricedModel.objects.filter(day__lt=self.before.date()).delete()[0]
        yield 0
        for removed in files_removed(self.refused, self.before):
            self.removed.set_aside += removed
            yield 0


def files_removed(folder: Path, before: datetime) -> Iterator[int]:
    """Remove the files of calls older than `before`, some at a time; yields how many went."""
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        while some := list(islice(entries, FILES)):
            old = [entry for entry in some if called_at(entry) < before]
            for entry in old:
                Path(entry).unlink(missing_ok=True)
            yield len(old)


def called_at(entry: os.DirEntry[str]) -> datetime:
    """When the call was made that was set aside in this file; else, when it was written."""
    try:
        return minted_at(entry.name.partition(".")[0])
    except ValueError:
        return datetime.fromtimestamp(entry.stat().st_mtime, tz=UTC)
