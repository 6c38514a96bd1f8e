"""An export by the real server: it holds up nobody, keeps nothing, and shows when it was cut."""

import contextlib
import http.client
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import processes
from tests.servers import Gatehouse, Kind
from tests.test_loop_held import at_once, the_loop_stays_free, tick

pytestmark = [pytest.mark.server, pytest.mark.timed]

ROWS = 4000
PATH = "/admin/logs/requestlog/export/?as=csv&model=exported"
GROWTH = 20  # MB; the file has 16, and its rows many more as objects
FILL = f"""
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from logs.ids import new_id
from logs.models import RequestLog

now = timezone.now()
facts = dict(created_at=now, model="exported", outcome="failed", error_message="long " * 800)
RequestLog.objects.bulk_create((RequestLog(id=new_id(), **facts) for _ in range({ROWS})), batch_size=500)
client = Client()
client.force_login(User.objects.get(username="admin"))
print(settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value, sep="=")
"""


@pytest.fixture(scope="module")
def single(yard, kind) -> Iterator[Gatehouse]:
    """One worker, whose tick is the tick of all."""
    with yard.started(Kind(kind.database, 1)) as gatehouse:
        yield gatehouse


@pytest.fixture(scope="module")
def signed_in(single) -> dict[str, str]:
    """The headers of somebody who may see the log, in which there are ROWS to be exported."""
    headers = {"cookie": single.python(FILL)}
    single.ask(method="GET", path=f"{PATH}&status=404", key="", headers=headers)
    single.chat()
    tick(single)
    return headers


def test_an_export_holds_up_no_stream_and_keeps_nothing(single, signed_in):
    before = memory(single, peak=False)
    with the_loop_stays_free(single):
        exported, stream = at_once(
            lambda: single.ask(method="GET", path=PATH, key="", headers=signed_in),
            lambda: single.chat("[[events 50]] [[pace 0.02]]", stream=True),
        )
    assert exported.body.count(b"\r\n") == ROWS + 1
    assert stream.body.rstrip().endswith(b"[DONE]")
    assert memory(single, peak=True) < before + GROWTH


def memory(gatehouse: Gatehouse, *, peak: bool) -> float:
    """MB of the largest of its processes; what was most before the first look is forgotten by it."""
    held = 0.0
    for pid in processes.of(gatehouse.data, "gunicorn"):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        held = max(held, int(status["VmHWM" if peak else "VmRSS"].split()[0]) / 1024)
        if not peak:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc_pid_clear_refs(5)
    return held


def test_an_export_that_was_cut_does_not_end_as_if_it_were_whole(single, signed_in):
    path, headers = f"{PATH}&span=all", signed_in
    with single.opened(method="GET", path=path, key="", headers=headers) as answer:
        assert answer.read(10)
        with gone(single), pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()


@contextlib.contextmanager
def gone(gatehouse: Gatehouse) -> Iterator[None]:
    """The table has another name for the block."""
    rename(gatehouse, "logs_requestlog", "logs_elsewhere")
    try:
        yield
    finally:
        rename(gatehouse, "logs_elsewhere", "logs_requestlog")


def rename(gatehouse: Gatehouse, name: str, new: str) -> None:
    statement = f"ALTER TABLE {name} RENAME TO {new}"
    if gatehouse.database_url:
        with psycopg.connect(gatehouse.database_url) as connection:
            connection.execute(statement)
        return
    path = gatehouse.data / "logs.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as lite:
        lite.execute(statement)
