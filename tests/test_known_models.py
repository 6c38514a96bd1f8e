"""What `GET /v1/models` can tell without a provider: the price list, and what virtual keys last answered."""

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from django.db import OperationalError, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from genai_prices.data_snapshot import get_snapshot

from keys import directory
from keys.creation import create_virtual_key
from keys.errors import DirectoryAway
from keys.models import Integration, VirtualKey, Workspace
from logs import known
from logs.facts import LISTED_BYTES, encoded
from logs.ids import new_id
from logs.ingester import Ingester
from logs.journal import CLOSING_BYTES, Writer
from logs.known import AT_MOST, KnownModels
from logs.models import KnownModel, RequestLog
from logs.rows import Rows
from prices import listing, names
from prices.rates import PROVIDERS
from proxy import catalogue
from tests import greenlets

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


# The price list.


@pytest.fixture(scope="module")
def priced() -> listing.Names:
    """The names as a child of this process tells them."""
    return listing.told()


@pytest.mark.parametrize(
    "slug, inside, outside",
    [
        ("openai", {"gpt-4o-mini", "text-embedding-3-small"}, {"gpt-image-1", "whisper-1", "tts-1"}),
        ("google", {"gemini-2.5-flash", "gemini-embedding-001"}, {"claude-opus-4-5", "gemini-2.5-flash-tts"}),
        ("vertex-ai", {"gemini-2.5-flash", "claude-opus-4-5"}, {"gemini-3-pro-image-preview"}),
        ("openrouter", {"meta-llama/llama-3.3-70b-instruct"}, {"llama-guard-2-8b"}),
        ("bedrock", {"amazon.nova-pro-v1:0"}, {"amazon.nova-sonic-v1:0"}),
        ("mistral-ai", {"codestral"}, {"devstral-small:free", "mistral-ocr-latest"}),
    ],
)
def test_the_price_list_names_what_completes_chats_or_embeds(priced, slug, inside, outside):
    assert inside <= set(priced[slug])
    assert outside.isdisjoint(priced[slug])
    listed = next(each for each in get_snapshot().providers if each.id == PROVIDERS[slug])
    assert outside <= {model.id for model in listed.models}


def test_what_the_price_list_marks_as_deprecated_is_left_out(priced):
    for slug, ours in priced.items():
        listed = next(each for each in get_snapshot().providers if each.id == PROVIDERS[slug])
        assert not {model.id for model in listed.models if model.deprecated} & set(ours)
    assert any(model.deprecated for each in get_snapshot().providers for model in each.models)


def test_deployments_have_no_names_in_a_price_list(priced):
    assert priced.keys() == PROVIDERS.keys() - names.DEPLOYED


@pytest.fixture
def child(monkeypatch, tmp_path):
    """Runs Python code instead of the price list's child, in a process that has asked for no list yet."""
    monkeypatch.setattr(listing, "ROOT", tmp_path)
    monkeypatch.setattr(listing, "_asked", None)
    return lambda code: monkeypatch.setattr(listing, "COMMAND", (sys.executable, "-c", code))


def test_all_who_ask_wait_for_one_child(child, tmp_path):
    child("open('runs', 'a').write('x'); print('{\"openai\": [\"a\", \"b\"]}')")
    told = []
    callers = [threading.Thread(target=lambda: told.append(listing.listed())) for _ in range(8)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert told == [{"openai": ("a", "b")}] * 8
    assert (tmp_path / "runs").read_text() == "x"


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "print('no JSON')", "import time; time.sleep(30)"])
def test_a_child_that_fails_is_an_error_and_is_tried_again(child, monkeypatch, code):
    monkeypatch.setattr(listing, "PATIENCE", 0.3)
    child(code)
    with pytest.raises(listing.NoPriceList):
        listing.listed()
    monkeypatch.setattr(listing, "PATIENCE", 30)
    child('print(\'{"openai": ["a"]}\')')
    assert listing.listed() == {"openai": ("a",)}


# What virtual keys last answered.


def rows(model="gpt-4o", key="vk-1", at=NOON, **told) -> Rows:
    """A call as the ingester knows it; `listed` makes it one for a list of models."""
    listed = told.pop("listed", [])
    log = {
        "virtual_key_id": key,
        "created_at": at,
        "model": "" if listed else model,
        "model_answered": "",
        "fn": "models" if listed else "chatComplete",
        "outcome": "finished",
        "status": 200,
        "cache_status": "DISABLED",
    }
    return Rows(log | told, [], [], listed)


def test_an_answer_from_the_cache_shows_no_model():
    learn(rows(cache_status="HIT"), rows("b", cache_status="MISS"))
    assert [each.model for each in KnownModel.objects.all()] == ["b"]


def learn(*batch: Rows, by: KnownModels | None = None) -> None:
    learner = by or KnownModels()
    learner.note(batch)
    learner.tell()


def reach(key="vk-1") -> set[str]:
    return set(KnownModel.objects.filter(virtual_key_id=key).values_list("model", flat=True))


def in_list(key="vk-1") -> set[str]:
    found = KnownModel.objects.filter(virtual_key_id=key, listed_at__isnull=False)
    return set(found.values_list("model", flat=True))


def test_a_model_that_finished_a_call_is_known():
    learn(rows("gpt-4o"), rows("o3"), rows("gpt-4o", key="vk-2"), rows("none", key=""))
    assert (reach(), reach("vk-2"), in_list()) == ({"gpt-4o", "o3"}, {"gpt-4o"}, set())
    assert KnownModel.objects.count() == 3


@pytest.mark.parametrize("outcome", ["failed", "refused", "truncated", "abandoned", "interrupted"])
def test_a_call_that_did_not_finish_shows_nothing(outcome):
    learn(rows(outcome=outcome), rows(outcome=outcome, listed=["a"]))
    assert reach() == set()


def test_what_passed_through_shows_a_model_only_if_the_provider_named_one():
    learn(rows("a word of the client's", fn="proxy"), rows("omni", fn="proxy", model_answered="omni-1"))
    assert reach() == {"omni"}


def test_an_error_that_was_passed_on_whole_shows_nothing():
    learn(rows(status=404))
    assert reach() == set()


@pytest.mark.parametrize("name", ["", "x" * 255, "a\nb", "a\x1bb", "a\ufffdb", "a\u202eb"])
def test_what_is_no_sane_name_is_not_kept(name):
    learn(rows(name), rows(listed=[name, "fine", 7]))
    assert reach() == {"fine"}


def test_a_new_list_replaces_the_one_before_and_leaves_what_was_seen():
    learn(rows("seen"), rows(listed=["old", "kept", "seen"]))
    learn(rows(listed=["kept", "new"], at=NOON + DAY))
    assert (reach(), in_list()) == ({"seen", "kept", "new"}, {"kept", "new"})


def test_to_learn_it_again_changes_nothing_and_no_older_list_comes_back():
    calls = [rows(listed=["a", "b"]), rows("a", at=NOON + DAY), rows(listed=["b", "c"], at=NOON + DAY)]
    learn(*calls)
    before = list(KnownModel.objects.order_by("model").values())
    learn(*calls)
    learn(calls[0])
    learn(rows("a", at=NOON - DAY))
    assert list(KnownModel.objects.order_by("model").values()) == before
    assert in_list() == {"b", "c"}


def test_a_virtual_key_has_so_many_models_and_those_listed_or_seen_last_stay():
    learn(*(rows(f"seen-{n}", at=NOON + timedelta(seconds=n)) for n in range(AT_MOST)))
    learn(rows(listed=[f"listed-{n}" for n in range(5)]), rows("late", at=NOON + DAY))
    assert len(reach()) == AT_MOST
    assert {"listed-0", "listed-4", "late", f"seen-{AT_MOST - 1}"} <= reach()
    assert reach().isdisjoint({"seen-0", "seen-5"})


def test_what_is_known_already_costs_no_statement():
    learner = KnownModels()
    learn(rows(), rows(listed=["a", "b"]), by=learner)
    with CaptureQueriesContext(connections["logs"]) as again:
        learn(*[rows(at=NOON + timedelta(hours=1))] * 200, by=learner)
        learn(rows(listed=["a", "b"], at=NOON + timedelta(hours=2)), by=learner)
    assert not again.captured_queries
    learn(rows(at=NOON + DAY), by=learner)
    assert KnownModel.objects.get(model="gpt-4o").seen_at == NOON + DAY


def test_what_a_learner_remembers_is_bounded(monkeypatch):
    monkeypatch.setattr(known, "REMEMBERED", 10)
    learner = KnownModels()
    learner.note(rows(f"m-{n}") for n in range(50))
    assert len(learner.days) == len(learner.seen) == 10
    learner.tell()
    assert reach() == {f"m-{n}" for n in range(40, 50)}


# By way of the journal.


@pytest.fixture
def writer(tmp_path: Path):
    writer = Writer(tmp_path / "journal", body_bytes=64 << 10, segment_bytes=1 << 20)
    yield writer
    writer.leave()


@pytest.fixture
def ingester(writer: Writer):
    ingester = Ingester(writer.folder, Event())
    yield ingester
    ingester.journal.close()


def journaled(writer: Writer, fn="chatComplete", **told) -> str:
    call = new_id()
    writer.opened(call, {"fn": fn, "model": "gpt-4o"}, None)
    closed = {"outcome": "finished", "status": 200, "virtual_key_id": "vk-1", "model": "gpt-4o"}
    writer.closed(call, closed | told, {})
    return call


def test_a_list_of_a_thousand_models_survives_the_journal(writer, ingester):
    listed = tuple(f"vendor-{n % 7}/a-model-with-a-long-name-{n}" for n in range(1000))
    call = journaled(writer, "models", model="", models=listed, error={"message": "m" * 9999})
    journaled(writer)
    ingester.drain()
    assert in_list() == set(listed)
    assert reach() == {*listed, "gpt-4o"}
    assert RequestLog.objects.get(id=call).error_message == "m" * 4096


def test_a_list_without_measure_is_cut_behind_a_whole_name():
    listed = tuple(f"{n:04}" + "\N{SNOWMAN}" * 252 for n in range(1000))
    told = json.loads(encoded({"models": listed, "status": 200}))
    assert told["status"] == 200
    assert tuple(told["models"]) == listed[: len(told["models"])]
    assert LISTED_BYTES - 1000 < len(encoded({"models": listed})) < LISTED_BYTES + 100


def test_where_room_is_short_a_list_is_left_out_before_all_else(writer):
    listed = [f"model-{n}" for n in range(1000)]
    line = writer.shorter(new_id(), {"models": listed, "ignored": ["logit_bias"], "status": 200}, {})
    assert len(line) <= CLOSING_BYTES
    assert b"logit_bias" in line


def test_models_that_cannot_be_written_hold_no_row_up_and_are_told_later(
    writer, ingester, monkeypatch, caplog
):
    def away(seen, lists):
        raise OperationalError("no such table")

    with monkeypatch.context() as while_away:
        while_away.setattr(known, "write", away)
        while_away.setattr(connections["logs"], "close", lambda: None)
        call = journaled(writer)
        ingester.drain()
    assert RequestLog.objects.filter(id=call).exists()
    assert "no such table" in caplog.text
    assert reach() == set()
    journaled(writer, model="o3")
    ingester.drain()
    assert reach() == {"gpt-4o", "o3"}


# The answer.


@pytest.fixture
def told(monkeypatch):
    """The models of a workspace as `slug: names`, with a price list of its own."""
    prices = {"openai": ("gpt-4o", "o3"), "anthropic": ("claude-opus-4-5",)}
    monkeypatch.setattr(listing, "listed", lambda: prices)

    def ask(workspace: Workspace) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for entry in json.loads(catalogue.models(str(workspace.pk)))["data"]:
            slug, _, name = entry["id"].removeprefix("@").partition("/")
            found.setdefault(slug, []).append(name)
        return found

    return ask


def made(workspace: Workspace, slug: str, provider="openai", **more) -> VirtualKey:
    return create_virtual_key(workspace, slug, provider=provider, slug=slug, secret="sk-a-secret", **more)


def test_each_model_is_told_in_openais_words_with_portkeys_names(workspace, told):
    made(workspace, "ours", provider="anthropic")
    assert json.loads(catalogue.models(str(workspace.pk))) == {
        "object": "list",
        "total": 1,
        "data": [
            {
                "id": "@ours/claude-opus-4-5",
                "slug": "claude-opus-4-5",
                "canonical_slug": "claude-opus-4-5",
                "object": "model",
                "created": 0,
                "owned_by": "anthropic",
            }
        ],
    }


@pytest.mark.parametrize("workspace_id", [None, "", "6f4a1c1e-5f0f-4a57-9a0e-8a4d1f6f0f11"])
def test_who_has_no_virtual_keys_has_no_models(workspace_id):
    assert json.loads(catalogue.models(workspace_id)) == {"object": "list", "total": 0, "data": []}


def test_the_price_list_counts_until_the_provider_has_listed_its_models(workspace, told):
    key = made(workspace, "b-key")
    made(workspace, "a-key", provider="anthropic")
    learn(rows("ft:mine", key=str(key.pk)))
    assert list(told(workspace).items()) == [
        ("a-key", ["claude-opus-4-5"]),
        ("b-key", ["ft:mine", "gpt-4o", "o3"]),
    ]
    learn(rows(listed=["gpt-5", "b", "a"], key=str(key.pk)))
    assert told(workspace)["b-key"] == ["a", "b", "ft:mine", "gpt-5"]


def test_a_server_on_a_custom_host_has_only_what_it_answered(workspace, told):
    key = made(workspace, "local", custom_host="http://127.0.0.1:11434/v1")
    assert told(workspace) == {}
    learn(rows("llama3", key=str(key.pk)))
    assert told(workspace) == {"local": ["llama3"]}


def test_only_virtual_keys_that_can_be_called_count(workspace, told):
    for slug in ("used", "off", "integration-off", "over", "not-over"):
        made(workspace, slug)
    VirtualKey.objects.filter(slug="off").update(active=False)
    Integration.objects.filter(slug="integration-off").update(active=False)
    VirtualKey.objects.filter(slug="over").update(expires_at=timezone.now() - DAY)
    VirtualKey.objects.filter(slug="not-over").update(expires_at=timezone.now() + DAY)
    assert told(workspace).keys() == {"used", "not-over"}


def test_a_workspace_sees_its_own_and_what_it_was_lent(workspace, told):
    other = Workspace.objects.create(name="Other", slug="other")
    theirs, lent = made(other, "theirs"), made(workspace, "lent")
    Integration.objects.filter(pk=lent.integration_id).update(workspace=None)
    learn(rows("secret-model", key=str(theirs.pk)))
    assert told(workspace) == {"lent": ["gpt-4o", "o3"]}
    assert told(other) == {"theirs": ["gpt-4o", "o3", "secret-model"]}


def test_without_the_price_list_the_rest_is_told_and_the_log_says_why(workspace, monkeypatch, caplog):
    def gone():
        raise listing.NoPriceList("The price list could not be read: it is gone")

    monkeypatch.setattr(listing, "listed", gone)
    monkeypatch.setattr(catalogue, "seldom", catalogue.Seldom(60))
    learn(rows("ft:mine", key=str(made(workspace, "ours").pk)))
    for _ in range(2):
        assert json.loads(catalogue.models(str(workspace.pk)))["total"] == 1
    assert [record.levelname for record in caplog.records if "it is gone" in record.message] == ["ERROR"]


def test_a_database_that_is_away_is_nobodys_fault_but_ours(workspace, monkeypatch):
    def away(workspace_id):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(catalogue, "reached", away)
    with pytest.raises(DirectoryAway) as raised:
        catalogue.models(str(workspace.pk))
    assert (raised.value.status_code, raised.value.retry_after) == (503, 2)
    monkeypatch.undo()
    assert json.loads(catalogue.models(str(workspace.pk)))["total"] == 0


def test_nobody_waits_for_a_database_without_end_nor_twice_for_a_reading_that_hangs(workspace, monkeypatch):
    works = []
    with monkeypatch.context() as hanging:
        hanging.setattr(catalogue, "PATIENCE", 0.01)
        hanging.setattr(directory, "runner", works.append)
        with pytest.raises(DirectoryAway):
            catalogue.models(str(workspace.pk))
    assert json.loads(catalogue.models(str(workspace.pk)))["total"] == 0
    works[0]()
    assert json.loads(catalogue.models(str(workspace.pk)))["total"] == 0


def test_who_asks_meanwhile_shares_the_reading(workspace, monkeypatch):
    works = []
    monkeypatch.setattr(directory, "runner", works.append)
    first, second = (catalogue.reading(str(workspace.pk)) for _ in range(2))
    assert first is second
    assert len(works) == 1
    works[0]()
    assert json.loads(first.result(0)) == {"object": "list", "total": 0, "data": []}
    assert catalogue.reading(str(workspace.pk)) is not first
    works[1]()


# In a worker, on PostgreSQL.

SERVED = """
import django
django.setup()
import orjson
from django.db import connections
from keys.creation import create_virtual_key
from keys.models import Workspace
from proxy import catalogue

workspace = Workspace.objects.create(name="Many models", slug="many")
keys = [
    create_virtual_key(workspace, slug, provider="openrouter", slug=slug, secret="sk-secret").pk
    for slug in ("a", "b", "c", "price-list")
]
with connections["logs"].cursor() as cursor:
    cursor.executemany(
        "INSERT INTO logs_knownmodel (virtual_key_id, model, listed_at) "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) "
        "SELECT %s, 'vendor/a-model-' || i, '2026-03-04 12:00:00+00:00' FROM n",
        [(str(key),) for key in keys[:-1]],
    )

def tick():
    global late
    while True:
        due = time.perf_counter() + 0.001
        gevent.sleep(0.001)
        late = max(late, time.perf_counter() - due)

late = 0.0
ticking = gevent.spawn(tick)
asking = [gevent.spawn(catalogue.models, str(workspace.pk)) for _ in range(3)]
gevent.joinall(asking)
ticking.kill()
assert asking[0].value is asking[2].value
listed = orjson.loads(asking[0].value)
priced = sum(entry["id"].startswith("@price-list/") for entry in listed["data"])
tell([listed["total"], len(listed["data"]), priced, late, "genai_prices" in sys.modules])

from datetime import UTC, datetime, timedelta
from logs.known import KnownModels
from logs.rows import Rows

call = {"virtual_key_id": str(keys[-1]), "fn": "models", "outcome": "finished", "status": 200}
call["cache_status"] = ""
start = datetime(2026, 3, 4, 12, tzinfo=UTC)
for _ in range(2):
    learner = KnownModels()
    for minute, listed in enumerate((["b", "a"], ["c", "a"])):
        call |= {"created_at": start + timedelta(minutes=minute)}
        learner.note([Rows(call, [], [], listed), Rows(call | {"fn": "embed", "model": "d"}, [], [], [])])
        learner.tell()
connections.close_all()
listed = orjson.loads(catalogue.models(str(workspace.pk)))
tell([entry["slug"] for entry in listed["data"] if entry["id"].startswith("@price-list/")])
"""


@pytest.fixture
def postgres(yard, tmp_path, monkeypatch):
    """A migrated database, which a process that is started now finds in its environment."""
    name = yard.database(tmp_path.name)
    monkeypatch.setenv("DATABASE_URL", yard.server.create(name, yard.postgres_template[0]))
    yield
    yard.server.drop(name)


@pytest.mark.server
@pytest.mark.alone
def test_a_worker_builds_long_lists_without_holding_its_loop_or_importing_prices(postgres):
    (total, entries, priced, late, imported), learnt = greenlets.told(SERVED)
    assert total == entries == 3 * 1500 + priced
    assert priced > 100
    assert late < 0.25
    assert not imported
    assert learnt == ["a", "c", "d"]
