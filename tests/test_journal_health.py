"""How the journal is, told from its files and in the admin: what waits, since when, what was set aside."""

import os
import time
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from logs import ingester as ingesting
from logs import progress, set_aside, spawn
from logs.health import health, set_aside_count, waiting
from logs.ids import minted_at, new_id
from logs.ingester import Ingester
from logs.journal import Writer
from logs.lock import alone
from logs.models import RequestLog
from logs.pages import health_words

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

PAGE = "/admin/logs/requestlog/journal/"
NASTY = "<script>alert(1)</script><img src=https://elsewhere.example/x.png>\u202e"


@pytest.fixture
def writer(tmp_path: Path, settings: Settings) -> Iterator[Writer]:
    settings.DATA_DIR = tmp_path
    writer = Writer(tmp_path / "journal", body_bytes=64 << 10, segment_bytes=1 << 20)
    yield writer
    writer.leave()


@pytest.fixture
def folder(writer: Writer) -> Path:
    writer.folder.mkdir()
    return writer.folder


@pytest.fixture
def ingester(writer: Writer) -> Iterator[Ingester]:
    ingester = Ingester(writer.folder, Event())
    yield ingester
    ingester.journal.close()


def run(writer: Writer, request: bytes = b"asked") -> str:
    call = new_id()
    writer.opened(call, {"model": "gpt-4o"}, request)
    writer.closed(call, {"outcome": "finished", "status": 200}, {"response": b"answered"})
    return call


def test_a_journal_that_never_was_is_healthy(tmp_path):
    found = health(tmp_path / "journal")
    assert (found.is_read, found.segments, found.calls, found.unread, found.oldest) == (False, 0, 0, 0, None)
    assert not (tmp_path / "journal").exists()
    assert found.room >= found.free > 0


def test_what_nobody_read_waits_since_it_was_written(writer):
    first = run(writer)
    run(writer, request=b"x" * 50_000)
    writer.opened(new_id(), {}, None)
    found = health(writer.folder)
    assert (found.calls, found.is_all, found.looked_at) == (2, True, None)
    assert 50_000 < found.unread < 55_000
    assert found.oldest == minted_at(first)
    assert found.size >= 1 << 20


def test_nothing_waits_that_was_read(writer, ingester):
    run(writer)
    before = timezone.now()
    ingester.drain()
    found = health(writer.folder)
    assert (found.calls, found.unread, found.oldest) == (0, 0, None)
    assert found.looked_at is not None
    assert abs(found.looked_at - before) < timedelta(seconds=60)


def test_what_came_after_the_last_look_waits_since_then_at_most(writer, ingester):
    call = new_id()
    writer.opened(call, {}, None)
    ingester.drain()
    looked_at = health(writer.folder).looked_at
    writer.closed(call, {"outcome": "finished"}, {})
    found = health(writer.folder)
    assert found.calls == 1
    assert found.oldest == looked_at, "the call is older, its record is not"


def test_many_segments_are_told_together_and_not_without_end(writer, monkeypatch):
    for _ in range(40):
        run(writer, request=b"x" * 60_000)
    found = health(writer.folder)
    assert found.segments > 2
    assert (found.calls, found.is_all) == (40, True)
    monkeypatch.setattr("logs.health.MOST_RECORDS", 7)
    found = health(writer.folder)
    assert (found.calls, found.is_all) == (3, False)


def test_a_segment_that_goes_meanwhile_holds_nothing(tmp_path):
    assert waiting([tmp_path / "1-00000001-00000001.journal"], {}, None).calls == 0


def test_who_reads_is_told_by_the_lock(folder):
    assert not health(folder).is_read
    with alone(folder):
        assert health(folder).is_read


def test_while_the_database_is_away_the_ingester_says_so(writer, ingester, monkeypatch):
    run(writer)
    ingester.drain()
    looked_at = health(writer.folder).looked_at
    run(writer)
    seen: list[Any] = []

    def away_at_first(batch: Any) -> None:
        seen.append(health(writer.folder))
        if len(seen) < 3:
            raise OperationalError("the server closed the connection")

    monkeypatch.setattr(ingesting, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(ingester.store, "insert", away_at_first)
    monkeypatch.setattr(ingester.store, "drop_connection", lambda: None)
    ingester.drain()
    assert [each.away for each in seen] == ["", *["the server closed the connection"] * 2]
    assert (seen[-1].calls, seen[-1].looked_at) == (1, looked_at)
    assert health(writer.folder).away == ""


def test_an_ingester_goes_on_from_what_the_one_before_told(writer, ingester):
    run(writer)
    ingester.drain()
    before = progress.seen(writer.folder)
    later = Ingester(writer.folder, Event())
    later.reporter.waits("away")
    after = progress.seen(writer.folder)
    assert (after.progress.read, after.progress.away) == (before.progress.read, "away")
    assert after.looked_at == before.looked_at


@pytest.mark.parametrize("text", ["", "{", "[]", '{"read": {}}', "7"])
def test_progress_that_cannot_be_read_is_none(folder, text):
    (folder / progress.NAME).write_text(text)
    assert progress.seen(folder) == progress.Seen(progress.Progress(), None)
    assert health(folder).looked_at is None


def test_a_disk_without_room_for_the_progress_stops_nothing(folder, caplog):
    reporter = progress.Reporter(folder)
    (folder / "progress.new").mkdir()
    reporter.looked(time.time(), {"a": 1})
    assert "could not be noted" in caplog.text
    (folder / "progress.new").rmdir()
    reporter.looked(time.time(), {"a": 1})
    assert progress.seen(folder).progress.read == {"a": 1}


# The page.


def staff(*permissions: str) -> Client:
    user = User.objects.create_user(f"staff {len(permissions)}", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def viewer(db: None) -> Client:
    return staff("view_requestlog")


def put_aside(folder: Path, reason: str = NASTY, **told: Any) -> str:
    call = new_id()
    set_aside.keep(folder / "refused", call, reason, told)
    return call


def test_a_healthy_journal_says_so(viewer, folder, ingester):
    ingester.drain()
    shown = viewer.get(PAGE).content.decode()
    assert "All is well" in shown
    assert os.uname().nodename in shown
    assert "Nothing: the database took every call." in shown


def test_what_waits_without_a_reader_is_told(viewer, writer):
    run(writer)
    shown = viewer.get(PAGE).content.decode()
    assert "no ingester runs" in shown
    assert "1 call," in shown


def test_the_newest_call_in_the_log_is_told(viewer, folder):
    RequestLog.objects.create(
        id=new_id(), created_at=timezone.now() - timedelta(minutes=5), outcome="finished"
    )
    assert "5 minutes ago" in viewer.get(PAGE).content.decode()


def test_a_database_that_is_away_does_not_take_the_page_along(viewer, folder, monkeypatch):
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("nobody is there")

    monkeypatch.setattr(RequestLog.objects, "order_by", away)
    answer = viewer.get(PAGE)
    assert answer.status_code == 200
    assert "nobody is there" in answer.content.decode()


def test_what_was_set_aside_is_listed_as_text(viewer, folder):
    call = put_aside(folder)
    shown = viewer.get(PAGE).content.decode()
    assert f"{PAGE}{call}/" in shown
    assert "not in the log: 1 call." in shown
    assert "&lt;script&gt;" in shown
    assert "<script>alert" not in shown
    assert "\u202e" not in shown
    assert "Try all" not in shown


@pytest.mark.parametrize("shape", ["row", "call"])
def test_one_is_shown_whole_as_text(viewer, folder, shape):
    body = {"kind": "request", "size": 9}
    if shape == "row":
        told = {"log": {"model": NASTY}, "bodies": [body | {"content": zlib.compress(NASTY.encode())}]}
    else:
        told = {"opened": f'{{"model": "{NASTY}"}}', "bodies": [body | {"content": NASTY.encode()}]}
    call = put_aside(folder, reason="no such column", **told)
    shown = viewer.get(f"{PAGE}{call}/").content.decode()
    assert "no such column" in shown
    assert shown.count("&lt;script&gt;alert(1)") == 2
    assert "<script>alert" not in shown
    assert "Body: request" in shown


def test_a_file_that_is_no_json_is_shown_as_it_is(viewer, folder):
    (folder / "refused").mkdir()
    (folder / "refused" / "x.json").write_text("{not json" + "y" * 300_000)
    shown = viewer.get(f"{PAGE}x/").content.decode()
    assert "{not json" in shown
    assert "only its beginning is shown" in shown


@pytest.mark.parametrize("deep", ["[" * 100_000, "[" * 100_000 + "]" * 100_000])
def test_one_nested_beyond_measure_is_shown_as_it_is(viewer, folder, deep):
    call = put_aside(folder, opened=deep, closed=None, bodies=[])
    assert viewer.get(f"{PAGE}{call}/").status_code == 200
    (folder / "refused" / "deep.json").write_text(f'{{"reason": {deep}}}')
    assert "[[[[" in viewer.get(f"{PAGE}deep/").content.decode()


@pytest.mark.parametrize("name", ["nothing", "..", "%00", "a" * 300])
def test_what_is_not_there_is_not_found(viewer, folder, name):
    assert viewer.get(f"{PAGE}{name}/").status_code == 404


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were started."""
    commands: list[str] = []
    monkeypatch.setattr(spawn, "started", commands.append)
    monkeypatch.setattr(spawn, "_trying", [])
    return commands


def test_who_may_change_the_log_has_them_tried_again(folder, begun):
    client = staff("view_requestlog", "change_requestlog")
    put_aside(folder)
    assert "Try all of them again" in client.get(PAGE).content.decode()
    shown = client.post(f"{PAGE}again/", follow=True).content.decode()
    assert "being tried again" in shown
    assert begun == ["ingest_refused"]
    event = AuditEvent.objects.get(object_kind="request_log")
    assert (event.action, event.object, event.actor_kind) == ("manage", "calls set aside", "user")


def test_nothing_is_begun_where_nothing_was_set_aside(folder, begun):
    assert staff("view_requestlog", "change_requestlog").post(f"{PAGE}again/").status_code == 302
    assert begun == []
    assert not AuditEvent.objects.filter(object_kind="request_log").exists()


@pytest.mark.parametrize("method, address", [("get", ""), ("get", "x/"), ("post", "again/")])
def test_who_may_not_see_the_log_sees_none_of_it(folder, begun, method, address):
    put_aside(folder)
    assert getattr(staff(), method)(PAGE + address).status_code == 403
    assert begun == []


def test_who_may_only_look_tries_nothing(viewer, folder, begun):
    put_aside(folder)
    assert viewer.post(f"{PAGE}again/").status_code == 403
    assert viewer.post(PAGE).status_code == 405
    assert begun == []


def test_how_many_were_set_aside_is_told_to_the_list(folder):
    assert set_aside_count(folder) == 0
    put_aside(folder)
    assert set_aside_count(folder) == 1


@pytest.mark.parametrize(
    "time, words",
    [
        (timedelta(0), "less than a second"),
        (timedelta(seconds=-5), "less than a second"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "1 minute"),
        (timedelta(hours=5, minutes=59), "5 hours"),
        (timedelta(days=40), "40 days"),
    ],
)
def test_a_span_of_time_in_words(time, words):
    assert health_words.span(time) == words
