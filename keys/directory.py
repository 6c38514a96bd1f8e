"""What a process knows by heart, so that a known caller is served without a question to the database.

Each app puts its own kinds on shelves (keys/shelf.py); nothing here knows any of them. A reading is done
in a thread of its own (a greenlet under gevent), so that no caller hangs on a database that does not answer.
What changed becomes stale by keys/freshness.py, which runs from the first reading on.
"""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from django.db import connections

from keys.freshness import Watcher
from keys.shelf import Kind, Shelf, Tag

K = TypeVar("K")
V = TypeVar("V")
Work = Callable[[], None]

shelves: list[Shelf[Any, Any]] = []


def shelf(kind: Kind[K, V]) -> Shelf[K, V]:
    """A new shelf for `kind`, kept fresh from now on."""
    made = Shelf(kind, run)
    shelves.append(made)
    return made


def run(work: Work) -> None:
    """Have a reading done, and its result watched over."""
    watcher.start()
    runner(work)


def in_background(work: Work) -> None:
    """Run `work` beside the caller, on database connections of its own that are closed afterwards."""
    threading.Thread(target=closing_connections, args=(work,), name="directory", daemon=True).start()


def closing_connections(work: Work) -> None:
    try:
        work()
    finally:
        connections.close_all()


def mark(changed: Iterable[Tag]) -> None:
    """Make stale what was made of any of these."""
    tags = set(changed)
    for each in shelves:
        each.mark(tags)


def mark_all() -> None:
    """Make everything stale."""
    for each in shelves:
        each.mark_all()


def clear() -> None:
    """Forget everything, as a forked process must: neither locks nor threads came along."""
    watcher.forget()
    for each in shelves:
        each.clear()


runner: Callable[[Work], None] = in_background  # tests that roll back their transaction read in it: `inline`
watcher = Watcher(mark, mark_all)
os.register_at_fork(after_in_child=clear)
