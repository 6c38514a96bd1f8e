"""Audit events are only ever added, whoever asks the database: it refuses to change or delete one itself.

Who owns the database can take these triggers away, and then it shows that they are gone. A migration that
makes SQLite build the table anew loses them, and has to end with `guard`; tests/test_audit.py looks.
"""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLE = "audit_auditevent"
REFUSAL = "audit events are never changed"

# INSERT OR REPLACE deletes and asks no trigger for deletions.
TAKEN = f"WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id)"  # noqa: S608 - words of ours
VERBS = {"update": "", "delete": "", "insert": TAKEN}
SQLITE = tuple(
    f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON {TABLE} {when}"
    f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for verb, when in VERBS.items()
)
SQLITE_LIFTED = tuple(f"DROP TRIGGER audit_no_{verb}" for verb in VERBS)
POSTGRESQL = (
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS"
    f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
    f"CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE}"
    " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
)
POSTGRESQL_LIFTED = (f"DROP TRIGGER audit_append_only ON {TABLE}", "DROP FUNCTION audit_refuse()")


def guard(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """For RunPython: from now on events stay as they are."""
    run(editor, SQLITE if editor.connection.vendor == "sqlite" else POSTGRESQL)


def lift(apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    """The way back."""
    run(editor, SQLITE_LIFTED if editor.connection.vendor == "sqlite" else POSTGRESQL_LIFTED)


def run(editor: BaseDatabaseSchemaEditor, statements: tuple[str, ...]) -> None:
    for statement in statements:
        editor.execute(statement)
