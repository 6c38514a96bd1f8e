"""The columns that tell how a call was routed come and go beside the calls that are there."""

from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from logs.keeping.guard import REFUSAL
from logs.models import RequestLog
from logs.pages.listing import shown
from tests.test_retention import NOW, call, log, minted  # noqa: F401 - a fixture, on SQLite and on PostgreSQL

pytestmark = [pytest.mark.django_db(databases=["default", "logs"]), pytest.mark.server]

BEFORE, AFTER = ("logs", "0008_guard"), ("logs", "0009_routing")
COLUMNS = (
    "config",
    "config_id",
    "config_version",
    "mode",
    "rescued",
    "skipped",
    "cache_age",
    "cache_similarity",
)


def migrate(to: tuple[str, str]) -> None:
    MigrationExecutor(connections["logs"]).migrate([to])


def asked(statement: str, *values: Any) -> None:
    with transaction.atomic(using="logs"), connections["logs"].cursor() as cursor:
        cursor.execute(statement, values)


def test_calls_of_before_have_their_defaults_and_stay_guarded(log: Any) -> None:  # noqa: F811
    made = call(NOW)
    migrate(BEFORE)
    with pytest.raises(DatabaseError, match=REFUSAL):
        asked("UPDATE logs_requestlog SET status = 500")
    with pytest.raises(DatabaseError, match="rescued"):
        asked("SELECT rescued FROM logs_requestlog")
    migrate(AFTER)
    row = RequestLog.objects.get(id=made)
    assert [getattr(row, name) for name in COLUMNS] == ["", "", "", "", False, [], None, None]
    for column in COLUMNS:
        with pytest.raises(DatabaseError, match=REFUSAL):
            asked(f"UPDATE logs_requestlog SET {column} = {column}")
    asked("UPDATE logs_requestlog SET cost = 1")


def test_an_ingester_of_the_version_before_goes_on_writing(log: Any) -> None:  # noqa: F811
    """It names no column that it does not know."""
    fields = [field for field in RequestLog._meta.concrete_fields if field.column not in COLUMNS]
    row = RequestLog(id=minted(NOW), created_at=NOW, outcome="finished")
    values = [field.get_db_prep_save(getattr(row, field.attname), log) for field in fields]
    names = ", ".join(field.column for field in fields)
    asked(f"INSERT INTO logs_requestlog ({names}) VALUES ({', '.join(['%s'] * len(fields))})", *values)
    kept = RequestLog.objects.get(id=row.id)
    assert (kept.config, kept.rescued, kept.skipped, kept.cache_age) == ("", False, [], None)


@pytest.mark.parametrize("told, number", [([{}, {}], 2), ([], 0), ({"no": "list"}, 0)])
def test_the_list_has_attempts_counted_by_the_database(log: Any, told: Any, number: int) -> None:  # noqa: F811
    RequestLog.objects.create(id=minted(NOW), created_at=NOW, outcome="finished", attempts=told)
    (row,) = shown(RequestLog.objects.all())
    assert (row.tries or 0) == number
