"""A call in the log is never changed and never removed but by retention: so say SQLite and PostgreSQL."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import DatabaseError, connections, transaction

from logs import partitions
from logs.ids import new_id
from logs.keeping import guard
from logs.keeping.floor import raised
from logs.keeping.guard import REFUSAL
from logs.models import RequestLog
from tests.servers import Yard

NOW = datetime.now(UTC)
FACTS = [field.column for field in RequestLog._meta.concrete_fields if field.column not in guard.MAY_CHANGE]
REFUSED = [
    *(f"UPDATE logs_requestlog SET {column} = {column}" for column in FACTS),
    "UPDATE logs_requestlog SET cost = 0, status = 200",
    "UPDATE logs_logbody SET content = content",
    "UPDATE logs_logmetadata SET value = 'x'",
    "DELETE FROM logs_requestlog",
    "DELETE FROM logs_logbody",
    "DELETE FROM logs_logmetadata",
]
FILL = (
    "INSERT INTO logs_logbody VALUES ('{id}', 'request', '', 0, {false})",
    "INSERT INTO logs_logmetadata VALUES ('ws', 'key', 'value', '{id}')",
)


def minted(at: datetime) -> str:
    return str(uuid.UUID(int=partitions.lowest_id(at).int | uuid.UUID(new_id()).int & (1 << 80) - 1))


@pytest.fixture
def lite(db: None) -> Any:
    call = minted(NOW)
    RequestLog.objects.create(id=call, created_at=NOW, outcome="finished")
    with connections["logs"].cursor() as cursor:
        for statement in FILL:
            cursor.execute(statement.format(id=call.replace("-", ""), false="0"))
        yield cursor


@pytest.mark.django_db(databases=["default", "logs"])
@pytest.mark.parametrize("statement", REFUSED)
def test_sqlite_refuses(lite: Any, statement: str) -> None:
    with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic(using="logs"):
        lite.execute(statement)
    assert RequestLog.objects.get().outcome == "finished"


@pytest.mark.django_db(databases=["default", "logs"])
def test_what_a_call_cost_may_be_worked_out_anew(lite: Any) -> None:
    RequestLog.objects.update(cost=1, currency="USD", pricing="priced", cost_lines=[], price_source="x")
    RequestLog.objects.update(repriced_at=NOW, cost_first=2)
    assert RequestLog.objects.get().cost == 1


@pytest.mark.django_db(databases=["default", "logs"])
def test_below_the_floor_all_may_go_and_without_one_nothing(lite: Any) -> None:
    lite.execute("DELETE FROM logs_logfloor")
    with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic(using="logs"):
        lite.execute("DELETE FROM logs_requestlog")
    raised(connections["logs"], partitions.lowest_id(NOW + timedelta(seconds=1)))
    for table in partitions.TABLES:
        lite.execute(f"DELETE FROM {table}")
    assert not RequestLog.objects.exists()


@pytest.mark.django_db(databases=["default", "logs"])
def test_the_guard_can_be_lifted_and_set_again(lite: Any) -> None:
    """As the way back of its migration does."""
    for statement in (*guard.SQLITE_LIFTED, *guard.sqlite(", ".join(FACTS))):
        lite.execute(statement)
    with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic(using="logs"):
        lite.execute(REFUSED[0])


@pytest.fixture(scope="module")
def postgres(yard: Yard) -> Iterator[psycopg.Connection[Any]]:
    """A migrated database of its own, with a call of this month and a stray."""
    name = yard.database("guard")
    url = yard.server.create(name, yard.postgres_template[0])
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened
    yard.server.drop(name)


@pytest.fixture
def filled(postgres: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """With a call, in a transaction that is rolled back."""
    with postgres.transaction(force_rollback=True):
        call = minted(NOW)
        columns = {
            field.column: field.get_db_prep_save(field.get_default(), connections["logs"])
            for field in RequestLog._meta.concrete_fields
        }
        columns |= {"id": call, "created_at": NOW, "outcome": "finished"}
        places = ", ".join(["%s"] * len(columns))
        postgres.execute(
            f"INSERT INTO logs_requestlog ({', '.join(columns)}) VALUES ({places})", list(columns.values())
        )
        for statement in FILL:
            postgres.execute(statement.format(id=call, false="false"))
        yield postgres


@pytest.mark.server
@pytest.mark.parametrize(
    "statement", [*REFUSED, "TRUNCATE logs_requestlog", "DELETE FROM logs_logbody_default"]
)
def test_postgresql_refuses(filled: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(psycopg.Error, match=REFUSAL), filled.transaction():
        filled.execute(statement)
    assert filled.execute("SELECT outcome FROM logs_requestlog").fetchall() == [("finished",)]


@pytest.mark.server
def test_on_postgresql_costs_change_and_what_is_below_the_floor_goes(
    filled: psycopg.Connection[Any],
) -> None:
    filled.execute("UPDATE logs_requestlog SET cost = 1, repriced_at = now(), cost_lines = '[]'")
    filled.execute("UPDATE logs_logfloor SET lowest = %s", [partitions.lowest_id(NOW + timedelta(seconds=1))])
    for table in partitions.TABLES:
        assert filled.execute(f"DELETE FROM {table}").rowcount == 1


def test_every_fact_of_a_call_is_guarded() -> None:
    """The columns that may change are columns."""
    assert {
        field.column for field in apps.get_model("logs", "RequestLog")._meta.concrete_fields
    } > guard.MAY_CHANGE
