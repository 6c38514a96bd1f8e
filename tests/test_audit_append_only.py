"""Audit events are only ever added: the model refuses all else, and so do SQLite and PostgreSQL."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from audit import append_only
from audit.append_only import REFUSAL, TABLE
from audit.models import AppendOnly, AuditEvent
from tests.servers import OWN_SECRET, SANDBOX_KEY, Yard

pytestmark = pytest.mark.django_db

EVENT = {"actor_kind": "system", "action": "create", "object_kind": "workspace", "object": "Ours"}
REFUSED = [
    f"UPDATE {TABLE} SET actor = 'nobody'",
    f"DELETE FROM {TABLE}",
    f"UPDATE {TABLE} SET changes = '{{}}' WHERE id > 0",
]


@pytest.fixture
def event() -> AuditEvent:
    return AuditEvent.objects.create(**EVENT)


@pytest.mark.parametrize(
    "attempt",
    [
        AuditEvent.save,
        AuditEvent.delete,
        lambda event: AuditEvent.objects.update(actor="nobody"),
        lambda event: AuditEvent.objects.filter(pk=event.pk).delete(),
    ],
    ids=["save", "delete", "update", "delete all"],
)
def test_the_model_refuses(attempt: Callable[[AuditEvent], object], event: AuditEvent) -> None:
    event.actor = "nobody"
    with pytest.raises(AppendOnly):
        attempt(event)
    assert AuditEvent.objects.get().actor == ""


def test_a_row_cannot_be_written_over_under_its_id(event: AuditEvent) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        AuditEvent(pk=event.pk, **EVENT | {"object": "Theirs"}).save()
    assert AuditEvent.objects.get().object == "Ours"


@pytest.mark.parametrize("statement", REFUSED)
def test_sqlite_refuses(statement: str, event: AuditEvent) -> None:
    with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.get().object == "Ours"


def test_sqlite_refuses_to_replace(event: AuditEvent) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE taken AS SELECT * FROM {TABLE}")
    with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM taken")
    assert AuditEvent.objects.get().object == "Ours"


def test_the_guard_can_be_lifted_and_set_again(event: AuditEvent) -> None:
    """As the way back of its migration does."""
    with connection.cursor() as cursor:
        for statement in (*append_only.SQLITE_LIFTED, *append_only.SQLITE):
            cursor.execute(statement)
        with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic():
            cursor.execute(REFUSED[1])


@pytest.fixture(scope="module")
def postgres(yard: Yard) -> Iterator[psycopg.Connection[Any]]:
    """A migrated database of its own, with the events of its making."""
    name = yard.database("audit")
    url = yard.server.create(name, yard.postgres_template[0])
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened
    yard.server.drop(name)


@pytest.mark.server
@pytest.mark.parametrize("statement", [*REFUSED, f"TRUNCATE {TABLE}"])
def test_postgresql_refuses(statement: str, postgres: psycopg.Connection[Any]) -> None:
    before = postgres.execute(f"SELECT * FROM {TABLE} ORDER BY id").fetchall()
    assert before
    with pytest.raises(psycopg.Error, match=REFUSAL):
        postgres.execute(statement)
    assert postgres.execute(f"SELECT * FROM {TABLE} ORDER BY id").fetchall() == before


@pytest.mark.server
def test_what_a_command_did_is_there_on_postgresql_too(postgres: psycopg.Connection[Any]) -> None:
    told = postgres.execute(
        f"SELECT action, object_kind, object FROM {TABLE} WHERE object_kind = 'virtual_key' ORDER BY id"
    ).fetchall()
    assert ("create", "virtual_key", "openai-sandbox") in told
    again = postgres.execute(f"SELECT changes::text FROM {TABLE}").fetchall()
    assert not [row for row in again if OWN_SECRET in row[0] or SANDBOX_KEY in row[0]]


@pytest.mark.server
def test_postgresql_finds_names_by_index(postgres: psycopg.Connection[Any]) -> None:
    postgres.execute("SET enable_seqscan = off")
    (plan,) = postgres.execute(
        f"EXPLAIN (FORMAT JSON) SELECT id FROM {TABLE} WHERE object LIKE 'key-%' ORDER BY id"
    ).fetchone() or ("",)
    assert "audit_by_object_name" in str(plan)
