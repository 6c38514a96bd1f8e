"""What is asked of the log is found, in the order of time, a page at a time and in bounded steps."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from keys.creation import create_api_key, create_virtual_key
from keys.models import Workspace
from logs import partitions
from logs.asking import conditions, queries, runs
from logs.asking.filters import Filters
from logs.models import LogMetadata, RequestLog
from logs.partitions import lowest_id
from tests import log_databases
from tests.call_rows import id_of, made
from tests.servers import Yard

pytestmark = [pytest.mark.django_db(databases=["default", "logs"]), pytest.mark.usefixtures("database")]

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres(yard: Yard) -> Iterator[BaseDatabaseWrapper]:
    with log_databases.postgres(yard, "log_queries") as connection:
        with log_databases.used(connection):
            partitions.ensure(connection, NOON)
        yield connection


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.server)])
def database(request: pytest.FixtureRequest) -> Iterator[None]:
    """The log is in each kind of database."""
    if request.param == "sqlite":
        yield
        return
    with log_databases.lent(request.getfixturevalue("postgres")):
        yield


def times(rows: list[RequestLog]) -> list[int]:
    """Of calls made a second from each other: which."""
    return [int((row.created_at - NOON).total_seconds()) for row in rows]


def found(filters: Filters) -> list[int]:
    return times(queries.page(filters).rows)


def test_pages_lead_to_and_fro():
    made(25, NOON)
    first = queries.page(Filters(), size=10)
    assert (times(first.rows), first.newer) == (list(range(24, 14, -1)), None)
    second = queries.page(Filters(), size=10, before=first.older)
    third = queries.page(Filters(), size=10, before=second.older)
    assert (times(third.rows), third.older) == ([4, 3, 2, 1, 0], None)
    assert queries.page(Filters(), size=10, after=third.newer).rows == second.rows
    back = queries.page(Filters(), size=10, after=second.newer)
    assert (back.rows, back.newer) == (first.rows, None)


def test_a_page_that_is_just_full_leads_nowhere():
    made(10, NOON)
    page = queries.page(Filters(), size=10)
    assert (len(page.rows), page.older, page.looked_to) == (10, None, None)


def test_a_span_of_time_holds_its_beginning_and_not_its_end():
    made(10, NOON)
    filters = Filters(since=NOON + timedelta(seconds=3), until=NOON + timedelta(seconds=6))
    assert found(filters) == [5, 4, 3]


FACTS = {
    "provider": "groq",
    "model": "m-2",
    "status": 429,
    "outcome": "failed",
    "trace_id": "trace-1",
    "workspace": "gone",
    "api_key": "an app",
    "virtual_key": "slug",
    "config": "pc-main-1",
    "rescued": True,
    "cache_status": "SEMANTIC HIT",
}
ASKED = [
    Filters(provider="groq"),
    Filters(model="m-2"),
    Filters(status="429"),
    Filters(status="4xx"),
    Filters(outcome="failed"),
    Filters(search="trace-1"),
    Filters(workspace="gone"),
    Filters(api_key="an app"),
    Filters(virtual_key="slug"),
    Filters(config="pc-main-1"),
    Filters(rescued=True),
    Filters(cache="hit"),
    Filters(cache="semantic", rescued=True, config="pc-main-1", model="m-2"),
    Filters(provider="groq", model="m-2", status="4xx", outcome="failed", virtual_key="slug"),
]


@pytest.mark.parametrize("filters", ASKED, ids=[each.query() for each in ASKED])
def test_what_is_asked_is_found_and_nothing_else(filters):
    made(4, NOON)
    made(1, NOON + timedelta(seconds=7), **FACTS)
    made(1, NOON + timedelta(seconds=8), status=503, outcome="truncated")
    assert found(filters) == [7]
    assert times(list(queries.matching(filters))) == [7]
    assert queries.count(filters) == runs.Count(1, more=False)


@pytest.mark.parametrize("usual", [Filters(status="200"), Filters(status="2xx"), Filters(outcome="finished")])
def test_what_is_usual_is_found_without_an_index(usual):
    made(1, NOON, **FACTS)
    made(2, NOON + timedelta(seconds=1))
    assert found(usual) == [2, 1]


@pytest.mark.parametrize(
    "absent", [Filters(model="m-3"), Filters(provider="groq", model="m-1"), Filters(search="m-1")]
)
def test_what_is_not_there_is_not_found(absent):
    made(3, NOON, provider="openai", model="m-1")
    assert queries.page(absent) == queries.Page([], None, None)
    assert queries.count(absent) == runs.Count(0, more=False)


def test_a_search_by_id_finds_the_call_and_its_trace_at_any_time_once():
    own = id_of(NOON)
    (first,) = made(1, NOON, id=own, trace_id=str(own))
    (second,) = made(1, NOON + timedelta(seconds=1), trace_id=str(own))
    filters = Filters(since=NOON + timedelta(days=1), search=str(first.pk))
    assert found(filters) == [1, 0]
    assert queries.count(filters) == runs.Count(2, more=False)
    assert found(Filters(search=second.pk.hex)) == [1]


def test_hits_of_both_kinds_are_found_in_the_order_of_time():
    for second, status in enumerate(("HIT", "SEMANTIC HIT", "MISS", "HIT", "DISABLED", "")):
        made(1, NOON + timedelta(seconds=second), cache_status=status)
    assert found(Filters(cache="hit")) == [3, 1, 0]
    assert found(Filters(cache="exact")) == [3, 0]
    assert found(Filters(cache="miss")) == [2]
    assert found(Filters(cache="refresh")) == []
    assert queries.count(Filters(cache="hit")) == runs.Count(3, more=False)


def test_a_config_is_found_by_its_id_too_and_within_a_workspace():
    config = str(uuid.uuid4())
    made(1, NOON, config="pc-same-1", config_id=config, workspace="one")
    made(1, NOON + timedelta(seconds=1), config="pc-same-1", workspace="two")
    made(1, NOON + timedelta(seconds=2), config="inline")
    assert found(Filters(config=config.replace("-", ""))) == [0]
    assert found(Filters(config="pc-same-1", workspace="two")) == [1]
    assert found(Filters(config="inline")) == [2]


def test_a_key_is_found_by_its_name_of_today_and_by_its_id():
    space = Workspace.objects.create(name="One", slug="one")
    key, _ = create_api_key(space, "New name")
    made(1, NOON, api_key="Old name", api_key_id=str(key.pk), workspace_id=str(space.pk))
    made(1, NOON + timedelta(seconds=1), api_key="New name", api_key_id=str(uuid.uuid4()))
    assert found(Filters(api_key="New name")) == [0]
    assert found(Filters(api_key=str(key.pk))) == [0]
    assert found(Filters(workspace="one", api_key="New name")) == [0]


def test_a_slug_in_several_workspaces_means_each_of_them():
    for number, slug in enumerate(("one", "two", "three")):
        space = Workspace.objects.create(name=slug, slug=slug)
        key = create_virtual_key(space, "Key", provider="openai", slug="same", secret="sk-x")
        made(1, NOON + timedelta(seconds=number), virtual_key_id=str(key.pk), workspace_id=str(space.pk))
    assert found(Filters(virtual_key="same")) == [2, 1, 0]
    assert found(Filters(virtual_key="same", workspace="two")) == [1]
    pages = [queries.page(Filters(virtual_key="same"), size=2)]
    pages.append(queries.page(Filters(virtual_key="same"), size=2, before=pages[0].older))
    assert [times(page.rows) for page in pages] == [[2, 1], [0]]
    assert queries.count(Filters(virtual_key="same")) == runs.Count(3, more=False)


def test_metadata_is_found_in_one_workspace_and_in_all():
    for number, space in enumerate(("a", "b", "")):
        told = {"team": "search", "user": str(number)}
        facts = {"workspace": space, "workspace_id": space, "metadata": told}
        (call,) = made(1, NOON + timedelta(seconds=number), **facts)
        for key, value in told.items():
            LogMetadata.objects.create(workspace_id=space, key=key, value=value, log=call.pk)
    assert found(Filters(metadata=(("team", "search"),))) == [2, 1, 0]
    assert found(Filters(metadata=(("team", "search"), ("user", "1")))) == [1]
    assert found(Filters(workspace="b", metadata=(("team", "search"),))) == [1]
    assert found(Filters(metadata=(("team", "ads"),))) == []


def test_metadata_of_more_workspaces_than_are_gone_along_is_found_too(monkeypatch):
    monkeypatch.setattr(conditions, "MOST", 2)
    test_metadata_is_found_in_one_workspace_and_in_all()


@pytest.fixture
def short(monkeypatch):
    """Looking ends after ten rows."""
    monkeypatch.setattr(runs, "STRETCHES", (2, 8))
    monkeypatch.setattr(runs, "COUNTED", 10)
    monkeypatch.setattr(runs, "SIFTED", 10)
    monkeypatch.setattr(runs, "SAMPLE", 3)


def test_looking_ends_and_says_how_far_it_came_and_goes_on_from_there(short):
    made(1, NOON, model="rare", provider="openai")
    made(24, NOON + timedelta(seconds=1), model="usual", provider="openai")
    made(1, NOON + timedelta(seconds=25), model="rare", provider="other")
    asked = Filters(outcome="finished", status="200", api_key="nobody")
    page = queries.page(asked)
    assert (page.rows, page.looked_to) == ([], NOON + timedelta(seconds=16))
    steps = 1
    while page.older:
        page, steps = queries.page(asked, before=page.older), steps + 1
    assert (page.rows, steps) == ([], 3)
    assert queries.count(asked) == runs.Count(0, more=True)


def test_going_up_it_says_so_too(short):
    calls = made(30, NOON)
    page = queries.page(Filters(status="200", model="none", outcome="finished"), after=calls[0].pk)
    assert page.rows == []
    asked = Filters(status="200", api_key="nobody")
    page = queries.page(asked, after=calls[0].pk)
    assert (page.newer, page.older, page.looked_to) == (
        calls[10].pk,
        calls[0].pk,
        NOON + timedelta(seconds=10),
    )
    assert queries.page(asked, after=page.newer).newer == calls[20].pk


def test_of_two_conditions_the_one_that_leads_further_is_gone_along(short):
    made(5, NOON, model="usual", provider="rare")
    made(40, NOON + timedelta(seconds=5), model="usual", provider="openai")
    for filters in (Filters(model="usual", provider="rare"), Filters(provider="rare", outcome="finished")):
        page = queries.page(filters)
        assert (times(page.rows), page.looked_to) == ([4, 3, 2, 1, 0], None)


def test_batches_give_every_call_once_through_all_that_is_between(short):
    for second in range(30):
        made(1, NOON + timedelta(seconds=second), status=500 if second in (0, 11, 12, 29) else 200)
    asked = Filters(status="5xx", api_key="")
    sizes = [times(batch) for batch in queries.batches(asked, size=3)]
    assert sizes == [[29, 12, 11], [0]]
    every = [times(batch) for batch in queries.batches(Filters(outcome="finished"), size=7)]
    assert [len(batch) for batch in every] == [7, 7, 7, 7, 2]
    assert [second for batch in every for second in batch] == list(range(29, -1, -1))


def test_only_calls_among_those_that_may_be_seen_are_found():
    made(3, NOON, workspace_id="a")
    made(3, NOON + timedelta(seconds=3), workspace_id="b")
    among = RequestLog.objects.filter(workspace_id="a")
    for filters in (Filters(), Filters(outcome="finished", status="200")):
        assert times(queries.page(filters, among=among).rows) == [2, 1, 0]
        assert queries.count(filters, among).number == 3
        assert [times(batch) for batch in queries.batches(filters, 2, among)] == [[2, 1], [0]]


def test_a_cursor_that_is_no_calls_own_will_do():
    made(2, NOON)
    assert times(queries.page(Filters(), before=lowest_id(NOON + timedelta(seconds=1))).rows) == [0]
    assert queries.page(Filters(), before=runs.LOWEST).rows == []
    assert times(queries.page(Filters(), after=runs.HIGHEST).rows) == [1, 0]
