"""The bench of the log: the rows it makes up, what it asks of them, and how it sees that events are late."""

import socket
import time
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.db import connections
from django.http import QueryDict
from django.utils import timezone

from bench import log_asked, log_pages, log_rows, log_site
from bench.log_asked import Made
from bench.paced import END, PACE, Broken, Paced, Streams
from keys.models import ApiKey, VirtualKey, Workspace
from logs.asking import filters, queries
from logs.ids import minted_at
from logs.models import LogBody, LogMetadata, RequestLog

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def indexes() -> set[str]:
    with connections["logs"].cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db(databases=["default", "logs"], transaction=True)
def test_rows_are_made_up_as_the_ingester_would_have_written_them(monkeypatch):
    monkeypatch.setattr(log_rows, "PATTERNS", 40)
    before, now = indexes(), timezone.now()
    log_rows.fill(200, now)
    assert indexes() == before
    logs = list(RequestLog.objects.order_by("id"))
    assert len({log.id for log in logs}) == 200
    assert all(abs(minted_at(str(log.id)) - log.created_at) < timedelta(milliseconds=2) for log in logs)
    assert (logs[0].created_at, logs[-1].created_at < now) == (now - timedelta(days=log_rows.DAYS), True)
    assert {key for log in logs for key in log.metadata} == {"_user", "env"}
    assert LogMetadata.objects.count() == sum(len(log.metadata) for log in logs)
    assert LogBody.objects.count() == 2 * 200 / log_rows.BODIED
    log_site.owners()
    ids = {
        str(pk)
        for model in (Workspace, ApiKey, VirtualKey)
        for pk in model.objects.values_list("pk", flat=True)
    }
    assert {pk for log in logs for pk in (log.workspace_id, log.api_key_id, log.virtual_key_id)} <= ids
    made = log_site.told(now, 200)
    assert len(queries.page(filters.read(QueryDict(f"q={made.trace}"), now)).rows) == 1
    assert LogBody.objects.filter(log=made.call).count() == 2


MADE = Made(NOW, 1000, "019f0000-0000-7000-8000-000000000000", "trace-1")


@pytest.mark.parametrize("name", sorted(log_asked.queries(MADE)))
def test_what_is_asked_can_be_read(name):
    query = dict(log_asked.queries(MADE)[name])
    for cursor in ("before", "after"):
        assert UUID(query.pop(cursor, MADE.call))
    read = filters.read(QueryDict(urlencode(query)), NOW)
    assert filters.read(QueryDict(read.query()), NOW) == read


def test_an_export_is_of_as_many_rows_as_are_wanted():
    assert MADE.since(100) == NOW - timedelta(days=3)
    assert MADE.since(5000) == NOW - timedelta(days=30)


@pytest.fixture
def stream():
    near, far = socket.socketpair()
    with near, far:
        yield Paced(near), far


def test_an_event_is_late_by_what_is_beyond_its_pace(stream):
    reading, server = stream
    streams = Streams(0, {}, 1)
    server.sendall(b"HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n")
    streams.note(reading)
    assert streams.worst() == 0
    reading.last = time.monotonic() - PACE - 3
    server.sendall(b"data: 2\n\n")
    streams.note(reading)
    assert 3 <= streams.worst() < 4
    assert streams.worst() == 0


def test_a_stream_that_ends_is_followed_by_another(stream):
    reading, server = stream
    streams = Streams(0, {"x-key": "k"}, 1)
    for part in (b"HTTP/1.1 200 OK\r\n\r\ndata: 1\n\n" + END[:3], END[3:]):
        server.sendall(part)
        streams.note(reading)
    assert server.recv(10_000).startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert (reading.last, reading.tail, streams.worst()) == (0.0, b"", 0)


@pytest.mark.parametrize("said", [b"HTTP/1.1 401 Unauthorized\r\n\r\n", b""])
def test_a_stream_that_is_refused_or_breaks_ends_the_bench(stream, said):
    reading, server = stream
    streams = Streams(0, {}, 1)
    server.sendall(said or b"HTTP/1.1 200 OK\r\n\r\n")
    streams.note(reading)
    if not said:
        server.close()
        streams.note(reading)
    with pytest.raises(Broken):
        streams.worst()


def test_the_table_tells_the_least_and_the_worst():
    visits = [
        log_pages.Visit("list", [12.0, 10.4, 30.0], 3.0, 4.0, note="5 KiB"),
        log_pages.Visit("export", [], 1.0, 2.0, note="whole"),
    ]
    lines = log_pages.table(visits, Namespace(rows=1000, database="sqlite")).splitlines()
    assert lines[-2:] == ["| list | 10 | 30 | 3 | 4 | 5 KiB |", "| export | - | - | 1 | 2 | whole |"]
    assert "1,000 rows on sqlite" in lines[0]
