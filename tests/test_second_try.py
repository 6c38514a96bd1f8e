"""What was set aside comes back when it can, whole, and stays with its new reason when it cannot."""

import json
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from pytest_django import Settings

from audit.models import AuditEvent
from logs import rows as making
from logs import set_aside
from logs.ids import minted_at, new_id
from logs.ingester import Ingester
from logs.journal import Writer
from logs.lock import alone
from logs.models import LogBody, LogMetadata, RequestLog
from logs.store import Store

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

POISON = """CREATE TRIGGER poison BEFORE INSERT ON logs_requestlog WHEN NEW.model = 'poison'
            BEGIN SELECT RAISE(ABORT, 'not this one'); END"""
OPENED = {"time": 1_790_000_000.25, "workspace_id": "ws-1", "metadata": {"env": "prod"}}
USAGE = {"input": 1000, "output": 300}
CLOSED = {"outcome": "finished", "status": 200, "provider": "openai", "model": "gpt-4o-mini", "usage": USAGE}


@pytest.fixture
def writer(tmp_path: Path, settings: Settings) -> Iterator[Writer]:
    settings.DATA_DIR = tmp_path
    writer = Writer(tmp_path / "journal", body_bytes=64 << 10, segment_bytes=1 << 20)
    yield writer
    writer.leave()


@pytest.fixture
def refused(writer: Writer) -> Path:
    return writer.folder / "refused"


def ingest(writer: Writer, **closed: Any) -> str:
    call = new_id()
    writer.opened(call, OPENED, b"asked \xff")
    writer.closed(call, CLOSED | closed, {"response": b"answered"})
    ingester = Ingester(writer.folder, Event())
    ingester.drain()
    ingester.journal.close()
    return call


@pytest.fixture
def poisoned() -> Callable[[], Any]:
    """A database that refuses one model, until what is given here is called."""
    with connections["logs"].cursor() as cursor:
        cursor.execute(POISON)
    return lambda: connections["logs"].cursor().execute("DROP TRIGGER poison")


def again(capsys: Any) -> str:
    capsys.readouterr()
    call_command("ingest_refused")
    return str(capsys.readouterr().out)


def whole(call: str) -> tuple[Any, ...]:
    """All that is stored of a call."""
    log = RequestLog.objects.values().get(id=call)
    bodies = LogBody.objects.filter(log=call).order_by("kind").values_list("kind", "content", "size", "cut")
    metadata = LogMetadata.objects.filter(log=call).values_list("workspace_id", "key", "value")
    return {**log, "id": 0}, [(kind, zlib.decompress(c), *rest) for kind, c, *rest in bodies], list(metadata)


def test_a_row_comes_back_as_it_would_have_been(writer, refused, poisoned, capsys):
    fine = ingest(writer)
    poison = ingest(writer, model="poison", virtual_key="v")
    assert [aside.call for aside in set_aside.newest(refused, 10)] == [poison]
    poisoned()
    assert "1 of 1 are in the log now" in again(capsys)
    assert list(refused.iterdir()) == []
    log, *beside = whole(poison)
    expected, *expected_beside = whole(fine)
    differ = {name for name in log if log[name] != expected[name]}
    assert differ <= {"model", "virtual_key", "cost", "cost_lines", "price_source", "pricing"}
    assert beside == expected_beside
    assert beside[0][0] == ("request", b"asked \xff", 7, False)


def test_a_file_nested_beyond_measure_keeps_nobody_waiting(writer, refused, poisoned, capsys):
    poison = ingest(writer, model="poison")
    poisoned()
    (refused / "0.json").write_text(f'{{"id": "0", "reason": "", "opened": {"[" * 100_000}{"]" * 100_000}}}')
    said = again(capsys)
    assert "0: The file cannot be read" in said
    assert f"{poison}: in the log" in said


def test_a_call_no_row_could_be_made_of_comes_back_priced(writer, refused, capsys, monkeypatch):
    def broken(*_: Any) -> Any:
        raise ValueError("not yet")

    with monkeypatch.context() as patch:
        patch.setattr(making, "ending", broken)
        call = ingest(writer)
    assert not RequestLog.objects.exists()
    assert "in the log" in again(capsys)
    log, bodies, metadata = whole(call)
    assert (log["cost"], log["pricing"]) == (Decimal("0.00033"), "priced")
    assert [body[:2] for body in bodies] == [("request", b"asked \xff"), ("response", b"answered")]
    assert metadata == [("ws-1", "env", "prod")]
    assert list(refused.iterdir()) == []


def test_what_is_refused_again_stays_with_its_new_reason(writer, refused, poisoned, capsys):
    call = ingest(writer, model="poison")
    poisoned()
    with connections["logs"].cursor() as cursor:
        cursor.execute(POISON.replace("not this one", "never"))
    before = json.loads((refused / f"{call}.json").read_text())
    assert "0 of 1" in again(capsys)
    after = json.loads((refused / f"{call}.json").read_text())
    assert (before.pop("reason"), after.pop("reason")) == ("not this one", "never")
    assert before == after
    assert [path.name for path in refused.iterdir()] == [f"{call}.json"]
    assert not AuditEvent.objects.exists()


def test_a_row_that_lacks_a_column_gets_its_default(writer, refused, poisoned, capsys):
    call = ingest(writer, model="poison")
    path = refused / f"{call}.json"
    told = json.loads(path.read_text())
    del told["log"]["cost_lines"], told["log"]["sdk"]
    told["log"]["gone_since"] = 1
    path.write_text(json.dumps(told))
    poisoned()
    again(capsys)
    log = RequestLog.objects.get(id=call)
    assert (log.cost_lines, log.sdk) == ([], "")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '"x"', '{"id": "x", "log": {}}'])
def test_a_file_that_says_nothing_stays_and_stops_nothing(writer, refused, poisoned, capsys, text):
    call = ingest(writer, model="poison")
    (refused / "0.json").write_text(text)
    poisoned()
    assert "1 of 2" in again(capsys)
    assert [path.name for path in refused.iterdir()] == ["0.json"]
    assert RequestLog.objects.filter(id=call).exists()


def test_one_event_tells_of_what_came_in(writer, refused, poisoned, capsys):
    for _ in range(2):
        ingest(writer, model="poison")
    poisoned()
    again(capsys)
    event = AuditEvent.objects.get()
    assert (event.action, event.object_kind, event.changes) == (
        "manage",
        "request_log",
        {"calls set aside": [2, None]},
    )


def test_while_the_database_is_away_everything_stays(writer, refused, poisoned, monkeypatch):
    ingest(writer, model="poison")

    def away(*_: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Store, "insert", away)
    monkeypatch.setattr(Store, "drop_connection", lambda _: None)
    with pytest.raises(CommandError, match="gone"):
        call_command("ingest_refused")
    assert "not this one" in next(refused.iterdir()).read_text()


def test_two_do_not_try_at_once(writer, refused):
    with alone(writer.folder, "refused.lock"), pytest.raises(CommandError, match="just now"):
        call_command("ingest_refused")


# What is told of them.


def test_the_latest_are_told_first_with_time_and_reason(tmp_path):
    calls = [new_id() for _ in range(5)]
    for number, call in enumerate(calls):
        set_aside.keep(tmp_path, call, f'because "{number}"', {"opened": "x" * 100_000})
    found = set_aside.newest(tmp_path, 3)
    assert [aside.call for aside in found] == calls[:1:-1]
    assert [aside.reason for aside in found] == ['because "4"', 'because "3"', 'because "2"']
    assert found[0].at == minted_at(calls[4])
    assert set_aside.count(tmp_path) == 5


def test_a_reason_without_end_is_told_as_far_as_it_was_read(tmp_path):
    set_aside.keep(tmp_path, "x", "long " * 100_000, {})
    (aside,) = set_aside.newest(tmp_path, 3)
    assert aside.reason.startswith("long long")
    assert len(aside.reason) <= set_aside.HEAD
    assert aside.at is None


def test_no_more_than_so_many_files_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(set_aside, "MOST", 3)
    for _ in range(5):
        set_aside.keep(tmp_path, new_id(), "no", {})
    assert set_aside.count(tmp_path) == 3
    assert len(set_aside.newest(tmp_path, 10)) == 3


def test_nothing_was_ever_set_aside(tmp_path):
    assert set_aside.count(tmp_path / "refused") == 0
    assert set_aside.newest(tmp_path / "refused", 10) == []


def test_a_file_that_cannot_be_read_is_told_as_that(tmp_path):
    (tmp_path / "broken.json").write_text("{not json")
    (aside,) = set_aside.newest(tmp_path, 3)
    assert aside.reason == "The file cannot be read, or does not say why."
