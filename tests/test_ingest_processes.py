"""The journal's writers and its ingester as processes that are killed, on SQLite and on PostgreSQL."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from logs import spawn
from logs.ids import new_id
from logs.lock import alone
from tests.servers import ROOT, environment

pytestmark = [pytest.mark.server, pytest.mark.timed]

WRITE = """
import django, sys, time; django.setup()
from logs import journal
for number in range(int(sys.argv[1])):
    call = journal.new_id()
    facts = {"workspace_id": "ws", "metadata": {"a\\0": "b\\0"}, "model": "gpt-4o", "body_bytes": 400}
    journal.opened(call, facts, b"x" * 400)
    print(call, flush=True)
    time.sleep(0.0005)
    if number % 10:  # every tenth stays open
        journal.closed(call, {"outcome": "finished", "status": 200}, {"response": b"y" * 400})
sys.stdin.read()
"""


@dataclass
class Place:
    """A DATA_DIR with its databases."""

    data: Path
    env: dict[str, str]
    url: str = ""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process; what it prints is in `told`."""
        with self.told.open("ab") as told:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.env | {"DJANGO_SETTINGS_MODULE": "gateway_site.settings"},
                stdin=subprocess.PIPE,
                stdout=told,
            )
        self.started.append(process)
        return process

    @property
    def told(self) -> Path:
        return self.data.parent / "told"

    def lines(self) -> list[str]:
        return [line for line in self.told.read_text().split("\n")[:-1] if line]

    def run(self, *arguments: str) -> str:
        self.told.write_bytes(b"")
        process = self.start(*arguments)
        process.communicate()
        assert process.returncode == 0
        return self.told.read_text().strip()

    def manage(self, *arguments: str) -> str:
        return self.run("manage.py", *arguments)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        if self.url:
            with psycopg.connect(self.url) as connection:
                return connection.execute(statement).fetchall()
        with contextlib.closing(sqlite3.connect(self.data / "logs.sqlite3")) as connection:
            return connection.execute(statement).fetchall()

    def rows(self) -> dict[str, str]:
        """The outcome of each call, by its id."""
        found = self.query("SELECT id, outcome FROM logs_requestlog")
        ids = {str(key).replace("-", ""): outcome for key, outcome in found}
        assert len(ids) == len(found)
        return ids


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, yard: Any, tmp_path: Path) -> Iterator[Place]:
    """Databases of its own, empty."""
    yield from made(request.param, yard, tmp_path, "template0")


@pytest.fixture(params=["sqlite", "postgres"])
def migrated(request: pytest.FixtureRequest, yard: Any, tmp_path: Path) -> Iterator[Place]:
    """Databases of its own, migrated."""
    if request.param == "sqlite":
        shutil.copytree(yard.sqlite_template[0], tmp_path / "data")
        yield from made("sqlite", yard, tmp_path, "")
    else:
        yield from made("postgres", yard, tmp_path, yard.postgres_template[0])


def made(kind: str, yard: Any, home: Path, template: str) -> Iterator[Place]:
    data = home / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    place = Place(data, environment(data, 8000))
    name = yard.database(home.name)
    if kind == "postgres":
        place.url = place.env["DATABASE_URL"] = yard.server.create(name, template)
    yield place
    for process in place.started:
        end(process)
    if place.url:
        yard.server.drop(name)


def until(holds: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "It did not come to pass."
        time.sleep(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.stdin
    process.stdin.close()
    process.wait()


@pytest.mark.parametrize("order", [("default", "logs"), ("logs", "default")])
def test_both_orders_of_migrations_make_every_table(place: Place, order: tuple[str, str]) -> None:
    for alias in order:
        place.manage("migrate", "--database", alias, "-v", "0")
    assert (
        place.manage("migrate", "--check") == place.manage("migrate", "--check", "--database", "logs") == ""
    )
    for table in ("logs_requestlog", "logs_logbody", "logs_logmetadata"):
        assert place.query(f"SELECT count(*) FROM {table}") == [(0,)]
    place.run(
        "-c", "import django; django.setup(); from keys.models import Workspace; Workspace.objects.count()"
    )


def test_every_call_is_one_row_whoever_is_killed(migrated: Place) -> None:
    """Writers and ingesters are killed in the middle, several times, and started again."""
    for goal in (200, 600, 900):
        ingester = migrated.start("manage.py", "ingest_logs", "--service")
        writer = migrated.start("-c", WRITE, "2000")
        until(lambda goal=goal: migrated.told.exists() and len(migrated.lines()) >= goal)  # type: ignore[misc]
        until(lambda goal=goal: len(migrated.rows()) > goal // 2)  # type: ignore[misc]
        end(ingester)
        end(writer)
    opened = {line.replace("-", "") for line in migrated.lines()}
    migrated.manage("ingest_logs")
    rows = migrated.rows()
    assert opened <= rows.keys()
    assert len(rows.keys() - opened) <= 3  # of writers that were killed before they could say
    assert set(rows.values()) == {"finished", "interrupted"}
    bodies = migrated.query("SELECT log, kind FROM logs_logbody")
    assert len(set(bodies)) == len(bodies)
    assert list((migrated.data / "journal").glob("*.journal")) == []
    assert list((migrated.data / "journal").glob("refused/*")) == []


def test_the_ingester_ends_in_peace_when_it_is_told_to(migrated: Place) -> None:
    writer = migrated.start("-c", WRITE, "50")
    ingester = migrated.start("manage.py", "ingest_logs", "--service")
    until(lambda: len(migrated.rows()) == 45)
    ingester.send_signal(signal.SIGTERM)
    assert ingester.wait(10) == 0
    end(ingester)
    end(writer)


def test_the_ingester_stays_small(migrated: Place) -> None:
    writer = migrated.start("-c", WRITE.replace("400", "200_000"), "300")
    ingester = migrated.start("manage.py", "ingest_logs", "--service")
    until(lambda: len(migrated.rows()) == 270)
    status = Path(f"/proc/{ingester.pid}/status").read_text()
    (peak,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    end(ingester)
    end(writer)
    assert peak < 90 << 10  # KiB; idle it is held to 70 MB by what it imports


ENSURE = """
import django, os, socket, sys, time; django.setup()
from logs import journal, spawn
assert not spawn.ensure_ingester(), "nothing is to be read"
call = journal.new_id()
journal.opened(call, {}, None)
listener = socket.create_server(("127.0.0.1", 0))
listener.set_inheritable(True)
assert spawn.ensure_ingester()
assert not spawn.ensure_ingester(), "it was started just now"
print(spawn._children[0].pid, flush=True)
sys.stdin.read()
"""


def test_a_worker_starts_the_ingester_and_gives_it_nothing_of_its_own(migrated: Place) -> None:
    worker = migrated.start("-c", ENSURE)
    until(lambda: migrated.told.exists() and migrated.lines())
    ingester = int(migrated.lines()[0])
    until(lambda: "ingester.lock" in " ".join(held(ingester)))
    inherited = [name for name in held(ingester) if name.startswith("socket:")]
    assert len(inherited) <= bool(migrated.url)  # its own to the database
    assert b"ingest_logs" in Path(f"/proc/{ingester}/cmdline").read_bytes()
    assert os.getsid(ingester) == ingester
    end(worker)
    until(lambda: set(migrated.rows().values()) == {"interrupted"})
    until(lambda: not list((migrated.data / "journal").glob("*.journal")))


def test_an_ingester_that_a_worker_starts_beside_another_ends_without_a_word(
    settings, tmp_path, capfd
) -> None:
    settings.DATA_DIR, settings.SETTINGS_MODULE = tmp_path, "gateway_site.settings"
    with alone(tmp_path / "journal"), spawn.started() as late:
        assert late.wait(30) == 0
    assert capfd.readouterr().err == ""


def held(pid: int) -> list[str]:
    """What the descriptors of a process are open on."""
    names = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            names.append(str(each.readlink()))
    return names


@pytest.mark.parametrize("migrated", ["postgres"], indirect=True)
def test_rows_wait_for_a_migration_and_are_not_refused(migrated: Place) -> None:
    with psycopg.connect(migrated.url) as connection:
        connection.execute("ALTER TABLE logs_requestlog RENAME COLUMN sdk TO later")
    writer = migrated.start("-c", WRITE, "20")
    until(lambda: migrated.told.exists() and len(migrated.lines()) == 20)
    ingester = migrated.start("manage.py", "ingest_logs")
    time.sleep(2)
    assert ingester.poll() is None
    assert migrated.rows() == {}
    assert not (migrated.data / "journal" / "refused").exists()
    with psycopg.connect(migrated.url) as connection:
        connection.execute("ALTER TABLE logs_requestlog RENAME COLUMN later TO sdk")
    end(writer)
    until(lambda: len(migrated.rows()) == 20)
    assert ingester.wait(10) == 0


# Partitions.


@pytest.mark.parametrize("migrated", ["postgres"], indirect=True)
def test_rows_lie_in_the_partition_of_their_month(migrated: Place) -> None:
    writer = migrated.start("-c", WRITE, "20")
    until(lambda: migrated.told.exists() and len(migrated.lines()) == 20)
    end(writer)
    stray = id_of(datetime.now(UTC) + timedelta(days=800))
    with psycopg.connect(migrated.url) as connection:
        connection.execute("INSERT INTO logs_logbody VALUES (%s, 'request', '', 0, false)", [stray])
    migrated.manage("ingest_logs")
    month = f"{datetime.now(UTC):%Y_%m}"
    tables = {
        name for (name,) in migrated.query("SELECT DISTINCT tableoid::regclass::text FROM logs_requestlog")
    }
    assert tables == {f"logs_requestlog_{month}"}
    bodies = {
        name for (name,) in migrated.query("SELECT DISTINCT tableoid::regclass::text FROM logs_logbody")
    }
    assert bodies == {f"logs_logbody_{month}", "logs_logbody_default"}


MAKE = """
import django; django.setup()
from datetime import datetime, UTC
from django.db import connections
from logs import partitions
print(*partitions.ensure(connections["logs"], datetime(%d, 12, 31, 23, tzinfo=UTC)))
"""


@pytest.mark.parametrize("migrated", ["postgres"], indirect=True)
def test_strays_move_to_their_partition_once_it_is_made(migrated: Place) -> None:
    year = datetime.now(UTC).year + 2
    stray = id_of(datetime(year, 12, 5, tzinfo=UTC))
    with psycopg.connect(migrated.url) as connection:
        connection.execute("INSERT INTO logs_logbody VALUES (%s, 'request', '', 0, false)", [stray])
    made = migrated.run("-c", MAKE % year).split()
    assert {f"logs_logbody_{year}_12", f"logs_requestlog_{year + 1}_01"} <= set(made)
    assert migrated.query("SELECT tableoid::regclass::text FROM logs_logbody") == [
        (f"logs_logbody_{year}_12",)
    ]
    assert migrated.run("-c", MAKE % year).strip() == ""


def id_of(moment: datetime) -> str:
    """An id that was minted then."""
    minted = f"{int(moment.timestamp() * 1000):012x}"
    return f"{minted[:8]}-{minted[8:]}{new_id()[13:]}"
