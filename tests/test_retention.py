"""What is older than the log is kept goes for good, on SQLite and on PostgreSQL, and nothing else does."""

import shutil
import sqlite3
import uuid
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend
from pytest_django import Settings

from audit.models import AuditEvent
from gateway_site import env
from gateway_site.settings import database
from logs import partitions, spawn
from logs.ids import new_id
from logs.ingester import Ingester
from logs.journal import Writer
from logs.keeping import guard, pruning, retention
from logs.keeping.pruning import Pruning
from logs.keeping.retention import Retention
from logs.models import KnownModel, LogBody, LogFloor, LogMetadata, Repricing, RequestLog, UnpricedModel
from tests.servers import Yard

pytestmark = [pytest.mark.django_db(databases=["default", "logs"]), pytest.mark.server]

NOW = datetime.now(UTC)
OLD, CUT, YOUNG = NOW - timedelta(days=100), NOW - timedelta(days=30), NOW - timedelta(days=3)


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, yard: Yard, tmp_path: Path, settings: Settings) -> Iterator[Any]:
    """The log in a database of its own, not in memory; everything else stays where it was."""
    settings.DATA_DIR = tmp_path
    name = yard.database(f"retention_{uuid.uuid4().hex[:8]}")
    if request.param == "sqlite":
        shutil.copyfile(yard.sqlite_template[0] / "logs.sqlite3", tmp_path / "logs.sqlite3")
        url = f"sqlite:///{tmp_path / 'logs.sqlite3'}"
    else:
        url = yard.server.create(name, yard.postgres_template[0])
    given, connections["logs"] = connections["logs"], opened(url)
    yield connections["logs"]
    connections["logs"].close()
    if request.param == "postgres":
        connections["logs"].close_pool()
        yard.server.drop(name)
    connections["logs"] = given


def opened(url: str) -> BaseDatabaseWrapper:
    told = connections.settings["logs"] | database("LOG_DATABASE_URL", url)
    return load_backend(told["ENGINE"]).DatabaseWrapper(told, "logs")


def minted(at: datetime) -> uuid.UUID:
    return uuid.UUID(int=partitions.lowest_id(at).int | (uuid.UUID(new_id()).int & (1 << 80) - 1))


def call(at: datetime, body: bytes = b"asked", **metadata: str) -> uuid.UUID:
    made = minted(at)
    told = metadata or {"_user": "ann", "env": "prod"}
    RequestLog.objects.create(id=made, created_at=at, outcome="finished", workspace_id="ws-1", metadata=told)
    LogBody.objects.create(log=made, kind="request", content=zlib.compress(body, 0), size=len(body))
    for key, value in told.items():
        LogMetadata.objects.create(workspace_id="ws-1", key=key, value=value, log=made)
    return made


def kept() -> tuple[set[Any], set[Any], set[Any]]:
    """The calls of which there are rows, bodies, metadata."""
    return (
        set(RequestLog.objects.values_list("id", flat=True)),
        set(LogBody.objects.values_list("log", flat=True)),
        set(LogMetadata.objects.values_list("log", flat=True)),
    )


def prune(**options: Any) -> None:
    call_command("prune_logs", **options)


def test_every_table_loses_what_is_old_and_keeps_what_is_young(log: Any) -> None:
    for day in range(20):
        call(OLD + timedelta(days=day))
    young = {call(YOUNG + timedelta(hours=hour)) for hour in range(20)}
    prune(days=30)
    assert kept() == (young, young, young)


def test_a_call_at_the_moment_itself_is_kept_and_the_one_before_goes(log: Any) -> None:
    cut = CUT.replace(microsecond=0)
    before, at = call(cut - timedelta(milliseconds=1)), call(cut)
    prune(before=cut.isoformat())
    assert kept()[0] == {at}
    assert before not in kept()[1]


def test_what_lost_its_call_goes_too(log: Any) -> None:
    LogBody.objects.create(log=minted(OLD), kind="response", content=b"", size=0)
    LogMetadata.objects.create(workspace_id="ws-9", key="a", value="b", log=minted(OLD))
    alone = minted(YOUNG)
    LogBody.objects.create(log=alone, kind="response", content=b"", size=0)
    LogMetadata.objects.create(workspace_id="ws-9", key="a", value="b", log=alone)
    prune(days=30)
    assert kept() == (set(), {alone}, {alone})


def test_metadata_is_walked_over_bit_by_bit(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "METADATA_ROWS", 3)
    young = minted(YOUNG)
    for number in range(11):
        for each in (minted(OLD), young):
            LogMetadata.objects.create(workspace_id="ws", key=f"k{number % 4}", value=str(number), log=each)
    prune(days=30)
    assert LogMetadata.objects.count() == 11
    assert kept()[2] == {young}


def test_models_not_heard_of_since_go(log: Any) -> None:
    for name, listed, seen in [
        ("old", OLD, OLD),
        ("never seen", OLD, None),
        ("listed", YOUNG, OLD),
        ("seen", None, YOUNG),
    ]:
        KnownModel.objects.create(virtual_key_id="v", model=name, listed_at=listed, seen_at=seen)
    prune(days=30)
    assert set(KnownModel.objects.values_list("model", flat=True)) == {"listed", "seen"}


def test_the_days_of_unpriced_models_go(log: Any) -> None:
    for at in (OLD, YOUNG):
        UnpricedModel.objects.create(
            day=at.date(), provider="p", model="m", calls=1, used=1, first_at=at, last_at=at
        )
    prune(days=30)
    assert [row.day for row in UnpricedModel.objects.all()] == [YOUNG.date()]


def test_rows_set_aside_go_by_the_age_of_their_calls(log: Any, tmp_path: Path) -> None:
    refused = tmp_path / "journal" / "refused"
    refused.mkdir(parents=True)
    for each in (old := minted(OLD), young := minted(YOUNG)):
        (refused / f"{each}.json").write_text("{}")
    (refused / "by hand.json").write_text("{}")
    prune(days=30)
    assert old not in {young}
    assert {path.name for path in refused.iterdir()} == {f"{young}.json", "by hand.json"}


# What is removed does not come back.


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "journal", body_bytes=64 << 10, segment_bytes=1 << 20)
    yield writer
    writer.leave()


def written(writer: Writer, made: uuid.UUID) -> uuid.UUID:
    writer.opened(str(made), {"model": "gpt-4o"}, b"asked")
    writer.closed(str(made), {"outcome": "finished", "status": 200}, {"response": b"answered"})
    return made


def test_a_journal_that_is_read_again_brings_nothing_back(log: Any, writer: Writer) -> None:
    old, young = written(writer, minted(OLD)), written(writer, minted(YOUNG))
    for _ in range(2):
        ingester = Ingester(writer.folder, Event())
        ingester.drain()
        ingester.journal.close()
        prune(days=30)
        assert kept()[:2] == ({young}, {young})
    assert old not in kept()[0]
    writer.leave()
    ingester = Ingester(writer.folder, Event())
    ingester.drain()
    assert kept()[:2] == ({young}, {young})
    assert list(writer.folder.glob("*.journal")) == []
    assert not (writer.folder / "refused").exists()


def test_the_floor_never_sinks(log: Any) -> None:
    prune(days=30)
    highest = LogFloor.objects.get().lowest
    prune(days=60)
    assert LogFloor.objects.get().lowest == highest
    prune(days=10)
    assert LogFloor.objects.get().lowest > highest


def test_a_floor_that_a_wrong_clock_raised_takes_no_call_and_sinks_again(log: Any, writer: Writer) -> None:
    LogFloor.objects.update(lowest=partitions.lowest_id(NOW + timedelta(days=365)))
    young = written(writer, minted(YOUNG))
    ingester = Ingester(writer.folder, Event())
    ingester.drain()
    ingester.journal.close()
    assert kept()[0] == {young}
    prune(before=CUT.isoformat())
    assert LogFloor.objects.get().lowest == partitions.lowest_id(CUT)
    assert kept()[0] == {young}


def test_calls_that_are_passed_over_are_told_of(log: Any, writer: Writer, caplog: Any) -> None:
    prune(days=30)
    written(writer, minted(OLD))
    ingester = Ingester(writer.folder, Event())
    ingester.drain()
    ingester.journal.close()
    assert "1 calls from before the log begins were passed over" in caplog.text


def test_a_log_without_a_floor_takes_every_call(log: Any, writer: Writer) -> None:
    LogFloor.objects.all().delete()
    old = written(writer, minted(OLD))
    ingester = Ingester(writer.folder, Event())
    ingester.drain()
    ingester.journal.close()
    assert kept()[0] == {old}


@pytest.mark.parametrize("log", ["postgres"], indirect=True)
def test_a_partition_that_another_ingester_made_just_before_is_taken_as_it_is(log: Any) -> None:
    month = datetime(NOW.year + 3, 12, 1, tzinfo=UTC)
    assert len(partitions.ensure(log, month)) == 6
    end = partitions.month_after(month)
    for table, column in partitions.TABLES.items():
        partitions.create(log, table, column, f"{table}_{month:%Y_%m}", month, end)
    assert partitions.ensure(log, month) == []


# What is told of it.


def test_one_event_tells_what_went_and_none_that_nothing_did(log: Any, capsys: Any) -> None:
    for _ in range(3):
        call(OLD)
    days = {thirty_days_ago()}
    prune(days=30)
    (event,) = AuditEvent.objects.all()
    assert (event.action, event.object_kind, event.changes) == ("delete", "request_log", {"calls": [3, None]})
    days.add(thirty_days_ago())  # midnight may have passed
    assert any(event.object.startswith(f"before {day}") for day in days)
    assert "3 calls" in capsys.readouterr().out
    prune(days=30)
    assert AuditEvent.objects.count() == 1
    assert "There is nothing from before" in capsys.readouterr().out


def thirty_days_ago() -> str:
    return f"{datetime.now(UTC) - timedelta(days=30):%Y-%m-%d}"


def test_to_ask_first_removes_nothing(log: Any, capsys: Any) -> None:
    old = call(OLD)
    prune(days=30, dry_run=True)
    assert "1 calls before" in capsys.readouterr().out
    assert kept()[0] == {old}
    assert LogFloor.objects.get().lowest.int == 0
    assert not AuditEvent.objects.exists()


def test_without_a_setting_calls_are_kept_for_ever(log: Any, settings: Settings, capsys: Any) -> None:
    old = call(OLD)
    settings.LOG_RETENTION_DAYS = 0
    prune()
    assert "kept for ever" in capsys.readouterr().out
    assert kept()[0] == {old}
    settings.LOG_RETENTION_DAYS = 30
    prune()
    assert kept()[0] == set()


@pytest.mark.parametrize("value", ["a week", "-1", "1.5", "36501", "inf"])
def test_a_setting_that_will_not_do_stops_the_start_by_its_name(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_RETENTION_DAYS", value)
    with pytest.raises(ImproperlyConfigured, match="LOG_RETENTION_DAYS"):
        env.whole("LOG_RETENTION_DAYS", 0, most=36_500)


@pytest.mark.parametrize(
    "options", [{"before": "tomorrow"}, {"before": "9999-01-01"}, {"days": -1}, {"days": 10**7}]
)
def test_a_moment_that_will_not_do_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        prune(**options)


@pytest.mark.parametrize("options", [{"before": "1960-01-01"}, {"days": 30_000}])
def test_nothing_is_from_before_there_were_ids(log: Any, options: dict[str, Any], capsys: Any) -> None:
    young = call(YOUNG)
    prune(**options)
    assert "There is nothing from before" in capsys.readouterr().out
    assert kept()[0] == {young}


def test_every_table_of_the_log_is_seen_to() -> None:
    """A new one has to be removed from, or stands here with a reason."""
    stay = {LogFloor, Repricing}  # where the log begins; what an admin asked for
    seen_to = {RequestLog, LogBody, LogMetadata, KnownModel, UnpricedModel}
    assert set(apps.get_app_config("logs").get_models()) == stay | seen_to


# By the ingester, between its looks.


@pytest.fixture
def keeping(log: Any, settings: Settings, tmp_path: Path) -> Retention:
    settings.LOG_RETENTION_DAYS = 30
    (tmp_path / "journal").mkdir()
    return Retention(tmp_path / "journal")


def test_the_ingester_removes_by_itself_and_says_it_was_the_system(keeping: Retention) -> None:
    call(OLD)
    young = call(YOUNG)
    keeping.turn()
    assert kept()[0] == {young}
    assert not keeping.is_busy
    (event,) = AuditEvent.objects.all()
    assert (event.actor_kind, event.changes) == ("system", {"calls": [1, None]})
    call(OLD)
    keeping.turn()
    assert len(kept()[0]) == 2, "not before an hour is over"


def test_a_turn_is_short_and_the_next_goes_on(keeping: Retention, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(25):
        call(OLD)
    monkeypatch.setattr(pruning, "FEWEST", 1)
    monkeypatch.setattr(pruning, "MOST", 10)
    monkeypatch.setattr(retention, "TURN_SECONDS", 0)
    keeping.turn()
    assert keeping.is_busy
    assert 0 < len(kept()[0]) < 25
    for _ in range(20):
        keeping.turn()
    assert not keeping.is_busy
    assert kept() == (set(), set(), set())
    assert AuditEvent.objects.get().changes == {"calls": [25, None]}


def test_the_longest_time_that_may_be_set_stops_no_ingester(keeping: Retention, settings: Settings) -> None:
    settings.LOG_RETENTION_DAYS = 36_500
    old = call(OLD)
    keeping.turn()
    assert not keeping.is_busy
    assert kept()[0] == {old}


def test_a_disk_without_room_makes_it_wait_and_no_more(
    keeping: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    old = call(OLD)
    monkeypatch.setattr(retention.connections, "close_all", lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", full)
        keeping.turn()
    assert kept()[0] == {old}
    keeping.next_at = 0.0
    keeping.turn()
    assert kept()[0] == set()


def test_what_breaks_off_is_tried_again_and_told_of(
    keeping: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(OLD)
    removing = Pruning.bodies_alone
    tries: list[None] = []

    def away_at_first(self: Pruning) -> Iterator[float]:
        tries.append(None)
        if len(tries) == 1:
            raise OperationalError("the server closed the connection")
        return removing(self)

    monkeypatch.setattr(Pruning, "bodies_alone", away_at_first)
    monkeypatch.setattr(retention, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(retention.connections, "close_all", lambda: None)
    keeping.turn()
    assert not AuditEvent.objects.exists()
    keeping.turn()
    assert AuditEvent.objects.get().changes == {"calls": [1, None]}


def test_an_ingester_that_ends_in_the_middle_tells_what_it_did(
    keeping: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(OLD)
    monkeypatch.setattr(retention, "TURN_SECONDS", 0)
    keeping.turn()
    assert keeping.is_busy
    keeping.close()
    assert AuditEvent.objects.get().changes == {"calls": [1, None]}


def test_an_ingester_without_calls_removes_and_ends(keeping: Retention) -> None:
    call(OLD)
    ingester = Ingester(keeping.folder, Event())
    ingester.run(service=False)
    ingester.stop.set()
    assert kept()[0] == set()


def test_an_ingester_is_started_once_an_hour_where_nobody_calls(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Started:
        def poll(self) -> int:
            return 0

    settings.DATA_DIR = tmp_path
    folder = tmp_path / "journal"
    folder.mkdir()
    monkeypatch.setattr(spawn, "started", Started)
    settings.LOG_RETENTION_DAYS = 0
    assert not spawn.ensure_ingester()
    settings.LOG_RETENTION_DAYS = 30
    assert spawn.ensure_ingester()
    (folder / retention.STAMP).touch()
    assert not spawn.ensure_ingester()
    monkeypatch.setattr(retention, "EVERY_SECONDS", 0)
    assert spawn.ensure_ingester()


# Room on the disk.


sqlite_alone = pytest.mark.parametrize("log", ["sqlite"], indirect=True)
postgres_alone = pytest.mark.parametrize("log", ["postgres"], indirect=True)


@sqlite_alone
def test_the_file_is_smaller_afterwards(log: Any, tmp_path: Path) -> None:
    for _ in range(100):
        call(OLD, body=b"x" * 50_000)
    call(YOUNG, body=b"x" * 50_000)
    assert size(tmp_path) > 5_000_000
    assert sum(1 for _ in Pruning(CUT, tmp_path / "none").steps()) < 100, "many pages go in a step"
    assert size(tmp_path) < 1_000_000


@sqlite_alone
def test_a_file_that_cannot_shrink_is_written_anew_on_request(log: Any, tmp_path: Path, capsys: Any) -> None:
    log.close()
    with closing(sqlite3.connect(tmp_path / "logs.sqlite3", isolation_level=None)) as older:
        older.execute("PRAGMA auto_vacuum = NONE")
        older.execute("VACUUM")
    for _ in range(50):
        call(OLD, body=b"x" * 50_000)
    prune(days=30)
    assert "prune_logs --vacuum" in capsys.readouterr().out
    assert size(tmp_path) > 2_000_000
    prune(days=30, vacuum=True)
    assert size(tmp_path) < 1_000_000
    prune(days=30)
    assert "--vacuum" not in capsys.readouterr().out


def size(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "logs.sqlite3")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / "logs.sqlite3").stat().st_size


def tables(log: Any) -> set[str]:
    with log.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'logs_%'")
        return {name for (name,) in cursor.fetchall()}


@postgres_alone
def test_months_that_are_over_are_dropped_whole(log: Any) -> None:
    long_ago = datetime(2025, 1, 15, tzinfo=UTC)
    partitions.ensure(log, long_ago)
    call(long_ago)
    in_february = call(datetime(2025, 2, 1, tzinfo=UTC))
    stray = call(datetime(2024, 6, 1, tzinfo=UTC))
    prune(before="2025-02-01")
    assert kept()[0] == {in_february}
    names = tables(log)
    assert not {name for name in names if name.endswith("2025_01")}
    assert {"logs_requestlog_2025_02", "logs_logbody_2025_02", "logs_logmetadata_2025_02"} <= names
    assert stray not in kept()[2]
    assert AuditEvent.objects.get().changes == {"months": ["2025-01", None], "calls": [1, None]}


@postgres_alone
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "UPDATE {} SET outcome = 'failed'"])
def test_a_call_in_the_partition_of_its_month_is_guarded_too(log: Any, verb: str) -> None:
    partitions.ensure(log, datetime(2025, 1, 15, tzinfo=UTC))
    made = call(datetime(2025, 2, 1, tzinfo=UTC))
    with pytest.raises(DatabaseError, match=guard.REFUSAL), log.cursor() as cursor:
        cursor.execute(verb.format("logs_requestlog_2025_02"))
    assert kept()[0] == {made}


@postgres_alone
def test_a_month_that_is_read_is_dropped_later_and_nobody_waits_long(
    log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime(2025, 1, 15, tzinfo=UTC)
    partitions.ensure(log, long_ago)
    call(long_ago)
    monkeypatch.setattr(pruning, "BETWEEN_TRIES", 0)
    monkeypatch.setattr(pruning, "TRIES", 2)
    monkeypatch.setattr(partitions, "LOCK_MILLISECONDS", 10)
    told = log.settings_dict
    reader = opened(f"postgres://{told['USER']}@{told['HOST']}:{told['PORT']}/{told['NAME']}")
    try:
        reader.set_autocommit(False)
        with reader.cursor() as cursor:
            cursor.execute("SELECT 1 FROM logs_logbody")
        with pytest.raises(CommandError, match="2025_01"):
            prune(before="2025-02-01")
        reader.rollback()
        assert len(kept()[0]) == 1
        prune(before="2025-02-01")
        assert kept()[0] == set()
    finally:
        reader.close()
        reader.close_pool()
