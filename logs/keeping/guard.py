"""Calls stay as they were recorded, whoever asks the database: it refuses to change their facts, or to remove
what is not yet below the floor (logs/keeping/floor.py). What a call cost may be worked out anew.

To insert asks no trigger, and costs what it did. Dropping a month's partition asks none either: that is for
who owns the database, who can also take these triggers away, and then it shows that they are gone. Of
SQLite's INSERT OR REPLACE they hear nothing. A migration that adds a column, or has SQLite build a table
anew, ends with `lift` and `guard`; tests/test_log_guard.py looks.
"""

from collections.abc import Iterator
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from logs.partitions import TABLES

REFUSAL = "calls in the log are never changed, and removed by retention alone"
CALLS = "logs_requestlog"
MAY_CHANGE = frozenset(
    {"cost", "currency", "pricing", "cost_lines", "price_source", "repriced_at", "cost_first"}
)
FLOOR = "(SELECT lowest FROM logs_logfloor WHERE id = 1)"


def guard(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """For RunPython: from now on calls stay as they are."""
    fields = apps.get_model("logs", "RequestLog")._meta.concrete_fields
    facts = ", ".join(field.column for field in fields if field.column not in MAY_CHANGE)
    on_sqlite = editor.connection.vendor == "sqlite"
    for statement in sqlite(facts) if on_sqlite else postgresql(facts):
        editor.execute(statement)


def lift(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """The way back."""
    on_sqlite = editor.connection.vendor == "sqlite"
    for statement in SQLITE_LIFTED if on_sqlite else POSTGRESQL_LIFTED:
        editor.execute(statement)


def changing(table: str, facts: str) -> str:
    """The kind of UPDATE that is refused."""
    return f"UPDATE OF {facts}" if table == CALLS else "UPDATE"


def sqlite(facts: str) -> Iterator[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for table, key in TABLES.items():
        yield f"CREATE TRIGGER {table}_facts BEFORE {changing(table, facts)} ON {table} {refuse}"
        above = f"WHEN NOT coalesce(OLD.{key} < {FLOOR}, 0)"
        yield f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} {above} {refuse}"


def postgresql(facts: str) -> Iterator[str]:
    body = f"RAISE EXCEPTION '{REFUSAL}';"
    yield f"CREATE FUNCTION logs_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
    for key in ("id", "log"):
        kept = f"IF NOT coalesce(OLD.{key} < {FLOOR}, false) THEN {body} END IF; RETURN OLD;"
        yield f"CREATE FUNCTION logs_keep_{key}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {kept} END $$"
    for table, key in TABLES.items():
        each = "FOR EACH ROW EXECUTE FUNCTION"
        yield f"CREATE TRIGGER {table}_facts BEFORE {changing(table, facts)} ON {table} {each} logs_refuse()"
        yield f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} {each} logs_keep_{key}()"
        yield (
            f"CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION logs_refuse()"
        )


SQLITE_LIFTED = tuple(f"DROP TRIGGER {table}_{name}" for table in TABLES for name in ("facts", "kept"))
POSTGRESQL_LIFTED = (
    *(f"DROP TRIGGER {table}_{name} ON {table}" for table in TABLES for name in ("facts", "kept", "whole")),
    *(f"DROP FUNCTION logs_{name}()" for name in ("refuse", "keep_id", "keep_log")),
)
