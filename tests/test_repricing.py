"""Past calls priced anew: which change and which stay, what is told of it, and which models have no price."""

import io
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError

from audit.models import AuditEvent
from logs import spawn, unpriced
from logs.ids import new_id
from logs.ingester import Ingester
from logs.journal import Writer
from logs.models import Repricing, RequestLog, UnpricedModel
from logs.partitions import lowest_id
from logs.repricing import beside as repricer
from logs.repricing import calls as repricing
from logs.repricing import requests as repricings
from logs.repricing.beside import Repricer
from prices.book import PriceBook
from prices.models import PriceOverride
from prices.rates import SOURCE
from tests.test_ingest import run
from tests.test_retention import log  # noqa: F401 - the log's database, on SQLite and on PostgreSQL

pytestmark = [pytest.mark.django_db(databases=["default", "logs"]), pytest.mark.server]

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
OWN = {"model": "own-model", "model_answered": "Own-Model-v2"}
USED = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100, "usage_source": "provider"}


def call(at: datetime = NOW - DAY, **fields: Any) -> uuid.UUID:
    """A call to OpenAI that used tokens of a model without a price, as the ingester leaves it."""
    made = uuid.UUID(int=lowest_id(at).int | (uuid.UUID(new_id()).int & (1 << 80) - 1))
    usual = {"provider": "openai", "outcome": "finished", "pricing": "unpriced", **OWN, **USED}
    row = RequestLog.objects.create(id=made, created_at=at, **usual | fields)
    unpriced.move([(vars(row), 1)] if unpriced.lacks_price(vars(row)) else [])
    return made


def own_price(**fields: Any) -> PriceOverride:
    usual = {"provider": "openai", "model": "own-model", "input": Decimal(2), "output": Decimal(8)}
    return PriceOverride.objects.create(**usual | {"starts_at": NOW - 100 * DAY} | fields)


def reprice(*arguments: str) -> str:
    said = io.StringIO()
    call_command("reprice_logs", *arguments, stdout=said)
    return said.getvalue()


def row(call: uuid.UUID) -> RequestLog:
    return RequestLog.objects.get(id=call)


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(object_kind="repricing").order_by("id"))


def seen() -> list[tuple[str, int, int]]:
    return [(each.model, each.calls, each.used) for each in unpriced.seen((NOW - 30 * DAY).date())]


def test_a_call_without_a_price_gets_one_and_keeps_word_that_it_had_none(log: Any) -> None:  # noqa: F811
    made, price = call(), own_price()
    assert "1 of them changed, from 0 to 0.0028 USD" in reprice()
    found = row(made)
    assert (found.cost, found.pricing, found.currency) == (Decimal("0.0028"), "priced", "USD")
    assert (found.price_source, found.cost_first) == (price.source, None)
    assert [line["amount"] for line in found.cost_lines] == ["0.002", "0.0008"]
    assert found.repriced_at is not None
    assert found.repriced_at > NOW


def test_the_first_cost_is_kept_however_often_it_is_priced_anew(log: Any) -> None:  # noqa: F811
    made, price = call(cost=Decimal("1.5"), pricing="priced", price_source=SOURCE), own_price()
    for rate in (Decimal(3), Decimal(4)):
        PriceOverride.objects.filter(pk=price.pk).update(input=rate)
        reprice()
    assert (row(made).cost, row(made).cost_first) == (Decimal("0.0048"), Decimal("1.5"))


def test_each_call_costs_what_counted_at_its_own_time(log: Any) -> None:  # noqa: F811
    old, young = call(NOW - 20 * DAY), call(NOW - DAY)
    own_price(ends_at=NOW - 10 * DAY)
    own_price(starts_at=NOW - 10 * DAY, input=Decimal(4))
    reprice()
    assert [row(made).cost for made in (old, young)] == [Decimal("0.0028"), Decimal("0.0048")]


def test_what_has_no_tokens_or_comes_out_the_same_or_was_forgotten_stays(log: Any) -> None:  # noqa: F811
    same = {"cost": Decimal("0.0028"), "pricing": "priced", "price_source": "override 999"}
    none = dict.fromkeys(USED, 0) | {"usage_source": "none"}
    stay = [
        call(**none, pricing="free", cost=0),
        call(**none),
        call(**same),
        call(model="lost", model_answered="", cost=7, pricing="priced", price_source="genai-prices 0.0.1"),
    ]
    own_price()
    before = list(RequestLog.objects.filter(id__in=stay).values())
    assert "0 of them changed" in reprice()
    assert list(RequestLog.objects.filter(id__in=stay).values()) == before


def test_an_answer_from_the_cache_stays_free(log: Any) -> None:  # noqa: F811
    lines = [{"bucket": "cache_hit", "amount": "0"}]
    none = dict.fromkeys(("input_tokens", "output_tokens", "total_tokens"), 0)
    made = call(cache_status="HIT", cost=0, pricing="free", cost_lines=lines, usage_source="none", **none)
    own_price()
    assert "0 of them changed" in reprice()
    assert (row(made).cost, row(made).pricing, row(made).cost_lines) == (0, "free", lines)


def test_what_an_embedding_cost_stays_part_of_the_call(log: Any) -> None:  # noqa: F811
    line = {"bucket": "embedding", "tokens": 5, "per_million": "0.02", "amount": "0.0000001"}
    made = call(cost=Decimal("0.5"), pricing="priced", cost_lines=[line])
    own_price()
    reprice()
    anew = row(made)
    assert anew.cost_lines[-1] == line
    assert anew.cost == sum(Decimal(each["amount"]) for each in anew.cost_lines)


def test_a_price_that_was_taken_back_leaves_a_call_without_one(log: Any) -> None:  # noqa: F811
    made, price = call(), own_price()
    reprice()
    assert seen() == []
    price.delete()
    reprice()
    assert (row(made).cost, row(made).pricing, row(made).price_source) == (None, "unpriced", "")
    assert seen() == [("Own-Model-v2", 1, 1100)]


@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (["--only-unpriced"], {"unpriced"}),
        (["--provider", "anthropic"], {"elsewhere"}),
        (["--model", "OTHER"], {"other"}),
        (["--model", "oth*", "--provider", "openai"], {"other"}),
        (["--since", (NOW - 30 * DAY).isoformat()], {"unpriced", "other", "elsewhere"}),
        (["--until", (NOW - 30 * DAY).date().isoformat()], {"old"}),
        (["--dry-run"], set()),
    ],
    ids=["unpriced", "provider", "model", "beginning", "since", "until", "dry"],
)
def test_only_what_is_asked_for_is_priced_anew(arguments: list[str], changed: set[str]) -> None:
    priced = {"cost": Decimal(1), "pricing": "priced", "price_source": SOURCE}
    calls = {
        "unpriced": call(),
        "old": call(NOW - 60 * DAY, **priced),
        "other": call(model="other", model_answered="", **priced),
        "elsewhere": call(provider="anthropic", **priced),
    }
    own_price()
    own_price(model="other")
    own_price(provider="anthropic")
    reprice(*arguments)
    assert {name for name, made in calls.items() if row(made).repriced_at} == changed


def test_the_audit_log_tells_of_a_command_before_and_after(log: Any) -> None:  # noqa: F811
    call()
    own_price()
    reprice("--model", "own-model")
    asked, done = events()
    assert [(event.actor_kind, event.action) for event in (asked, done)] == [
        ("system", "create"),
        ("system", "update"),
    ]
    assert "own-model" in asked.object
    assert (done.changes["looked"], done.changes["changed"]) == ([None, 1], [None, 1])
    assert [Decimal(cost) for cost in done.changes["cost"]] == [0, Decimal("0.0028")]


def test_many_windows_are_gone_through_each_call_once(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(repricing, "WINDOW", 3)
    for number in range(10):
        call(NOW - number * timedelta(hours=1))
    own_price()
    assert reprice().startswith("Looked at 10 calls with tokens; 10 of them changed")
    assert reprice().startswith("Looked at 10 calls with tokens; 0 of them changed")


# On request, by the ingester.


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def asked(journal: Path, **fields: Any) -> Repricing:
    repricing = Repricing(until=NOW, **fields)
    repricings.ask(repricing, journal)
    return repricing


def turns(worker: Repricer, most: int = 20) -> None:
    while worker.is_busy and most:
        worker.turn()
        most -= 1


def test_what_is_asked_for_is_done_and_told(journal: Path) -> None:
    calls, worker = [call(), call()], Repricer(journal, PriceBook())
    own_price()
    request = asked(journal, model="own-model", only_unpriced=True)
    assert spawn.has_work(journal)
    turns(worker)
    request.refresh_from_db()
    assert (request.state, request.looked, request.changed) == ("done", 2, 2)
    assert (request.cost_before, request.cost_after) == (0, Decimal("0.0056"))
    assert {row(made).pricing for made in calls} == {"priced"}
    assert [event.action for event in events()] == ["create", "update"]
    assert not spawn.has_work(journal)


def test_who_goes_on_after_a_kill_goes_on_from_there(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repricing, "WINDOW", 2)
    monkeypatch.setattr(repricer, "TURN_SECONDS", 0.0)
    for number in range(6):
        call(NOW - DAY + number * timedelta(minutes=1))
    own_price()
    request = asked(journal)
    Repricer(journal, PriceBook()).turn()
    request.refresh_from_db()
    assert (request.state, request.looked) == ("running", 2)
    turns(Repricer(journal, PriceBook()))
    request.refresh_from_db()
    assert (request.state, request.looked, request.changed) == ("done", 6, 6)


def test_a_request_from_before_there_were_ids_is_done(journal: Path) -> None:
    made = call()
    own_price()
    request = asked(journal, since=datetime(1960, 1, 1, tzinfo=UTC))
    turns(Repricer(journal, PriceBook()))
    request.refresh_from_db()
    assert (request.state, row(made).pricing) == ("done", "priced")


def test_a_file_that_is_of_no_request_stops_nothing_and_goes(journal: Path) -> None:
    request, worker = asked(journal), Repricer(journal, PriceBook())
    stray = journal / repricings.FOLDER / ".nfs0001"
    stray.touch()
    os.utime(stray, (0, 0))
    turns(worker)
    request.refresh_from_db()
    assert request.state == "done"
    assert not stray.exists()


def test_a_database_that_is_away_makes_a_request_wait(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, worker = call(), Repricer(journal, PriceBook())
    own_price()
    request = asked(journal)

    def away(*_: Any) -> None:
        raise OperationalError("gone for lunch")

    with monkeypatch.context() as patch:
        patch.setattr(repricer, "reprice", away)
        patch.setattr(repricer.connections, "close_all", lambda: None)
        worker.turn()
    assert not worker.is_busy
    worker.next_at = 0.0
    turns(worker)
    request.refresh_from_db()
    assert (request.state, row(made).pricing) == ("done", "priced")


def test_a_request_sees_the_price_that_was_made_just_before_it(journal: Path) -> None:
    made, prices = call(), PriceBook()
    prices.look()
    own_price()
    asked(journal)
    turns(Repricer(journal, prices))
    assert row(made).pricing == "priced"


# Models without a price, as the ingester counts them.


@pytest.fixture
def writer(journal: Path) -> Iterator[Writer]:
    writer = Writer(journal, body_bytes=64 << 10, segment_bytes=1 << 20)
    yield writer
    writer.leave()


def ingest(writer: Writer) -> None:
    ingester = Ingester(writer.folder, Event())
    ingester.drain()
    ingester.journal.close()


def test_models_without_a_price_are_counted_once_also_if_the_journal_is_read_again(
    log: Any,  # noqa: F811
    writer: Writer,
) -> None:
    for _ in range(3):
        run(writer, {"time": NOW.timestamp()}, OWN)
    run(writer, {"time": NOW.timestamp()}, {"usage": None, "outcome": "failed", "status": 500} | OWN)
    run(writer, {"time": NOW.timestamp()})
    ingest(writer)
    ingest(writer)
    assert RequestLog.objects.count() == 5
    assert seen() == [("Own-Model-v2", 3, 3 * 3340)]
    found = UnpricedModel.objects.get()
    assert (found.day, found.asked, found.first_at, found.last_at) == (NOW.date(), "own-model", NOW, NOW)


def test_a_call_is_priced_by_the_override_that_counts_as_it_comes_in(writer: Writer) -> None:
    price = own_price(model="own-*")
    made = run(writer, {"time": NOW.timestamp()}, OWN)
    ingest(writer)
    assert row(uuid.UUID(made)).price_source == price.source
    assert seen() == []
