"""The log's tables on PostgreSQL: a partition for each month of the id, so that old months are dropped.

An id is a UUIDv7, whose first 48 bits are the milliseconds since 1970: a month is a range of ids. What
falls in no month's partition goes to the default one. On other databases the tables are plain, and
nothing here does anything.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import CreateModel
from django.db.migrations.state import ProjectState

TABLES = {"logs_requestlog": "id", "logs_logbody": "log", "logs_logmetadata": "log"}


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
        end = (
            start.replace(month=start.month + 1)
            if start.month < 12
            else start.replace(year=start.year + 1, month=1)
        )
        yield start, end
        start = end


def exists(connection: BaseDatabaseWrapper, table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [table])
        row = cursor.fetchone()
        return row is not None and row[0] is not None


def create(
    connection: BaseDatabaseWrapper, table: str, column: str, name: str, first: datetime, end: datetime
) -> None:
    """Make one partition; rows of its month that strayed into the default one move over."""
    low, high = lowest_id(first), lowest_id(end)
    month = f"{column} >= '{low}' AND {column} < '{high}'"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING ALL)")
        cursor.execute(
            f"WITH strays AS (DELETE FROM {table}_default WHERE {month} RETURNING *)"  # noqa: S608
            f" INSERT INTO {name} SELECT * FROM strays"
        )
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")


def lowest_id(moment: datetime) -> uuid.UUID:
    """The id below every UUIDv7 minted at or after `moment`."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
