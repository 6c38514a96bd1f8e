"""Where the log begins: the id below which nothing is kept, so that what was removed does not come back.

The journal may still hold a call whose row is gone, or bring a very old one. Who inserts holds the floor
until its transaction ends, and who removes raises it first: so whatever was inserted below is seen and
removed, and nothing is inserted below it later. A floor that lies ahead was raised by a clock that was wrong:
it counts for nothing, or every call until then would be passed over.
"""

import uuid
from datetime import timedelta

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from logs.models import LogFloor
from logs.partitions import lowest_id

ONLY = 1  # the id of the one row
SKEW = timedelta(hours=1)  # that the clocks of several machines may be apart


def held(connection: BaseDatabaseWrapper) -> str:
    """The lowest id that is kept, as text; it stays until the transaction ends, in which this is called."""
    share = " FOR SHARE" if connection.vendor == "postgresql" else ""  # SQLite has one writer at a time
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT lowest FROM {LogFloor._meta.db_table} WHERE id = {ONLY}{share}")  # noqa: S608
        row = cursor.fetchone()
    lowest = uuid.UUID(int=0) if row is None else uuid.UUID(str(row[0]))
    return str(lowest) if lowest <= ahead() else ""


def ahead() -> uuid.UUID:
    """An id that no floor reaches, if the clock that raised it was right."""
    return lowest_id(timezone.now() + SKEW)


def raised(connection: BaseDatabaseWrapper, lowest: uuid.UUID) -> None:
    """Let the log begin at `lowest`, unless it begins later already, and not ahead of now."""
    table, field = LogFloor._meta.db_table, LogFloor._meta.get_field("lowest")
    statement = (
        f"INSERT INTO {table} (id, lowest) VALUES ({ONLY}, %s)"  # noqa: S608
        " ON CONFLICT (id) DO UPDATE SET lowest = EXCLUDED.lowest"
        f" WHERE {table}.lowest < EXCLUDED.lowest OR {table}.lowest > %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [field.get_db_prep_value(each, connection) for each in (lowest, ahead())])
