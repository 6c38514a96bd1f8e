"""Rows into the database: many to a transaction, each once, and none in the way of those behind it.

A row that exists already is left as it is, so whoever is not sure that a batch went in writes it again. A
row the database refuses is found by halving its batch, and set aside as a file.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from django.db import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    connections,
    reset_queries,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.utils import timezone

from logs import partitions, set_aside, unpriced
from logs.keeping import floor
from logs.models import LogBody, LogFloor, LogMetadata, RequestLog, UnpricedModel
from logs.routing import ALIAS
from logs.rows import Row, Rows

PARTITIONS_SECONDS = 3600
REFUSALS = (DataError, IntegrityError, ProgrammingError)  # of a row; other errors are the database's own

logger = logging.getLogger(__name__)


class Away(Exception):
    """The database cannot be written now; nothing is lost by waiting."""


class Store:
    """The log's tables. `refused` is where rows go that the database will not have."""

    def __init__(self, refused: Path) -> None:
        self.refused = refused
        self.partitioned_until = 0.0

    def write(self, batch: Sequence[Rows]) -> None:
        """Write a batch, all of it or, with Away, none that counts: write it again then."""
        if (error := self.refusal(batch)) is not None:
            self.halve(batch, error)

    def refusal(self, batch: Sequence[Rows]) -> Exception | None:
        """Write a batch whole, or say why the database will not have it. Raises Away."""
        try:
            self.insert(batch)
        except Exception as error:
            if isinstance(error, Error) and not isinstance(error, REFUSALS):
                self.drop_connection()
                raise Away(str(error)) from error
            self.probe(error)
            return error
        return None

    def insert(self, batch: Sequence[Rows]) -> None:
        """Calls older than what is kept are passed over: they were removed, or would be."""
        connection = connections[ALIAS]
        self.partition(connection)
        with transaction.atomic(using=ALIAS):
            lowest = floor.held(connection)
            kept = [rows for rows in batch if rows.log["id"] >= lowest]
            if len(kept) < len(batch):
                logger.warning(
                    "%d calls from before the log begins were passed over.", len(batch) - len(kept)
                )
            unpriced.count(rows.log for rows in kept)
            insert(connection, RequestLog, [rows.log for rows in kept])
            insert(connection, LogBody, [body for rows in kept for body in rows.bodies])
            insert(connection, LogMetadata, [value for rows in kept for value in rows.metadata])
        reset_queries()

    def partition(self, connection: BaseDatabaseWrapper) -> None:
        now = timezone.now()
        if now.timestamp() >= self.partitioned_until:
            for name in partitions.ensure(connection, now):
                logger.info("Made the partition %s.", name)
            self.partitioned_until = now.timestamp() + PARTITIONS_SECONDS

    def probe(self, error: Exception) -> None:
        """Tell a row that is refused from tables or columns that are not there (yet)."""
        try:
            for model in (RequestLog, LogBody, LogMetadata, LogFloor, UnpricedModel):
                model._default_manager.using(ALIAS).order_by().first()
        except (DatabaseError, InterfaceError) as away:
            self.drop_connection()
            raise Away(str(error)) from away

    def halve(self, batch: Sequence[Rows], error: Exception) -> None:
        if len(batch) == 1:
            self.set_aside(batch[0], error)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            self.write(half)

    def set_aside(self, rows: Rows, error: Exception) -> None:
        """Keep what the database would not have, with its reason."""
        told = {"log": rows.log, "metadata": rows.metadata, "bodies": rows.bodies}
        keep(self.refused, rows.log["id"], str(error), told)

    def drop_connection(self) -> None:
        connections[ALIAS].close()


def keep(folder: Path, call: str, reason: str, told: Mapping[str, Any]) -> None:
    """Set a call aside. Raises Away on a full disk."""
    try:
        set_aside.keep(folder, call, reason, told)
    except OSError as error:
        raise Away(f"{folder}: {error.strerror}") from error


def insert(connection: BaseDatabaseWrapper, model: type[Model], rows: Sequence[Row]) -> None:
    """Insert rows given by column; those whose key exists stay as they are. All names are the model's."""
    if not rows:
        return
    table, columns = model._meta.db_table, list(rows[0])
    into = f"INSERT INTO {table} ({', '.join(columns)})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # one document for the whole batch: binding forty values a row costs more than all the rest
            source = f"SELECT {', '.join(columns)} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608
            cursor.execute(f"{into} {source} ON CONFLICT DO NOTHING", [orjson.dumps(rows, in_json).decode()])
        else:
            places = ", ".join(["%s"] * len(columns))
            told = [tuple(in_sqlite(row).values()) for row in rows]
            cursor.executemany(f"{into} VALUES ({places}) ON CONFLICT DO NOTHING", told)


def in_json(value: Any) -> str:
    """PostgreSQL's words for what JSON has none for."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} in a row")


def in_sqlite(row: Row) -> Row:
    """As Django stores it: ids as hexadecimal, times in UTC without saying so, JSON and decimals as text."""
    told = dict(row)
    for name, store in IN_SQLITE.items():
        if (value := row.get(name)) is not None:
            told[name] = store(value)
    return told


IN_SQLITE: dict[str, Callable[[Any], str]] = {
    "id": lambda value: value.replace("-", ""),
    "log": lambda value: value.replace("-", ""),
    "created_at": lambda value: value.replace(tzinfo=None).isoformat(" ", "microseconds"),
    "cost": str,
    "metadata": lambda value: orjson.dumps(value).decode(),
    "attempts": lambda value: orjson.dumps(value).decode(),
    "cost_lines": lambda value: orjson.dumps(value).decode(),
    "ignored": lambda value: orjson.dumps(value).decode(),
    "skipped": lambda value: orjson.dumps(value).decode(),
}
