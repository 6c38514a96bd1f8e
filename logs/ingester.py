"""From the journal into the database, over and over: the one process that writes the log.

Nothing here is remembered: a segment goes when all of it is in the database, and what is read again after a
kill is written again and changes nothing. So it may be stopped at any moment, and started by anybody;
logs/lock.py lets one run at a time.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from logs.keeping.retention import Retention
from logs.known import KnownModels
from logs.last_used import LastUsed
from logs.old_secrets import OldSecrets
from logs.progress import Reporter
from logs.reader import Call, Journal
from logs.repricing.beside import Repricer
from logs.rows import Rows, rows
from logs.segments import Record
from logs.store import Away, Store, keep
from prices.book import NotRead, PriceBook

BATCH_ROWS, BATCH_BYTES = 200, 1 << 20
EVERY_SECONDS = 0.5
SYNC_SECONDS = 1.0
AGAIN_SECONDS = 1.0  # while the database is away

logger = logging.getLogger(__name__)


class Ingester:
    """Follows the journal in `folder` until `stop` is set."""

    def __init__(self, folder: Path, stop: threading.Event) -> None:
        self.folder, self.stop = folder, stop
        self.journal = Journal(folder)
        self.store = Store(folder / "refused")
        self.known, self.last_used, self.old_secrets = KnownModels(), LastUsed(), OldSecrets()
        self.retention = Retention(folder)
        self.reporter = Reporter(folder)
        self.prices = PriceBook()
        self.repricer = Repricer(folder, self.prices)

    def run(self, *, service: bool) -> None:
        """Twice a second. Unless a service, it ends when nothing is left and nobody writes."""
        threading.Thread(target=self.sync, daemon=True).start()
        while not self.stop.is_set():
            self.look()
            self.retention.turn()
            self.repricer.turn()
            if self.journal.quiet and not self.is_busy and not service:
                break
            self.stop.wait(EVERY_SECONDS)
        self.retention.close()

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do beside the journal."""
        return self.retention.is_busy or self.repricer.is_busy

    def drain(self) -> None:
        """Once: everything that has been written, and no more."""
        self.look()
        while not self.journal.settled and not self.stop.is_set():
            self.look()

    def look(self) -> None:
        """What came since the last look goes into the database; what is done with is removed."""
        began = time.time()
        if not self.insisting(self.prices.look):
            return
        for batch in batches(self.told(self.journal.calls())):
            if not self.insisting(lambda batch=batch: self.store.write(batch)):  # type: ignore[misc]
                return
            self.last_used.note(row.log for row in batch)
            self.known.note(batch)
            self.known.tell()
            self.prices.look()
        self.journal.tidy()
        self.reporter.looked(began, self.journal.read())
        self.last_used.tell()
        self.old_secrets.wipe()

    def told(self, calls: Iterable[Call]) -> Iterator[Rows]:
        """The rows of calls. A call no row can be made of is set aside like one the database refuses."""
        for call in calls:
            try:
                yield rows(call, self.prices.price)
            except Exception as error:  # noqa: BLE001  # whatever it is, calls behind it are not to wait
                reason = f"{type(error).__name__}: {error}"
                if not self.insisting(lambda call=call, reason=reason: self.set_aside(call, reason)):  # type: ignore[misc]
                    return

    def set_aside(self, call: Call, reason: str) -> None:
        told = {"opened": as_text(call.opened), "closed": as_text(call.closed), "bodies": bodies(call)}
        keep(self.store.refused, call.id, reason, told)

    def insisting(self, act: Callable[[], None]) -> bool:
        """Act until it works; False if told to stop before. The journal keeps what waits."""
        waited = False
        while True:
            try:
                act()
            except (Away, NotRead) as away:
                if not waited:
                    logger.warning("The log waits in the journal: %s", away)
                    self.reporter.waits(str(away))
                waited = True
                if self.stop.wait(AGAIN_SECONDS):
                    return False
            else:
                return True

    def sync(self) -> None:
        """Once a second, so that a power cut costs no more; the rest may be waiting for a database."""
        while not self.stop.wait(SYNC_SECONDS):
            for path in self.folder.glob("*.journal"):
                sync(path)


def sync(path: Path) -> None:
    try:
        with path.open("rb") as segment:
            os.fdatasync(segment.fileno())
    except FileNotFoundError:
        return  # done with meanwhile
    except OSError:
        logger.exception("%s could not be brought to the disk.", path)


def batches(every: Iterable[Rows]) -> Iterator[list[Rows]]:
    """As many rows as one transaction takes, or fewer where their bodies are large."""
    batch: list[Rows] = []
    weight = 0
    for each in every:
        batch.append(each)
        weight += each.weight
        if len(batch) >= BATCH_ROWS or weight >= BATCH_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def as_text(record: Record | None) -> str | None:
    return None if record is None else record.facts.decode(errors="replace")


def bodies(call: Call) -> list[dict[str, Any]]:
    return [asdict(body) for record in (call.opened, call.closed) if record for body in record.bodies]
