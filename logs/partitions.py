"""The log's tables on PostgreSQL: a partition for each month of the id, so that old months are dropped.

An id is a UUIDv7, whose first 48 bits are the milliseconds since 1970: a month is a range of ids. What
falls in no month's partition goes to the default one. On other databases the tables are plain, and
nothing here does anything.
"""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import CreateModel
from django.db.migrations.state import ProjectState

TABLES = {"logs_requestlog": "id", "logs_logbody": "log", "logs_logmetadata": "log"}
MONTH = re.compile(r"_(\d{4}_(?:0[1-9]|1[0-2]))$")
LOCK_MILLISECONDS = 100


class CreatePartitioned(CreateModel):
    """CreateModel, partitioned by range of the id on PostgreSQL, with its default partition."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        connection = schema_editor.connection
        if connection.vendor != "postgresql" or not self.allow_migrate_model(
            connection.alias, to_state.apps.get_model(app_label, self.name)
        ):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{plain} PARTITION BY RANGE ({TABLES[table]})"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
        schema_editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def ensure(connection: BaseDatabaseWrapper, now: datetime) -> list[str]:
    """Make the partitions of this month and the next; returns the names of those that were missing."""
    if connection.vendor != "postgresql":
        return []
    made = []
    for first, end in months(now):
        for table, column in TABLES.items():
            name = f"{table}_{first:%Y_%m}"
            if not exists(connection, name):
                create(connection, table, column, name, first, end)
                made.append(name)
    return made


def months(now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """This month and the next, each as its first moment and the one after its last."""
    start = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(2):
        end = month_after(start)
        yield start, end
        start = end


def month_after(start: datetime) -> datetime:
    """The first moment of the month that follows on the one beginning at `start`."""
    if start.month < 12:
        return start.replace(month=start.month + 1)
    return start.replace(year=start.year + 1, month=1)


def exists(connection: BaseDatabaseWrapper, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [table])
        row = cursor.fetchone()
        return row is not None and row[0] is not None


def create(
    connection: BaseDatabaseWrapper, table: str, column: str, name: str, first: datetime, end: datetime
) -> None:
    """Make one partition; rows of its month that strayed into the default one move over.

    A query that is planned meanwhile waits for the default partition, and then looks there and not into the
    new one: it would miss what moved. So where there is something to be moved, nobody reads until it has.
    """
    low, high = lowest_id(first), lowest_id(end)
    month = f"{column} >= '{low}' AND {column} < '{high}'"
    mode = "ACCESS EXCLUSIVE" if has_any(connection, f"{table}_default", month) else "SHARE UPDATE EXCLUSIVE"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE ONLY {table} IN {mode} MODE")
        if exists(connection, name):
            return  # another ingester made it while we waited
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
        cursor.execute(f"ALTER TABLE {table}_default DISABLE TRIGGER USER")  # they are moved, not removed
        cursor.execute(
            f"WITH strays AS (DELETE FROM {table}_default WHERE {month} RETURNING *)"  # noqa: S608
            f" INSERT INTO {name} SELECT * FROM strays"
        )
        cursor.execute(f"ALTER TABLE {table}_default ENABLE TRIGGER USER")
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")


def has_any(connection: BaseDatabaseWrapper, table: str, condition: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE {condition})")  # noqa: S608
        return bool(cursor.fetchone() == (True,))


def months_before(connection: BaseDatabaseWrapper, moment: datetime) -> list[str]:
    """The months, oldest first and as 2026_01, that have a partition and are over at `moment`."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
            " WHERE inhparent::regclass::text = ANY(%s)",
            [list(TABLES)],
        )
        names = [name for (name,) in cursor.fetchall()]
    found = {match[1] for name in names if (match := MONTH.search(name))}
    return sorted(each for each in found if month_after(first_moment(each)) <= moment)


def first_moment(month: str) -> datetime:
    return datetime.strptime(month, "%Y_%m").replace(tzinfo=UTC)


def drop(connection: BaseDatabaseWrapper, month: str) -> None:
    """Remove the month's partition of every table. Raises OperationalError if others hold them.

    Whoever wants the tables meanwhile waits behind us, so we give up soon; in the order in which rows are
    inserted, so that neither waits for the other.
    """
    tables = ", ".join(f"{table}_{month}" for table in TABLES)
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
        cursor.execute(f"DROP TABLE IF EXISTS {tables}")


def lowest_id(moment: datetime) -> uuid.UUID:
    """The id below every UUIDv7 minted at or after `moment`; before 1970 there were none."""
    return uuid.UUID(int=max(int(moment.timestamp() * 1000), 0) << 80)
