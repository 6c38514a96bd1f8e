"""From the journal into the database: each call one row, whoever dies, priced, counted and clean."""

import json
import uuid
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections

from keys.models import ApiKey
from logs import ingester as ingesting
from logs.ids import new_id
from logs.ingester import Ingester
from logs.journal import Writer
from logs.lock import alone
from logs.models import LogBody, LogMetadata, RequestLog
from prices.rates import SOURCE

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

OPENED = {
    "time": 1_790_000_000.25,
    "organisation": "org",
    "workspace": "default",
    "workspace_id": "ws-1",
    "api_key": "tests",
    "api_key_id": "",
    "endpoint": "/v1/chat/completions",
    "fn": "chatComplete",
    "method": "POST",
    "dialect": "chat",
    "stream": False,
    "trace_id": "trace",
    "metadata": {"_user": "ann", "env": "prod"},
    "client_address": "127.0.0.1",
    "sdk": "openai-python",
    "model": "gpt-4o-mini",
    "body_bytes": 2,
}
CLOSED = {
    "outcome": "finished",
    "status": 200,
    "provider": "openai",
    "virtual_key": "openai-1",
    "virtual_key_id": "",
    "integration": "openai",
    "model": "gpt-4o-mini",
    "model_answered": "gpt-4o-mini-2024-07-18",
    "finish": "stop",
    "attempts": [{"path": "", "provider": "openai", "status": 200}],
    "usage": {"input": 1000, "cache_read": 2000, "output": 300, "reasoning": 40},
    "ignored": ["logit_bias"],
    "error": None,
    "first_byte_ms": 10.5,
    "total_ms": 20.25,
    "gateway_ms": 1.5,
}


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "journal", body_bytes=64 << 10, segment_bytes=1 << 20)
    yield writer
    writer.leave()


@pytest.fixture
def ingester(writer: Writer) -> Iterator[Ingester]:
    ingester = Ingester(writer.folder, Event())
    yield ingester
    ingester.journal.close()


def run(
    writer: Writer,
    opened: dict[str, Any] | None = None,
    closed: dict[str, Any] | None = None,
    request: bytes | None = b"{}",
    **bodies: bytes,
) -> str:
    """A call, from its opening to its closing."""
    call = new_id()
    writer.opened(call, OPENED | (opened or {}), request)
    writer.closed(call, CLOSED | (closed or {}), bodies)
    return call


def row(ingester: Ingester, call: str) -> RequestLog:
    ingester.drain()
    return RequestLog.objects.get(id=call)


def test_a_call_is_a_row_with_all_that_was_told_of_it(writer, ingester):
    call = run(writer)
    log = row(ingester, call)
    for name, value in (OPENED | CLOSED).items():
        if name not in {"time", "body_bytes", "usage", "error"}:
            assert getattr(log, name) == value, name
    assert log.created_at == datetime.fromtimestamp(OPENED["time"], tz=UTC)
    assert (log.error_type, log.error_code, log.error_message) == ("", "", "")


def test_usage_is_kept_by_kind_and_priced(writer, ingester):
    log = row(ingester, run(writer))
    kinds = (log.input_tokens, log.cache_read_tokens, log.output_tokens, log.reasoning_tokens)
    assert kinds == (1000, 2000, 300, 40)
    assert (log.total_tokens, log.usage_source) == (3340, "provider")
    assert (log.cost, log.currency, log.pricing) == (Decimal("0.000504"), "USD", "priced")
    assert log.cost_lines[0] == {
        "bucket": "input",
        "tokens": 1000,
        "per_million": "0.15",
        "amount": "0.00015",
    }
    assert sum(Decimal(line["amount"]) for line in log.cost_lines) == log.cost
    assert log.price_source == SOURCE


ROUTED = {
    "config": "pc-main-1a2b3c",
    "config_id": "0b1e7a52-5f0c-4c1c-9c39-8e4d2f6c1a10",
    "config_version": "7c9a0d6e-2b1f-4a55-9a0e-0f6f1b7c1d11",
    "mode": "fallback",
}


def test_a_routed_call_is_a_row_that_tells_its_way(writer, ingester):
    attempts = [
        {"path": "config.targets[1]", "status": 429, "left": "retried"},
        {"path": "config.targets[1]", "status": 200, "retries": 1, "waited_ms": 1000.5, "left": ""},
    ]
    way = {"rescued": True, "skipped": ["config.targets[0]"], "attempts": attempts}
    cached = {"cache_status": "SEMANTIC HIT", "cache_age": 12.5, "cache_similarity": 0.9734}
    told = ROUTED | way | cached | {"retry_count": -1, "option_index": "config.targets[1]"}
    log = row(ingester, run(writer, closed=told))
    assert {name: getattr(log, name) for name in told} == told


def test_a_call_of_before_there_were_configs_has_no_way(writer, ingester):
    log = row(ingester, run(writer))
    assert (log.config, log.config_id, log.config_version, log.mode) == ("", "", "", "")
    assert (log.rescued, log.skipped, log.cache_age, log.cache_similarity) == (False, [], None, None)


def test_a_call_that_was_interrupted_tells_the_config_it_set_out_with(writer, ingester):
    call = new_id()
    writer.opened(call, OPENED | ROUTED, None)
    writer.leave()
    log = row(ingester, call)
    assert {name: getattr(log, name) for name in ROUTED} == ROUTED


@pytest.mark.parametrize("told, kept", [(None, 0), (3, 3), (-1, -1), (-7, -1), (2**40, 2**31 - 1)])
def test_retries_are_counted_or_used_up(writer, ingester, told, kept):
    assert row(ingester, run(writer, closed={"retry_count": told})).retry_count == kept


@pytest.mark.parametrize("status", ["HIT", "SEMANTIC HIT"])
@pytest.mark.parametrize(
    "closed", [{}, {"usage": None}, {"outcome": "abandoned", "usage": None}, {"model": "mine"}]
)
def test_an_answer_from_the_cache_costs_nothing(writer, ingester, status, closed):
    call = run(writer, closed={"cache_status": status} | closed, request=REQUEST, response=ANSWER)
    log = row(ingester, call)
    assert (log.total_tokens, log.usage_source, log.cost, log.pricing) == (0, "none", 0, "free")
    assert (log.cost_lines, log.price_source) == ([{"bucket": "cache_hit", "amount": "0"}], "")


EMBEDDED = {
    "path": "cache",
    "provider": "openai",
    "model": "text-embedding-3-small",
    "host": "api.openai.com",
    "status": 200,
    "tokens": 1_000_000,
}


def test_an_embedding_for_the_cache_is_part_of_the_cost(writer, ingester):
    attempts = {"attempts": [EMBEDDED, {"path": "config", "host": "", "status": 200}]}
    hit = row(ingester, run(writer, closed={"cache_status": "SEMANTIC HIT"} | attempts))
    assert (hit.total_tokens, str(hit.cost.normalize()), hit.pricing) == (0, "0.02", "priced")
    assert [line["bucket"] for line in hit.cost_lines] == ["cache_hit", "embedding"]
    miss = row(ingester, run(writer, closed={"cache_status": "SEMANTIC MISS"} | attempts))
    plain = row(ingester, run(writer, closed={"cache_status": "MISS"}))
    assert miss.cost - plain.cost == hit.cost
    assert miss.cost_lines[-1]["tokens"] == 1_000_000


def test_a_call_whose_embedding_has_no_price_is_unpriced(writer, ingester):
    attempts = {"attempts": [EMBEDDED | {"model": "nobody-knows"}, {"path": "config", "host": ""}]}
    log = row(ingester, run(writer, closed={"cache_status": "SEMANTIC HIT"} | attempts))
    assert (log.cost, log.pricing) == (None, "unpriced")


@pytest.mark.parametrize("status", ["MISS", "SEMANTIC MISS", "REFRESH", "DISABLED", ""])
def test_an_answer_that_the_cache_did_not_have_costs_what_it_costs(writer, ingester, status):
    log = row(ingester, run(writer, closed={"cache_status": status}))
    assert (log.total_tokens, log.pricing) == (3340, "priced")


def test_to_ask_for_an_embedding_is_not_to_ask_for_the_answer(writer, ingester):
    asked = [{"path": "cache", "host": "api.openai.com", "status": 200}, NOT_SENT[0]]
    closed = {"outcome": "abandoned", "usage": None, "cache_status": "SEMANTIC MISS", "attempts": asked}
    log = row(ingester, run(writer, closed=closed, request=REQUEST))
    assert (log.usage_source, log.cost, log.pricing) == ("none", 0, "free")


def test_a_model_nobody_knows_the_price_of_costs_nobody_knows_what(writer, ingester):
    log = row(ingester, run(writer, closed={"model": "mine", "model_answered": "mine"}))
    assert (log.cost, log.pricing) == (None, "unpriced")
    assert (log.cost_lines, log.price_source) == ([], "")


def test_a_call_that_failed_used_nothing_and_says_why(writer, ingester):
    error = {"message": "no such model", "type": "invalid_request_error", "code": 404}
    log = row(
        ingester, run(writer, closed={"outcome": "failed", "status": 404, "usage": None, "error": error})
    )
    assert (log.total_tokens, log.usage_source, log.cost, log.pricing) == (0, "none", 0, "free")
    assert (log.error_message, log.error_type, log.error_code) == (error["message"], error["type"], "404")


def test_bodies_are_kept_beside_the_row_compressed(writer, ingester):
    long = b"x" * (100 << 10)
    call = run(writer, request=b'{"a": 1}', response=long, sent=b"s" * 3000)
    ingester.drain()
    kept = {body.kind: body for body in LogBody.objects.filter(log=call)}
    assert zlib.decompress(kept["request"].content) == b'{"a": 1}'
    assert zlib.decompress(kept["sent"].content) == b"s" * 3000
    assert zlib.decompress(kept["response"].content) == long[: 64 << 10]
    assert {kind: (body.size, body.cut) for kind, body in kept.items()} == {
        "request": (8, False),
        "sent": (3000, False),
        "response": (len(long), True),
    }


def test_calls_are_found_by_their_metadata(writer, ingester):
    call = run(writer)
    ingester.drain()
    found = LogMetadata.objects.get(workspace_id="ws-1", key="env", value="prod")
    assert str(found.log) == call


def test_to_read_everything_again_changes_nothing(writer, ingester):
    calls = [run(writer) for _ in range(5)]
    ingester.drain()
    again = Ingester(writer.folder, Event())
    again.drain()
    again.journal.close()
    assert sorted(str(log.id) for log in RequestLog.objects.all()) == sorted(calls)
    assert LogBody.objects.count() == 5
    assert LogMetadata.objects.count() == 10


def test_a_call_that_is_open_is_no_row_yet(writer, ingester):
    call = new_id()
    writer.opened(call, OPENED, b"{}")
    ingester.drain()
    assert not RequestLog.objects.exists()
    writer.closed(call, CLOSED, {})
    assert row(ingester, call).outcome == "finished"


def test_the_open_calls_of_a_writer_that_is_gone_are_interrupted(writer, ingester):
    asked = json.dumps(
        {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x" * 400}]}
    ).encode()
    call = new_id()
    writer.opened(call, OPENED, asked)
    writer.leave()
    log = row(ingester, call)
    assert (log.outcome, log.status, log.usage_source) == ("interrupted", None, "estimated")
    assert (log.input_tokens, log.output_tokens) == (100, 0)
    assert log.workspace == "default"
    assert (log.provider, log.cost, log.pricing) == ("", None, "unpriced")  # it was not yet known whom to ask


def test_an_interrupted_call_is_priced_by_what_it_set_out_with(writer, ingester):
    names = {"provider": "openai", "virtual_key": "v", "virtual_key_id": "v-1", "integration": "i"}
    call = new_id()
    writer.opened(call, OPENED | names, REQUEST)
    writer.leave()
    log = row(ingester, call)
    assert {name: getattr(log, name) for name in names} == names
    assert (log.outcome, log.status, log.usage_source) == ("interrupted", None, "estimated")
    assert (log.input_tokens, log.cost, log.pricing) == (10, Decimal("0.0000015"), "priced")


def test_the_end_of_a_call_tells_better_than_its_beginning_who_was_asked(writer, ingester):
    begun = {"provider": "openai", "virtual_key": "first", "integration": "i"}
    ended = {"provider": "anthropic", "virtual_key": "", "integration": None}
    log = row(ingester, run(writer, opened=begun, closed=ended))
    assert (log.provider, log.virtual_key, log.integration) == ("anthropic", "", "i")


def test_a_client_that_left_before_it_was_told_a_status_has_none(writer, ingester):
    log = row(ingester, run(writer, closed={"outcome": "abandoned", "status": 0, "usage": None}))
    assert (log.outcome, log.status) == ("abandoned", None)


def test_segments_are_removed_when_all_of_them_is_in_the_database(writer, ingester):
    for _ in range(50):
        run(writer, request=b"x" * 60_000)
    still_open = new_id()
    writer.opened(still_open, OPENED, None)
    ingester.drain()
    assert len(list(writer.folder.glob("*.journal"))) < 3
    writer.leave()
    ingester.drain()
    assert list(writer.folder.glob("*.journal")) == []
    assert RequestLog.objects.count() == 51
    assert ingester.journal.quiet


def test_a_closing_whose_opening_was_damaged_is_a_row_all_the_same(writer, ingester):
    damaged = run(writer)
    after = run(writer)
    (path,) = writer.folder.glob("*.journal")
    with path.open("r+b") as segment:
        segment.seek(150)
        segment.write(b"#")
    writer.leave()
    ingester.drain()
    rows = {str(log.id): log for log in RequestLog.objects.all()}
    assert rows.keys() == {damaged, after}
    assert (rows[damaged].workspace, rows[damaged].outcome, rows[after].workspace) == (
        "",
        "finished",
        "default",
    )


def test_text_that_no_database_takes_is_made_clean(writer, ingester):
    nasty = {"a\0b": "c\0d", "half": "\ud800", "long": "g" * 5000}
    closed = {"model_answered": "m\0" * 3000, "ignored": ["\0"], "usage": {"input": 2**70, "output": -3}}
    log = row(ingester, run(writer, opened={"metadata": nasty, "trace_id": "t" * 999}, closed=closed))
    assert log.metadata == {"a\ufffdb": "c\ufffdd", "half": "\ufffd", "long": "g" * 128}
    assert (len(log.trace_id), len(log.model_answered), log.ignored) == (255, 255, ["\ufffd"])
    assert (log.input_tokens, log.output_tokens) == (2**53, 0)
    assert not ingester.store.refused.exists()


def test_a_row_the_database_refuses_is_set_aside_and_stops_nothing(writer, ingester):
    poison = """CREATE TRIGGER poison BEFORE INSERT ON logs_requestlog WHEN NEW.model = 'poison'
                BEGIN SELECT RAISE(ABORT, 'not this one'); END"""
    with connections["logs"].cursor() as cursor:
        cursor.execute(poison)
    calls = [
        run(writer, closed={"model": "poison" if n == 3 else "fine"}, request=b"\xff") for n in range(10)
    ]
    ingester.drain()
    assert {str(log.id) for log in RequestLog.objects.all()} == set(calls) - {calls[3]}
    kept = json.loads((writer.folder / "refused" / f"{calls[3]}.json").read_text())
    assert "not this one" in kept["reason"]
    assert (kept["log"]["model"], kept["bodies"][0]["kind"]) == ("poison", "request")
    writer.leave()
    ingester.drain()
    assert list(writer.folder.glob("*.journal")) == []


def test_facts_no_row_can_be_made_of_are_set_aside(writer, ingester):
    broken, fine = run(writer, closed={"attempts": [], "usage": "many"}), run(writer)
    ingester.drain()
    assert [str(log.id) for log in RequestLog.objects.all()] == [fine]
    kept = json.loads((writer.folder / "refused" / f"{broken}.json").read_text())
    assert json.loads(kept["closed"])["usage"] == "many"


@pytest.mark.django_db(databases=["default", "logs"], transaction=True)
def test_while_the_database_is_away_calls_wait_in_the_journal(writer, ingester, monkeypatch):
    monkeypatch.setattr(ingesting, "AGAIN_SECONDS", 0.01)
    insert, tries = ingester.store.insert, []

    def away_at_first(batch: Any) -> None:
        tries.append(len(list(writer.folder.glob("*.journal"))))
        if len(tries) < 4:
            raise OperationalError("the server closed the connection")
        insert(batch)

    monkeypatch.setattr(ingester.store, "insert", away_at_first)
    call = run(writer)
    writer.leave()
    assert row(ingester, call).outcome == "finished"
    assert tries == [1, 1, 1, 1]


def test_an_ingester_told_to_stop_while_the_database_is_away_loses_nothing(writer, ingester, monkeypatch):
    def away(batch: Any) -> None:
        ingester.stop.set()
        raise OperationalError("away")

    monkeypatch.setattr(ingester.store, "insert", away)
    monkeypatch.setattr(ingester.store, "drop_connection", lambda: None)
    call = run(writer)
    ingester.drain()
    assert not RequestLog.objects.exists()
    later = Ingester(writer.folder, Event())
    assert row(later, call).outcome == "finished"
    later.journal.close()


# Estimates.

REQUEST = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "y" * 40}]}).encode()
ANSWER = json.dumps(
    {"id": "1" * 50, "choices": [{"message": {"role": "assistant", "content": "z" * 20}}]}
).encode()
EVENTS = b"".join(
    b"data: %s\n\n" % json.dumps({"id": "c" * 30, "choices": [{"delta": {"content": part}}]}).encode()
    for part in ("z" * 8, "z" * 8, "z" * 3)
)


@pytest.mark.parametrize(
    "closed, request_body, answer, expected",
    [
        ({}, REQUEST, ANSWER, ("estimated", 10, 5)),
        ({"outcome": "abandoned"}, REQUEST, EVENTS, ("estimated", 10, 5)),
        ({"outcome": "truncated"}, REQUEST, EVENTS[:-20], ("estimated", 10, 4)),
        ({"outcome": "abandoned"}, REQUEST, b"", ("estimated", 10, 0)),
        ({"outcome": "abandoned"}, None, b"", ("estimated", 25, 0)),
        ({"outcome": "abandoned", "attempts": []}, REQUEST, b"", ("none", 0, 0)),
        ({"outcome": "failed", "status": 500}, REQUEST, b"{}", ("none", 0, 0)),
        ({"outcome": "failed", "status": 200}, REQUEST, EVENTS, ("estimated", 10, 5)),
        ({"outcome": "refused", "status": 429}, REQUEST, b"{}", ("none", 0, 0)),
        ({"usage": {"input": 0, "output": 0}}, REQUEST, ANSWER, ("estimated", 10, 5)),
        ({"usage": {"input": 3, "output": 1}, "estimated": True}, REQUEST, ANSWER, ("estimated", 3, 1)),
    ],
)
def test_usage_nobody_told_is_estimated_from_the_texts(
    writer, ingester, closed, request_body, answer, expected
):
    bodies = {"response": answer} if answer else {}
    call = run(writer, {"body_bytes": 100}, {"usage": None} | closed, request_body, **bodies)
    log = row(ingester, call)
    assert (log.usage_source, log.input_tokens, log.output_tokens) == expected


def failed(status, kind, attempt=200):
    """A call that failed without usage; `kind`: the error's type, `attempt`: the status the provider gave."""
    attempts = [{"provider": "openai", "host": "api.openai.com", "status": attempt}]
    error = {"message": "m", "type": kind, "code": None}
    return {"outcome": "failed", "status": status, "usage": None, "error": error, "attempts": attempts}


NOT_SENT = [{"provider": "openai", "host": "", "status": 400}]
OPENING = b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n'


@pytest.mark.parametrize(
    "closed, answer",
    [
        (failed(408, "timeout_error", 408), b'{"error": {"message": "content"}}'),
        (failed(500, "provider_unreachable", 500), b"{}"),
        (failed(500, "incomplete_response", 500), b"{}"),
        (failed(500, "invalid_response", 500), b"{}"),
        (failed(500, None, 0), b"{}"),
        (failed(200, "timeout_error"), OPENING),
        (failed(200, "invalid_response"), OPENING),
        (failed(200, "overloaded_error"), None),
        (failed(500, None) | {"attempts": None, "error": None}, None),
    ],
)
def test_what_a_provider_may_have_done_unseen_is_unpriced_and_not_free(writer, ingester, closed, answer):
    bodies = {"response": answer} if answer else {}
    log = row(ingester, run(writer, {"stream": True}, closed, REQUEST, **bodies))
    assert (log.usage_source, log.total_tokens, log.cost, log.pricing) == ("none", 0, None, "unpriced")


@pytest.mark.parametrize(
    "closed",
    [
        failed(500, None, 500),
        failed(429, "rate_limit_exceeded", 429),
        failed(504, "timeout_error", 504),
        failed(200, "overloaded_error"),
        failed(500, "host_not_allowed", 500),
        failed(400, "invalid_request") | {"attempts": NOT_SENT},
        failed(500, "provider_error") | {"attempts": []},
        failed(529, "overloaded_error", 529) | {"usage": {"input": 25, "output": 1}, "partial": True},
        {"outcome": "abandoned", "usage": None, "attempts": NOT_SENT},
        {"outcome": "refused", "status": 401, "usage": None},
    ],
)
def test_an_error_before_any_answer_costs_nothing(writer, ingester, closed):
    log = row(ingester, run(writer, closed=closed, request=REQUEST, response=b'{"error": {"message": "m"}}'))
    assert (log.usage_source, log.total_tokens, log.cost, log.pricing) == ("none", 0, 0, "free")


def test_an_answer_that_fails_in_the_middle_is_priced_by_what_was_delivered(writer, ingester):
    log = row(ingester, run(writer, closed=failed(200, "server_error"), request=REQUEST, response=EVENTS))
    assert (log.usage_source, log.input_tokens, log.output_tokens) == ("estimated", 10, 5)
    assert (log.cost, log.pricing) == (Decimal("0.0000045"), "priced")


@pytest.mark.parametrize("outcome", ["abandoned", "truncated", "failed", "interrupted"])
@pytest.mark.parametrize("counted, expected", [(1, 5), (70, 70)])
def test_usage_counted_only_at_the_beginning_is_completed(writer, ingester, outcome, counted, expected):
    told = {"usage": {"input": 30, "cache_read": 4, "output": counted}, "partial": True, "outcome": outcome}
    log = row(ingester, run(writer, closed=told, request=REQUEST, response=EVENTS))
    tokens = (log.input_tokens, log.cache_read_tokens, log.output_tokens, log.total_tokens)
    assert tokens == (30, 4, expected, 34 + expected)
    assert (log.usage_source, log.pricing) == ("estimated", "priced")


def test_the_input_that_was_counted_before_the_answer_broke_is_kept(writer, ingester):
    told = {"usage": {"input": 30, "output": 1}, "partial": True}
    closed = failed(500, "incomplete_response") | told
    log = row(ingester, run(writer, closed=closed, request=REQUEST, response=b"{}"))
    assert (log.usage_source, log.input_tokens, log.output_tokens) == ("estimated", 30, 1)


def test_an_estimate_of_nothing_is_unpriced(writer, ingester):
    log = row(ingester, run(writer, closed={"usage": None}, request=b"{}"))
    assert (log.usage_source, log.total_tokens, log.cost, log.pricing) == ("estimated", 0, None, "unpriced")


@pytest.mark.parametrize(
    ("fn", "method", "usage", "pricing"),
    [
        ("models", "GET", None, "free"),
        ("proxy", "GET", None, "free"),
        ("proxy", "DELETE", None, "free"),
        ("proxy", "POST", None, "unpriced"),
        ("proxy", "POST", {"input": 1000, "output": 300}, "priced"),
    ],
)
def test_what_passes_through_is_priced_if_it_was_counted_and_else_is_not_free(
    writer, ingester, fn, method, usage, pricing
):
    answer = {"response": b'{"choices": [{"message": {"content": "A text that could be estimated."}}]}'}
    call = run(writer, opened={"fn": fn, "method": method}, closed={"usage": usage}, **answer)
    assert row(ingester, call).pricing == pricing


def test_what_a_provider_refused_to_do_is_free_when_it_passed_through_too(writer, ingester):
    refused = {"outcome": "failed", "status": 529, "usage": None, "error": {"type": "overloaded_error"}}
    refused["attempts"] = [{"path": "", "provider": "anthropic", "host": "x", "status": 529}]
    call = run(writer, opened={"fn": "proxy", "endpoint": "/v1/messages"}, closed=refused)
    assert row(ingester, call).pricing == "free"


@pytest.mark.parametrize("endpoint", ["/v1/messages/count_tokens", "/v1/v1/moderations", "/v1/files"])
def test_what_providers_do_for_nothing_is_free(writer, ingester, endpoint):
    call = run(writer, opened={"fn": "proxy", "endpoint": endpoint}, closed={"usage": None})
    assert row(ingester, call).pricing == "free"


def test_what_an_answer_says_twice_is_counted_once(writer, ingester):
    said = {"content": "z" * 20, "content_blocks": [{"type": "text", "text": "z" * 20}]}
    answer = json.dumps({"choices": [{"message": said}]}).encode()
    log = row(ingester, run(writer, closed={"usage": None}, request=REQUEST, response=answer))
    assert log.output_tokens == 5


# What follows from rows.


def test_keys_learn_when_they_were_last_used(writer, ingester, issued):
    key, _ = issued
    run(writer, opened={"api_key_id": str(key.id), "time": 1_790_000_100.0})
    run(writer, opened={"api_key_id": str(key.id), "time": 1_790_000_000.0})
    ingester.drain()
    assert ApiKey.objects.get(id=key.id).last_used_at.timestamp() == 1_790_000_100.0


def test_an_id_that_is_no_key_of_ours_stops_nothing(writer, ingester):
    call = run(writer, opened={"api_key_id": str(uuid.uuid4())}, closed={"virtual_key_id": "not an id"})
    assert row(ingester, call).virtual_key_id == "not an id"


# The command.


def test_the_command_brings_in_what_is_there_and_ends(writer, settings):
    settings.DATA_DIR = writer.folder.parent
    call = run(writer)
    call_command("ingest_logs", once=True)
    assert RequestLog.objects.filter(id=call).exists()


def test_it_ends_by_itself_when_nobody_writes_and_nothing_is_left(writer, settings):
    settings.DATA_DIR = writer.folder.parent
    call = run(writer)
    writer.leave()
    stop = Event()
    endless = Ingester(writer.folder, stop)
    endless.run(service=False)
    stop.set()
    assert RequestLog.objects.filter(id=call).exists()
    assert list(writer.folder.glob("*.journal")) == []


def test_only_one_ingester_runs(writer, settings, capsys):
    settings.DATA_DIR = writer.folder.parent
    run(writer)
    with alone(writer.folder) as is_alone:
        assert is_alone
        call_command("ingest_logs", once=True)
    assert "Another" in capsys.readouterr().err
    assert not RequestLog.objects.exists()
