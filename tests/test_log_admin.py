"""The request log in the admin: to look at, as text, without a full count or a look at bodies in the list."""

import zlib

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from logs.ids import new_id
from logs.models import LogBody, RequestLog

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

LIST = "/admin/logs/requestlog/"
NASTY = "<script>alert(1)</script><img src=https://elsewhere.example/x.png>"


@pytest.fixture
def log() -> RequestLog:
    log = RequestLog.objects.create(
        id=new_id(),
        created_at=timezone.now(),
        outcome="finished",
        status=200,
        workspace="default",
        model=NASTY,
        trace_id="trace-1",
        metadata={"_user": NASTY},
        attempts=[{"path": "", "error": NASTY}],
        error_message=NASTY,
    )
    content = f'{{"content": "{NASTY}"}}'.encode()
    LogBody.objects.create(log=log.id, kind="response", content=zlib.compress(content), size=99, cut=True)
    return log


def page(log: RequestLog) -> str:
    return f"{LIST}{log.id}/change/"


def test_the_list_shows_calls_as_text(admin_client: Client, log: RequestLog) -> None:
    shown = admin_client.get(LIST).content.decode()
    assert str(log.id) in shown
    assert "<script>alert" not in shown
    assert "<img src=https" not in shown


def test_the_list_reads_no_body_and_counts_no_further_than_its_pages(
    admin_client: Client, log: RequestLog
) -> None:
    with CaptureQueriesContext(connections["logs"]) as asked:
        admin_client.get(LIST)
    statements = [query["sql"] for query in asked.captured_queries]
    assert statements
    assert not any("logbody" in statement for statement in statements)
    counts = [statement for statement in statements if "COUNT(" in statement]
    assert counts
    assert all("LIMIT 10000" in count for count in counts)


def test_nothing_can_be_added_changed_or_deleted(admin_client: Client, log: RequestLog) -> None:
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(page(log), {"outcome": "failed"}).status_code == 403
    assert admin_client.post(f"{LIST}{log.id}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(LIST, {"action": "delete_selected", "_selected_action": str(log.id)})
    log.refresh_from_db()
    assert log.outcome == "finished"


@pytest.mark.parametrize("term", ["trace-1", "{id}", " trace-1 "])
def test_a_call_is_found_by_its_trace_or_its_id(admin_client: Client, log: RequestLog, term: str) -> None:
    shown = admin_client.get(LIST, {"q": term.format(id=log.id)}).content.decode()
    assert page(log) in shown


@pytest.mark.parametrize("term", ["nothing", "0b1e7a52-5f0c-4c1c-9c39-8e4d2f6c1a10", "'; --", "%"])
def test_what_is_not_there_is_not_found(admin_client: Client, log: RequestLog, term: str) -> None:
    answer = admin_client.get(LIST, {"q": term})
    assert answer.status_code == 200
    assert page(log) not in answer.content.decode()


def test_who_may_not_see_the_log_does_not(client: Client, log: RequestLog) -> None:
    client.force_login(User.objects.create_user("someone", password="x", is_staff=True))
    assert client.get(LIST).status_code == 403
    assert client.get(page(log)).status_code == 403


def test_staff_may_be_given_sight_of_it(client: Client, log: RequestLog) -> None:
    someone = User.objects.create_user("someone", password="x", is_staff=True)
    someone.user_permissions.add(Permission.objects.get(codename="view_requestlog"))
    client.force_login(someone)
    assert page(log) in client.get(LIST).content.decode()


def test_rows_that_were_set_aside_are_told_of(admin_client, settings, tmp_path) -> None:
    settings.DATA_DIR = tmp_path
    (tmp_path / "journal" / "refused").mkdir(parents=True)
    assert "set aside" not in admin_client.get(LIST).content.decode()
    (tmp_path / "journal" / "refused" / "x.json").write_text("{}")
    assert "1 that were set aside</a>" in admin_client.get(LIST).content.decode()
