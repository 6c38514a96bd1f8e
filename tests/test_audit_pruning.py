"""Old audit events go by an operator's command alone, which is told; the rest stay out of reach."""

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit import pruning
from audit.append_only import REFUSAL, TABLE
from audit.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of 400, 100, 20 and no days ago, named so."""
    monkeypatch.setattr("audit.management.commands.prune_audit.REST", 0)
    now = timezone.now()
    for days in (400, 100, 20, 0):
        monkeypatch.setattr(timezone, "now", lambda days=days: now - timedelta(days=days))
        AuditEvent(actor_kind="system", action="create", object_kind="workspace", object=str(days)).save()


def prune(*arguments: str) -> str:
    said = io.StringIO()
    call_command("prune_audit", *arguments, stdout=said)
    return said.getvalue().strip()


def left() -> list[str]:
    return list(AuditEvent.objects.filter(action="create").order_by("id").values_list("object", flat=True))


def refused() -> bool:
    """Whether the database still refuses each way to take an event away."""
    statements = [f"DELETE FROM {TABLE}", f"UPDATE {TABLE} SET actor = 'nobody'"]
    for statement in statements:
        with (
            pytest.raises(DatabaseError, match=REFUSAL),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    return True


def test_what_is_older_goes_and_the_rest_stays(happened: None) -> None:
    assert prune("--days", "30") == "2 events removed."
    assert left() == ["20", "0"]
    assert refused()
    assert prune("--days", "30") == "0 events removed."


def test_it_leaves_an_event_of_itself(happened: None) -> None:
    oldest, newest = AuditEvent.objects.order_by("id").values_list("created_at", flat=True)[:2]
    prune("--days", "30")
    event = AuditEvent.objects.get(action="prune")
    assert (event.actor_kind, event.object_kind) == ("command", "audit_log")
    assert event.changes == {
        "events": [2, None],
        "oldest": [oldest.isoformat(), None],
        "newest": [newest.isoformat(), None],
    }
    assert re.fullmatch(r"\w+ pruned the audit log before \d{4}-\d\d-\d\d \d\d:\d\d UTC", str(event))


def test_each_batch_is_told(happened: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCH", 2)
    assert prune("--days", "1") == "3 events removed."
    told = AuditEvent.objects.filter(action="prune").order_by("id")
    assert [event.changes["events"][0] for event in told] == [2, 1]


def test_one_that_breaks_off_leaves_all_as_it_was(happened: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(pruning, "leave", away)
    with pytest.raises(DatabaseError, match="away"):
        prune("--days", "30")
    assert left() == ["400", "100", "20", "0"]
    assert refused()


def test_what_would_go_can_be_asked(happened: None) -> None:
    assert prune("--days", "30", "--dry-run") == "2 events would be removed."
    assert left() == ["400", "100", "20", "0"]


@pytest.mark.parametrize("days", ["0", "-1", "999999999"])
def test_not_what_happened_today_nor_before_there_was_time(happened: None, days: str) -> None:
    with pytest.raises(CommandError):
        prune("--days", days)
    assert len(left()) == 4


def test_nothing_goes_unless_it_is_said_how_old(happened: None) -> None:
    with pytest.raises(CommandError, match="--days"):
        prune()


ON_A_SERVER = f"""
from datetime import timedelta
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.utils import timezone
from audit.models import AuditEvent

now = timezone.now
timezone.now = lambda: now() - timedelta(days=50)
AuditEvent(actor_kind="system", action="create", object_kind="workspace", object="old").save()
timezone.now = now
young = AuditEvent.objects.count() - 1
call_command("prune_audit", "--days", "40")
print(AuditEvent.objects.count() - young, AuditEvent.objects.filter(object="old").count())
try:
    connection.cursor().execute("DELETE FROM {TABLE}")
except DatabaseError as error:
    print("{REFUSAL}" in str(error))
"""


@pytest.mark.server
def test_so_it_is_on_either_database(gatehouse: Any) -> None:
    """The event of the pruning takes the place of the one that went."""
    assert gatehouse.python(ON_A_SERVER).splitlines() == ["1 events removed.", "1 0", "True"]
