"""The list of calls: a page of them for any filters, said in words, to look at and nothing else."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from keys.creation import create_api_key
from keys.models import Workspace
from logs.asking import runs
from logs.models import KnownModel, RequestLog
from logs.pages import listing as admin_list
from tests.call_rows import made

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

LIST = "/admin/logs/requestlog/"
MARKS = ("rescued", "cache hit", "semantic hit", "2 attempts", "3 attempts")
ROW = re.compile(r"<tr>\s*<th><a.*?</tr>", re.DOTALL)


@pytest.fixture
def admin_client(db: None) -> Client:
    """Signed in without a password, whose hashing takes its time."""
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def anew() -> datetime:
    """A time within the list's usual span, to the second."""
    return timezone.now().replace(microsecond=0) - timedelta(minutes=10)


def shown(client: Client, **query: Any) -> str:
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return answer.content.decode()


def lines(page: str) -> list[str]:
    return ROW.findall(page)


def link(page: str, words: str) -> str:
    """Where the link with these words leads."""
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*>{words}', page)
    assert found, f"No link says {words!r}."
    return LIST + found[1].replace("&amp;", "&")


def test_a_line_tells_of_one_call(admin_client, anew):
    (call,) = made(
        1,
        anew,
        workspace="space",
        api_key="app",
        virtual_key="slug",
        total_tokens=12345,
        cost="0.00250",
        trace_id="t<1",
    )
    (line,) = lines(shown(admin_client))
    for words in (
        f"{anew:%Y-%m-%d %H:%M:%S}",
        "Finished · 200",
        "space",
        "app",
        "slug",
        "12,345",
        "0.0025",
        "t&lt;1",
    ):
        assert words in line
    assert f"{LIST}{call.pk}/change/" in line
    assert "Time (UTC)" in shown(admin_client)


@pytest.mark.parametrize(
    "facts, words",
    [
        ({"attempts": [{}, {}], "rescued": True}, ["rescued", "2 attempts"]),
        ({"attempts": [{}, {}, {}], "outcome": "failed", "retry_count": -1}, ["3 attempts"]),
        ({"cache_status": "HIT"}, ["cache hit"]),
        ({"cache_status": "SEMANTIC HIT", "attempts": [{"path": "cache"}]}, ["semantic hit"]),
        ({"cache_status": "MISS", "attempts": [{}]}, []),
        ({"attempts": {"no": "list"}}, []),
    ],
    ids=["rescued", "tried", "hit", "semantic", "miss", "no-list"],
)
def test_what_was_out_of_the_ordinary_is_marked(admin_client, anew, facts, words):
    made(1, anew, **facts)
    line = lines(shown(admin_client))[0]
    assert [each for each in MARKS if each in line] == words


def test_attempts_are_counted_and_not_read(admin_client, anew):
    made(1, anew, attempts=[{"error": "long"}] * 60)
    with CaptureQueriesContext(connections["logs"]) as asked:
        assert "60 attempts" in lines(shown(admin_client))[0]
    read = [query["sql"].partition(" FROM ")[0] for query in asked.captured_queries]
    assert not any('"attempts",' in each for each in read)


def test_rescued_calls_those_of_a_config_and_hits_are_a_choice_away(admin_client, anew):
    made(3, anew)
    facts = {"rescued": True, "config": "pc-main-1", "cache_status": "MISS"}
    (call,) = made(1, anew + timedelta(seconds=5), **facts)
    (hit,) = made(1, anew + timedelta(seconds=6), cache_status="SEMANTIC HIT")
    for query, found, chip in (
        ({"rescued": "yes"}, call, "Rescued"),
        ({"config": "pc-main-1"}, call, "Config: pc-main-1"),
        ({"cache": "miss"}, call, "Cache: not found in it"),
        ({"cache": "hit"}, hit, "Cache: answered from it"),
        ({"cache": "semantic"}, hit, "Cache: a request like it"),
    ):
        page = shown(admin_client, **query)
        (line,) = lines(page)
        assert str(found.pk) in line
        assert len(lines(admin_client.get(link(page, chip)).content.decode())) == 5


def test_pages_are_turned_by_links(admin_client, anew):
    made(120, anew)
    first = shown(admin_client)
    second = admin_client.get(link(first, "Older")).content.decode()
    third = admin_client.get(link(second, "Older")).content.decode()
    assert [len(lines(page)) for page in (first, second, third)] == [50, 50, 20]
    assert "120 requests" in first
    assert not set(lines(first)) & set(lines(second))
    assert lines(admin_client.get(link(third, "Newer")).content.decode()) == lines(second)
    assert lines(admin_client.get(link(third, "Newest")).content.decode()) == lines(first)


def test_a_cursor_that_is_none_shows_the_newest(admin_client, anew):
    made(1, anew)
    assert len(lines(shown(admin_client, before="x"))) == 1


def test_the_past_day_is_usual_and_other_spans_are_a_link_away(admin_client, anew):
    made(1, anew - timedelta(days=3))
    nothing = shown(admin_client, provider="openai")
    assert lines(nothing) == []
    assert len(lines(admin_client.get(link(nothing, "Look at all times")).content.decode())) == 1
    week = admin_client.get(link(nothing, "7 days")).content.decode()
    assert len(lines(week)) == 1
    assert re.search(r'<a [^>]*aria-current="true"[^>]*>7 days', week)


def test_each_filter_is_a_chip_that_takes_it_away(admin_client, anew):
    made(1, anew)
    query = {"span": "all", "model": "a&b", "status": "5xx", "metadata": ["a=b", "c=d"]}
    page = shown(admin_client, **query)
    for words in ("Model: a&amp;b", "Status: 5xx", "a = b", "c = d"):
        after = admin_client.get(link(page, words)).content.decode()
        assert f">{words} <" not in after
        assert len(re.findall(r'title="Take this away"', after)) == 3
    assert 'name="metadata" value="a=b"' in page


def test_times_of_ones_own_are_kept_in_their_fields_and_chips(admin_client, anew):
    made(3, anew)
    page = shown(
        admin_client,
        since=f"{anew:%Y-%m-%dT%H:%M:%S}",
        until=f"{anew + timedelta(seconds=2):%Y-%m-%d %H:%M:%S}",
    )
    assert len(lines(page)) == 2
    assert f'value="{anew:%Y-%m-%dT%H:%M:%S}"' in page
    assert f"From {anew:%Y-%m-%d %H:%M:%S} UTC" in page


@pytest.mark.parametrize(
    "field, value",
    [("status", "teapot"), ("since", "then"), ("metadata", "x"), ("outcome", "x"), ("cache", "x")],
)
def test_what_is_wrong_is_said_beside_its_field(admin_client, anew, field, value):
    made(1, anew)
    page = shown(admin_client, **{field: value, "model": "kept"})
    assert f'id="wrong-{field}"' in page
    assert "Nothing was looked for" in page
    assert 'value="kept"' in page
    assert lines(page) == []


def test_what_was_written_in_a_field_stays_text(admin_client):
    nasty = '"><script>alert(1)</script>'
    page = shown(admin_client, model=nasty, metadata=f"a={nasty}", q=nasty, status=nasty)
    assert "<script>alert" not in page
    assert escape(nasty) in page


def test_a_search_that_ends_early_says_how_far_it_came_and_leads_on(admin_client, anew, monkeypatch):
    monkeypatch.setattr(runs, "STRETCHES", (10,))
    monkeypatch.setattr(runs, "SIFTED", 10)
    made(1, anew, api_key="gone")
    made(15, anew + timedelta(seconds=1))
    page = shown(admin_client, api_key="gone")
    assert f"as far as {anew + timedelta(seconds=6):%Y-%m-%d %H:%M:%S} UTC" in page
    assert lines(page) == []
    further = admin_client.get(link(page, "Look further back")).content.decode()
    assert len(lines(further)) == 1


def test_a_count_ends_where_it_would_take_long(admin_client, anew, monkeypatch):
    monkeypatch.setattr(runs, "COUNTED", 10)
    made(11, anew)
    assert "More than 10 requests" in shown(admin_client)


def test_what_is_shown_can_be_taken_along(admin_client, anew):
    made(1, anew, status=500)
    page = shown(admin_client, status="5xx", span="7d")
    for kind in ("csv", "jsonl"):
        assert f'href="{LIST}export/?as={kind}&amp;span=7d&amp;status=5xx"' in page


def test_the_list_reads_no_body_and_not_what_it_does_not_show(admin_client, anew):
    made(3, anew)
    with CaptureQueriesContext(connections["logs"]) as asked:
        shown(admin_client, provider="openai", status="200")
    statements = " ".join(query["sql"] for query in asked.captured_queries)
    assert "logs_logbody" not in statements
    for column in ("cost_lines", "error_message", "ignored", "client_address"):
        assert f'"{column}"' not in statements
    assert all("LIMIT" in query["sql"] for query in asked.captured_queries)


def test_names_to_choose_from_are_those_one_may_see(client, admin_client, anew):
    space = Workspace.objects.create(name="Space", slug="a-space")
    create_api_key(space, "An app")
    KnownModel.objects.create(virtual_key_id="1", model="a-known-model")
    someone = User.objects.create(username="someone", is_staff=True)
    someone.user_permissions.add(Permission.objects.get(codename="view_requestlog"))
    client.force_login(someone)
    for name in ("An app", "a-space"):
        assert f'<option value="{name}">' in shown(admin_client)
        assert f'<option value="{name}">' not in shown(client)
    for name in ("a-known-model", "anthropic"):
        assert f'<option value="{name}">' in shown(client)


def test_rows_cannot_be_written_through_the_list(admin_client, anew):
    (call,) = made(1, anew)
    admin_client.post(LIST, {"action": "delete_selected", "_selected_action": str(call.pk), "post": "yes"})
    assert RequestLog.objects.get() == call
    for path in ("add/", f"{call.pk}/delete/"):
        assert admin_client.post(f"{LIST}{path}", {"post": "yes"}).status_code == 403
    page = shown(admin_client)
    assert 'method="post"' not in page.partition("gh-calls")[2].partition("</table>")[0]


def test_a_call_of_long_ago_is_found_by_its_trace(admin_client):
    made(1, datetime(2020, 1, 1, tzinfo=UTC), trace_id="long-ago")
    assert len(lines(shown(admin_client, q="long-ago", span="1h"))) == 1


def test_what_nobody_would_see_in_a_line_is_seen() -> None:
    row = RequestLog(created_at=timezone.now(), outcome="finished", model="gpt\u202eevil", attempts=[])
    line = admin_list.written(row)
    assert "gpt⟨U+202E⟩evil" in line
    assert "\u202e" not in line
