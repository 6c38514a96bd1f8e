"""Room that SQLite's file gives back to the disk; other databases see to theirs themselves.

A file gives back what was removed only if it was made for that (`auto_vacuum`), which the first migration
of an empty file sees to. An older one has to be written anew once: `manage.py prune_logs --vacuum`.
"""

from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper

INCREMENTAL = 2
PAGES = 500  # given back in one step, each a transaction of its own
SLACK = 20  # of as many pages one may stay free: new calls fill it again


def make_shrinkable(connection: BaseDatabaseWrapper) -> None:
    """Write the file anew such that it can shrink. Takes as much room again as its calls, and the write lock.

    Raises OperationalError if others hold the database for too long.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA auto_vacuum = {INCREMENTAL}")
            cursor.execute("VACUUM")


def is_shrinkable(connection: BaseDatabaseWrapper) -> bool:
    """Whether room comes back by itself, or in the steps below."""
    return connection.vendor != "sqlite" or pragma(connection, "auto_vacuum") == INCREMENTAL


def shrunk(connection: BaseDatabaseWrapper) -> Iterator[float]:
    """Give back free pages, step by step, until few are left."""
    if connection.vendor != "sqlite" or not is_shrinkable(connection):
        return
    spare = pragma(connection, "page_count") // SLACK
    while (free := pragma(connection, "freelist_count")) > spare:
        give_back(connection, min(PAGES, free - spare))
        yield 0
    pragma(connection, "wal_checkpoint(PASSIVE)")  # only then the file is cut


def give_back(connection: BaseDatabaseWrapper, pages: int) -> None:
    """Each page is a row without columns, of which sqlite3's `execute` takes one, and a script all."""
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.executescript(f"PRAGMA incremental_vacuum({pages})")


def pragma(connection: BaseDatabaseWrapper, name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return int(cursor.fetchone()[0])
