"""What a call meets on its way: changes while it waits, hits of the cache, ways that lead nowhere."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cache import store
from configs import breaker
from keys import directory
from keys.changes import changing
from keys.errors import DirectoryAway
from keys.models import VirtualKey, Workspace
from proxy import retrying
from tests.test_chat import ANSWER, ANTHROPIC, OPENAI
from tests.test_configs_calls import HAIKU, MESSAGE, OPEN, fallback, tries
from tests.test_configs_calls import ask as ask  # the fixture

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
RETRIED = {**OPEN, "retry": {"attempts": 3}}
GONE = "The virtual key openai was taken away or moved while the call waited to ask again."


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """What is done instead of the first wait; the others are no waits either."""

    def during(act: Callable[[], Any]) -> None:
        acts = [act]

        def sleep(seconds: float) -> None:
            if acts:
                acts.pop()()
                directory.watcher.look()

        monkeypatch.setattr(retrying, "sleep", sleep)

    return during


def switch_off(key: VirtualKey) -> None:
    with changing(key):
        key.active = False
        key.save()


def delete(key: VirtualKey) -> None:
    with changing(key):
        key.delete()


@pytest.mark.parametrize("how", [switch_off, delete])
def test_a_key_that_was_taken_away_is_not_used_again(how, ask, provider, rows, meanwhile, virtual_key):
    provider.post(OPENAI, json={}, status=503)
    meanwhile(lambda: how(virtual_key))
    answer = ask(RETRIED)
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, GONE)
    assert len(provider.calls) == 1
    (row,) = rows()
    assert tries(row) == [("config", 503, "retried"), ("config", 503, "")]
    assert row["attempts"][1]["error"] == GONE


def test_a_fallback_goes_on_without_it(ask, provider, meanwhile, virtual_key):
    provider.post(OPENAI, json={}, status=503)
    provider.post(ANTHROPIC, json=MESSAGE)
    meanwhile(lambda: delete(virtual_key))
    answer = ask(fallback(RETRIED, HAIKU))
    assert (answer.status_code, answer["x-portkey-last-used-option-index"]) == (200, "config.targets[1]")


def test_a_secret_that_was_replaced_meanwhile_is_used(ask, provider, rows, meanwhile, virtual_key):
    new = "sk-the-new-one-of-the-tests"
    provider.post(OPENAI, json={}, status=503)
    provider.post(OPENAI, json={}, status=503)
    provider.post(OPENAI, json={"error": {"message": f"Not {new}."}}, status=400)

    def replaced() -> None:
        integration = virtual_key.integration
        with changing(integration):
            integration.hold(new)
            integration.save()

    meanwhile(replaced)
    answer = ask(RETRIED)
    sent = [call.request.headers["authorization"] for call in provider.calls]
    assert sent[1:] == [f"Bearer {new}"] * 2 != sent[:2]
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "openai error: Not sk*****sts.")
    assert new not in str(rows())


@pytest.mark.parametrize("change", [{"expires_at": LONG_AGO}, {"active": False}])
def test_a_key_that_came_to_its_end_meanwhile_is_not_used_again(
    change, ask, provider, meanwhile, virtual_key
):
    provider.post(OPENAI, json={}, status=503)

    def ended() -> None:
        with changing(virtual_key):
            VirtualKey.objects.filter(pk=virtual_key.pk).update(**change)

    meanwhile(ended)
    assert ask(RETRIED).status_code in (401, 503)
    assert len(provider.calls) == 1


def test_while_the_directory_is_away_the_key_as_it_was_known_is_used(ask, provider, meanwhile, monkeypatch):
    provider.post(OPENAI, json={}, status=503)
    provider.post(OPENAI, json=ANSWER)

    def away(*_: Any) -> None:
        raise DirectoryAway

    meanwhile(lambda: monkeypatch.setattr("keys.virtual_keys.find", away))
    assert ask(RETRIED).status_code == 200


def test_answers_from_the_cache_are_no_successes_of_a_target(ask, provider, workspace: Workspace):
    """Else they would outnumber its failures, and a breaker that goes by their share would stay closed."""
    store.forget()
    breaker.BREAKERS.forget()
    provider.post(OPENAI, json=ANSWER)
    provider.post(ANTHROPIC, json=MESSAGE)
    rule = {"failure_threshold_percentage": 50, "minimum_requests": 5, "cooldown_interval": 60_000}
    config = fallback({**OPEN, "cache": {"mode": "simple"}}, HAIKU)
    config["strategy"]["cb_config"] = {**rule, "failure_threshold": 100}
    hits = [ask(config)["x-portkey-cache-status"] for _ in range(40)]
    assert hits == ["MISS"] + ["HIT"] * 39
    provider.replace("POST", OPENAI, json={}, status=503)
    before = len(provider.calls)
    for number in range(10):
        ask(config, {"user": f"u{number}"})
    failed = [call for call in provider.calls[before:] if call.request.url == OPENAI]
    assert len(failed) == 4  # with the answer before, five
    store.forget()
    breaker.BREAKERS.forget()


NOWHERE = {
    "strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.a": "b"}, "then": "x"}]},
    "targets": [{**HAIKU, "name": "x"}],
}


def test_a_try_that_led_to_nothing_is_no_answer_that_counts(ask, provider, rows):
    provider.post(OPENAI, json={}, status=500)
    answer = ask(fallback(OPEN, NOWHERE))
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "Query router did not resolve to any valid target",
    )
    (row,) = rows()
    assert (row["outcome"], row["status"], tries(row)) == (
        "refused",
        400,
        [("config.targets[0]", 500, "fell back")],
    )


def test_the_last_of_a_hundred_tries_says_that_it_is(ask, provider, rows):
    provider.post(OPENAI, json={"error": {"message": "Down."}}, status=500)
    assert ask(fallback(*[OPEN] * 101)).status_code == 500
    errors = [each["error"] for each in rows()[0]["attempts"]]
    assert len(errors) == 100
    assert errors[-1] == f"{errors[0]} Nothing else is tried: the call has had its 100 tries."
