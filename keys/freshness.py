"""How a process learns what changed: one thread asks twice a second for what is newer than it has seen.

The first look, and one that finds that it missed something (the changes it needs are no longer kept, or the
database was put back to an earlier state), make everything stale. While the database is away nothing becomes
stale, and it is asked again at the same pace.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from django.db import connections

from keys.models import Change, Installation
from keys.seldom import Seldom

EVERY = 0.5  # seconds
READ_AT_MOST = 5_000  # changes; if there are more, everything is stale

Tag = tuple[str, str]  # a kind and an id

log = logging.getLogger(__name__)


class Watcher:
    """What this process has seen of the changes, and the thread that looks for more."""

    def __init__(self, mark: Callable[[Iterable[Tag]], None], mark_all: Callable[[], None]) -> None:
        self.mark, self.mark_all = mark, mark_all
        self.forget()

    def forget(self) -> None:
        """Be as new: nothing seen, no thread."""
        self.seen: int | None = None
        self.thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._seldom = Seldom(60)

    def start(self) -> None:
        """See to it that the thread runs."""
        if self.thread is not None and self.thread.is_alive():
            return
        with self._lock:
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._watch, name="freshness", daemon=True)
                self.thread.start()

    def _watch(self) -> None:
        while True:
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the watch goes on whatever happens
                if self._seldom.now("away"):
                    log.warning("Changes of keys cannot be looked for: %s", error)
            finally:
                connections.close_all()
            time.sleep(EVERY)

    def look(self) -> None:
        """Mark what changed since the last look. Raises the database's errors, and has seen nothing then."""
        installation = Installation.objects.values_list("generation", "pruned").first()
        generation, pruned = installation or (0, 0)
        if generation == self.seen:
            return
        newer = None if self.seen is None else self._newer(self.seen, generation, pruned)
        if newer is None:
            self.mark_all()
        else:
            self.mark(newer)
        self.seen = generation

    def _newer(self, seen: int, generation: int, pruned: int) -> list[Tag] | None:
        """What changed after `seen`; None if that cannot be told, or is too much to be worth telling."""
        if not pruned <= seen < generation:
            return None
        changes = Change.objects.filter(generation__gt=seen, generation__lte=generation).order_by()
        found = list(changes.values_list("kind", "object_id")[: READ_AT_MOST + 1])
        return found if len(found) <= READ_AT_MOST else None
