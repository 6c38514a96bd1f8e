"""The page of one call: its story told, as text alone, by look-ups of its id alone, with turns for others."""

import json
import re
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch
from django.utils import timezone

from logs.ids import new_id
from logs.models import LogBody, RequestLog
from logs.pages import call as admin_page
from logs.pages import wording
from logs.story import turns

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

LIST = "/admin/logs/requestlog/"
HOSTILE = (
    '<script>alert(1)</script><img src="https://elsewhere.example/x.png" onerror="alert(1)">'
    "</pre></details>{{ 7|add:7 }}{% now 'Y' %} [a](javascript:alert(1)) ![b](https://elsewhere.example/y.png)"
    "\u202e\u2066\u200b\x1b[31m\x00 'end\""
)
LOADING = {
    "src",
    "srcset",
    "href",
    "action",
    "data",
    "poster",
    "background",
    "formaction",
    "xlink:href",
    "style",
}
ASKED = {"model": "m", "messages": [{"role": "user", "content": "What is it?"}]}
ANSWERED = {
    "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "It is."}, "finish_reason": "stop"}],
}
ATTEMPTS = [
    {"path": "config.targets[0]", "model": "a", "host": "one.example", "status": 503, "outcome": "failed"},
    {"path": "config.targets[1]", "model": "b", "host": "two.example", "status": 200, "outcome": "answered"},
]
LINES = [
    {"bucket": "input", "tokens": 1000, "per_million": "0.15", "amount": "0.00015"},
    {"bucket": "call", "per_call": "0.01", "amount": "0.01"},
]


@pytest.fixture
def auditor(client: Client) -> Client:
    """Of somebody who may see all."""
    client.force_login(User.objects.create_superuser("auditor"))  # without a password there is none to hash
    return client


def made(bodies: dict[str, Any] | None = None, **columns: Any) -> RequestLog:
    """A call on record."""
    usual = {
        "id": new_id(),
        "created_at": timezone.now(),
        "outcome": "finished",
        "status": 200,
        "dialect": "chat",
        "endpoint": "/v1/chat/completions",
        "method": "POST",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "virtual_key": "main",
        "total_tokens": 1234,
        "usage_source": "provider",
        "cost": Decimal("0.0012"),
        "pricing": "priced",
        "first_byte_ms": 400.0,
        "total_ms": 1203.0,
        "gateway_ms": 2.0,
    }
    log = RequestLog.objects.create(**usual | columns)
    for kind, body in (bodies or {}).items():
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        LogBody.objects.create(log=log.id, kind=kind, content=zlib.compress(content), size=len(content))
    return log


def page(log: RequestLog) -> str:
    return f"{LIST}{log.id}/change/"


def story(client: Client, log: RequestLog) -> str:
    """The page without what stands around every page of the admin."""
    answer = client.get(page(log))
    assert answer.status_code == 200
    (told,) = re.findall(r'<div class="gh-story">.*', answer.content.decode(), re.DOTALL)
    return str(told)


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [value or "" for name, value in attrs if name in LOADING or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


def words(html: str) -> str:
    return " ".join(" ".join(read(html).texts).split())


def test_one_sentence_tells_the_story(auditor: Client) -> None:
    told = words(story(auditor, made()))
    assert told.startswith(
        "gpt-4o-mini at OpenAI through the virtual key main answered in 1.2 s: "
        "200 finished, 1,234 tokens, $0.0012."
    )


@pytest.mark.parametrize(
    "columns, told",
    [
        ({"outcome": "failed", "status": 502}, "failed after 1.2 s: 502"),
        (
            {"outcome": "refused", "status": 400},
            "was refused after 1.2 s, before any provider was asked: 400",
        ),
        (
            {"outcome": "refused", "status": 400, "attempts": [{"host": "one.example", "status": 500}]},
            "was refused after 1.2 s: 400",
        ),
        ({"outcome": "abandoned", "status": None}, "was given up by its client after 1.2 s: no status"),
        ({"outcome": "interrupted", "total_ms": None}, "was interrupted: the gateway itself was stopped"),
        ({"outcome": "truncated"}, "broke off after 1.2 s"),
        (
            {"model": "", "endpoint": "/v1/files", "provider": "", "virtual_key": ""},
            "POST /v1/files answered",
        ),
        ({"cost": None, "pricing": "unpriced"}, "cost unknown"),
        ({"usage_source": "estimated"}, "1,234 tokens (estimated)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_sentence_tells_how_it_ended(columns: dict[str, Any], told: str) -> None:
    assert told in wording.sentence(made(**columns))


def test_request_and_answer_are_a_conversation(auditor: Client) -> None:
    told = words(story(auditor, made({"request": ASKED, "response": ANSWERED})))
    assert "user What is it?" in told
    assert "assistant ended: stop It is." in told


def test_a_stream_is_shown_put_together(auditor: Client) -> None:
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in ("It", " is", " so.")]
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    told = words(story(auditor, made({"response": stream}, stream=True)))
    assert "assistant It is so." in told


def test_what_went_to_the_provider_is_shown_in_its_words_where_it_differs(auditor: Client) -> None:
    sent = {"system": "Be terse.", "messages": [{"role": "user", "content": "Is it?"}]}
    received = {"role": "assistant", "content": [{"type": "text", "text": "Yes."}], "stop_reason": "end_turn"}
    log = made(
        {"request": ASKED, "sent": sent, "received": received, "response": ANSWERED}, provider="anthropic"
    )
    told = words(story(auditor, log))
    assert "The request, as it went to the provider system Be terse. user Is it?" in told
    assert "The answer, as it came from the provider assistant ended: end_turn Yes." in told
    assert "as it went to the provider" not in story(auditor, made({"request": ASKED}))


def test_a_call_without_bodies_says_so(auditor: Client) -> None:
    assert "No body was kept." in story(auditor, made())


def test_attempts_stand_in_order_with_their_bars(auditor: Client) -> None:
    told = story(auditor, made(attempts=ATTEMPTS))
    assert told.index("one.example") < told.index("two.example")
    assert "1. Answered 503." in words(told)
    assert "2. Answered 200: this is the answer that counted." in words(told)
    assert "No provider was asked." in story(auditor, made(attempts=[]))
    timed = made(attempts=[{"model": "a", "started_ms": 601.5, "first_byte_ms": 300.75, "ms": 601.5}])
    assert re.search(r'<rect class="gh-waiting" x="500" y="0" width="250"', story(auditor, timed))


ROUTED = [
    {
        "path": "config.targets[1]",
        "provider": "openai",
        "model": "a",
        "host": "one.example",
        "virtual_key": "k1",
    }
    | {"status": 429, "outcome": "failed", "ms": 100, "error": "Too many.", "left": "retried"},
    {
        "path": "config.targets[1]",
        "provider": "openai",
        "model": "a",
        "host": "one.example",
        "virtual_key": "k1",
    }
    | {"status": 0, "outcome": "failed", "started_ms": 1100, "ms": 100, "retries": 1, "waited_ms": 1000}
    | {"left": "fell back"},
    {"path": "config.targets[2]", "provider": "anthropic", "model": "b", "host": "two.example"}
    | {"status": 401, "outcome": "failed", "started_ms": 1200, "ms": 50, "left": "other secret"},
    {"path": "config.targets[2]", "provider": "anthropic", "model": "b", "host": "two.example"}
    | {"status": 200, "outcome": "answered", "started_ms": 1250, "ms": 750, "previous_secret": True},
]
WAY = {
    "attempts": ROUTED,
    "rescued": True,
    "option_index": "config.targets[2]",
    "skipped": ["config.targets[0]"],
    "config": "pc-main-1a2b3c",
    "config_id": "0b1e7a52-5f0c-4c1c-9c39-8e4d2f6c1a10",
    "config_version": "7c9a0d6e-2b1f-4a55-9a0e-0f6f1b7c1d11",
    "mode": "fallback",
    "cache_status": "MISS",
    "workspace": "space",
    "workspace_id": "w1",
    "total_ms": 2000.0,
}


def test_the_whole_way_of_a_call_is_told_in_order(auditor: Client) -> None:
    html = story(auditor, made(**WAY))
    told = words(html)
    assert "200 finished, rescued by attempt 4, 1,234 tokens" in told
    way = told[told.index("Attempts Passed over") :]
    steps = [
        "Passed over, since their circuit breaker was open: config.targets[0].",
        "config.targets[1] a at OpenAI (one.example), virtual key k1",
        "1. Answered 429, retried after 1.0 s. Began after 0.0 ms",
        "The error Too many.",
        "2. Was not answered, fell back to config.targets[2].",
        "took 100 ms, retry 1.",
        "config.targets[2] b at Anthropic (two.example)",
        "3. Answered 401, asked again with the other secret of the virtual key.",
        "4. Answered 200: this is the answer that counted.",
        "with the secret before",
    ]
    places = [way.index(step) for step in steps]
    assert places == sorted(places)
    assert way.count("one.example") == way.count("two.example") == 1
    assert '<rect class="gh-pause" x="50" y="0" width="500"' in html


def test_a_call_tells_by_which_config_it_was_routed(auditor: Client) -> None:
    log = made(**WAY)
    told, links = words(story(auditor, log)), read(story(auditor, log)).loads
    assert "Config pc-main-1a2b3c all calls" in told
    assert f"Version of the config {log.config_version} Strategy fallback Target config.targets[2]" in told
    assert "Cache MISS" in told
    assert "../../?span=all&workspace=w1&config=pc-main-1a2b3c" in links
    assert "Config in the call's header" in words(story(auditor, made(config="inline")))
    assert "Config" not in words(story(auditor, made()))


def test_a_saved_config_is_a_click_away_for_who_may_see_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_page, "reverse", lambda name, args: f"/{name}/{args[0]}/")
    log, someone = made(**WAY), User.objects.create_user("someone", is_staff=True)
    held = ["logs.view_requestlog"]
    monkeypatch.setattr(User, "has_perm", lambda user, name, of=None: name in held)
    client.force_login(someone)
    assert "configs_config_change" not in story(client, log)
    held.append("configs.view_config")
    assert f"/admin:configs_config_change/{log.config_id}/" in read(story(client, log)).loads
    assert "configs_config_change" not in story(client, made(config="x", config_id="'; --"))


def test_where_configs_have_no_page_a_config_is_text(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(name: str, args: list[str]) -> str:
        raise NoReverseMatch

    monkeypatch.setattr(admin_page, "reverse", nowhere)
    assert "Config pc-main-1a2b3c" in words(story(auditor, made(**WAY)))


def test_a_call_that_was_refused_on_its_way_does_not_fall_back_to_itself(auditor: Client) -> None:
    tried = {"path": "config.targets[0]", "status": 500, "host": "one.example", "left": "fell back"}
    log = made(outcome="refused", status=400, attempts=[tried], option_index="config.targets[0]")
    told = words(story(auditor, log))
    assert "Answered 500, fell back to the next target." in told
    assert "the answer that counted" not in told
    assert "before any provider" not in told


def test_an_answer_from_the_cache_says_so_and_what_it_did_not_cost(auditor: Client) -> None:
    embedding = {"path": "cache", "model": "e", "provider": "openai", "status": 200, "outcome": "answered"}
    log = made(
        attempts=[embedding],
        option_index="config.targets[0]",
        cache_status="SEMANTIC HIT",
        cache_age=7384.2,
        cache_similarity=0.97341,
        pricing="free",
        cost=0,
        total_tokens=0,
        cost_lines=[{"bucket": "cache_hit", "amount": "0"}],
    )
    told = words(story(auditor, log))
    assert "200 finished, from the cache, free." in told
    assert "Cache SEMANTIC HIT, stored 2 h 3 min before, similarity 0.973" in told
    assert "the semantic cache an embedding by e at OpenAI" in told
    assert "Answered from the cache at config.targets[0], as a request like it had been, stored 2 h 3" in told
    assert "Answered from the gateway's cache $0" in told
    assert "The answer was kept from an earlier call: no provider was asked for it." in told
    assert "the answer that counted" not in told


def test_a_hit_without_any_request_is_no_call_that_nobody_answered(auditor: Client) -> None:
    told = words(story(auditor, made(attempts=[], cache_status="HIT", cache_age=0.5)))
    assert "Answered from the cache, stored 500 ms before." in told
    assert "No provider was asked." not in told


@pytest.mark.parametrize(
    "attempt, told",
    [
        ({"status": 412, "outcome": "failed", "host": ""}, "Ended with 412 before its provider was asked"),
        ({"status": 200, "outcome": "truncated", "host": "h"}, "Answered 200, truncated: this is the answer"),
        ({"status": 0, "outcome": "abandoned", "host": "h"}, "Abandoned: this is the answer"),
        ({"status": 500, "host": "h", "left": "of its own accord"}, "Answered 500, of its own accord."),
        ({"status": 500, "host": "h", "left": "fell back"}, "Answered 500, fell back to config.targets[1]."),
        ({"status": 500, "host": "h", "left": "retried"}, "Answered 500, retried."),
    ],
    ids=["refused", "truncated", "abandoned", "other", "fell-back", "retried"],
)
def test_what_came_of_a_request_is_said_in_words(auditor: Client, attempt: dict[str, Any], told: str) -> None:
    log = made(attempts=[{"path": "config", **attempt}], option_index="config.targets[1]")
    assert told in words(story(auditor, log))


def test_many_attempts_stand_under_their_targets_with_errors_to_unfold(auditor: Client) -> None:
    of_target = [{"status": 503, "host": "h", "error": "Down.", "left": "retried"}] * 6
    log = made(attempts=[{"path": f"config.targets[{n}]", **each} for n in range(10) for each in of_target])
    html = story(auditor, log)
    assert html.count('class="gh-target"') == 10
    assert html.count("<details><summary>The error") == 60
    assert html.count("<details open><summary>The error") == 0
    assert "60. Answered 503, retried." in words(html)


def test_of_very_many_attempts_some_are_left_out(auditor: Client) -> None:
    html = story(auditor, made(attempts=[{"status": 503, "host": "h", "left": "retried"}] * 249 + [{}]))
    assert "150 more attempts are not shown here." in words(html)
    assert "80. Answered 503, retried." in words(html)
    assert "250. Was not answered: this is the answer that counted." in words(html)


def test_targets_passed_over_are_named_as_far_as_they_are_few(auditor: Client) -> None:
    told = words(story(auditor, made(skipped=[f"t{n}" for n in range(150)], attempts=[])))
    assert "t98, t99 and 50 more." in told
    assert "t100" not in told


def test_the_cost_is_worked_out_line_by_line(auditor: Client) -> None:
    log = made(cost_lines=LINES, price_source="genai-prices 0.0.1", cost=Decimal("0.01015"))
    told = words(story(auditor, log))
    assert "Input 1,000 $0.15 per million $0.00015" in told
    assert "The call $0.01 per call $0.01" in told
    assert "Total 1,234 $0.01015" in told
    assert "genai-prices 0.0.1" in told


def test_a_price_of_ones_own_is_called_what_the_menu_calls_it(auditor: Client) -> None:
    log = made(cost_lines=LINES, price_source="override 7", cost=Decimal("0.01015"))
    assert "Prices: own price 7." in words(story(auditor, log))


@pytest.mark.parametrize(
    "columns, told",
    [
        ({}, "How it came about was not noted then."),
        ({"pricing": "unpriced", "cost": None}, "No price is known for gpt-4o-mini at OpenAI."),
        ({"pricing": "unpriced", "cost": None, "total_tokens": 0}, "Nobody counted what it used"),
        ({"pricing": "free", "cost": 0}, "The price list asks nothing for this model."),
        ({"pricing": "free", "cost": 0, "total_tokens": 0}, "No provider was asked."),
        (
            {"pricing": "free", "cost": 0, "total_tokens": 0, "fn": "models"},
            "A list of models costs nothing.",
        ),
        (
            {"pricing": "free", "cost": 0, "total_tokens": 0, "status": 401, "attempts": ATTEMPTS},
            "The provider answered with an error",
        ),
        (
            {"repriced_at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "cost_first": Decimal("0.5")},
            "Priced anew on 2026-01-02 03:04 UTC; at first: $0.5.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_cost_is_explained_in_words(auditor: Client, columns: dict[str, Any], told: str) -> None:
    assert told in words(story(auditor, made(**columns)))


def test_calls_that_have_something_in_common_are_a_click_away(auditor: Client) -> None:
    log = made(trace_id="a trace", api_key="App", api_key_id="k1", metadata={"team": "search&co", "x=y": "z"})
    links = read(story(auditor, log)).loads
    assert "../../?q=a+trace" in links
    assert "../../?span=all&api_key=k1" in links
    assert "../../?span=all&metadata=team%3Dsearch%26co" in links
    assert not any("x%3Dy" in link for link in links)


def hostile() -> RequestLog:
    """Somebody wrote HTML wherever one can write."""
    part = {"type": "image_url", "image_url": {"url": "https://elsewhere.example/z.png"}}
    inline = {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg onload=alert(1)>"}}
    call = {"id": HOSTILE, "function": {"name": HOSTILE, "arguments": HOSTILE}}
    message = {
        "role": HOSTILE,
        "name": HOSTILE,
        "content": [HOSTILE, part, inline],
        "tool_calls": [call],
        HOSTILE: HOSTILE,
    }
    asked = {"messages": [message, HOSTILE], HOSTILE: {HOSTILE: [HOSTILE * 10]}, "tools": [{"name": HOSTILE}]}
    clean = HOSTILE.replace("\x00", "")
    texts = (
        "workspace",
        "api_key",
        "virtual_key",
        "model",
        "model_answered",
        "trace_id",
        "error_message",
        "finish",
        "config",
        "option_index",
    )
    told = ("path", "virtual_key", "provider", "model", "host", "outcome", "error", "left")
    attempt = dict.fromkeys(told, HOSTILE)
    return made(
        {"request": asked, "sent": HOSTILE.encode(), "received": {HOSTILE: HOSTILE}, "response": asked},
        **{name: clean[:64] if name == "finish" else clean for name in texts},
        provider=clean,
        metadata={HOSTILE: HOSTILE},
        attempts=[attempt],
        config_id=clean[:64],
        config_version=clean[:64],
        mode=clean[:16],
        skipped=[HOSTILE, {HOSTILE: HOSTILE}],
        cache_status=clean[:64],
        ignored=[HOSTILE],
        cost_lines=[{"bucket": HOSTILE, "tokens": 1, "per_million": HOSTILE, "amount": HOSTILE}],
        price_source=clean[:64],
        sdk=clean,
    )


def test_what_others_wrote_is_text_and_loads_nothing(auditor: Client) -> None:
    ours = read(story(auditor, made({"request": ASKED}, cost_lines=LINES, attempts=ATTEMPTS)))
    theirs = read(story(auditor, hostile()))
    assert theirs.tags <= ours.tags | {"dd", "table", "pre", "details", "summary"}
    assert all(link.startswith(("../../", "#")) for link in set(theirs.loads) - set(ours.loads))
    shown = "".join(theirs.texts)
    assert "<script>alert(1)</script>" in shown
    assert "{{ 7|add:7 }}{% now 'Y' %}" in shown
    assert "image at elsewhere.example, not loaded" in shown


def test_what_nobody_would_see_is_shown_by_its_name(auditor: Client) -> None:
    told = story(auditor, hostile())
    assert not re.search("[\x00\x1b\u200b\u202e\u2066]", told)
    assert "⟨U+202E⟩⟨U+2066⟩⟨U+200B⟩⟨U+001B⟩[31m⟨U+0000⟩" in told


def test_the_page_looks_for_the_call_and_its_bodies_by_its_id_alone(auditor: Client) -> None:
    log = made({"request": ASKED, "response": ANSWERED})
    with CaptureQueriesContext(connections["logs"]) as asked:
        story(auditor, log)
    statements = [query["sql"] for query in asked.captured_queries]
    conditions = [statement.partition(" WHERE ")[2].partition(" LIMIT ")[0] for statement in statements]
    assert len(conditions) == 2
    assert all(re.fullmatch(r'"\w+"\."(id|log)" = \'[0-9a-f]{32}\'', each) for each in conditions), statements


def test_others_have_their_turn_while_a_page_is_laid_out(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(turns, "LONGEST", 0)
    monkeypatch.setattr(turns, "give", lambda: given.append(1))
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
    story(auditor, made({"request": ASKED, "response": chunk * 4000}))
    assert len(given) > 4000


def test_a_large_body_is_shown_as_it_is_without_its_end(
    auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_page, "SHOWN", 40_000)
    body = b"".join(b"%06d," % n for n in range(6000))
    told = "".join(read(story(auditor, made({"request": body}))).texts)
    assert body[:40_000].decode() in told
    assert "2,000 more characters are not shown here." in told


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_is_changed_here(auditor: Client, method: str) -> None:
    log = made()
    assert getattr(auditor, method)(page(log), {"outcome": "failed"}).status_code == 403
    log.refresh_from_db()
    assert log.outcome == "finished"


def test_only_who_may_see_the_log_sees_a_call(client: Client) -> None:
    log = made({"request": ASKED})
    someone = User.objects.create_user("someone", is_staff=True)
    client.force_login(someone)
    assert client.get(page(log)).status_code == 403
    someone.user_permissions.add(Permission.objects.get(codename="view_requestlog"))
    assert "What is it?" in client.get(page(log)).content.decode()


@pytest.mark.parametrize("id_", ["0b1e7a52-5f0c-4c1c-9c39-8e4d2f6c1a10", "nothing", "'; --"])
def test_a_call_that_is_not_there_leads_back_to_the_list(auditor: Client, id_: str) -> None:
    answer = auditor.get(f"{LIST}{id_}/change/")
    assert (answer.status_code, answer["location"]) == (302, LIST)


def test_the_waits_before_retries_are_told_apart_from_the_providers_time(auditor: Client) -> None:
    attempts = [
        {"path": "config", "status": 503, "left": "retried", "host": "h", "ms": 20},
        {"path": "config", "status": 200, "waited_ms": 1000, "host": "h", "ms": 30},
    ]
    log = made(attempts=attempts, total_ms=1060, first_byte_ms=1055, gateway_ms=5)
    told = words(story(auditor, log))
    assert "the waits before retries: 1.0 s waiting for the provider's first byte: 50 ms" in told


def test_the_config_of_the_request_and_the_number_of_a_saved_ones_version_are_shown(auditor: Client) -> None:
    version = {"config_version": "7c9a0d6e-2b1f-4a55-9a0e-0f6f1b7c1d11", "config_number": 3}
    shown = story(auditor, made({"config": {"provider": "@<b>a</b>"}}, config="pc-a-1", **version))
    assert "Version of the config 3 (7c9a0d6e-2b1f-4a55-9a0e-0f6f1b7c1d11)" in words(shown)
    assert "The config in the request, without its credentials" in words(shown)
    assert "<b>a</b>" not in shown
