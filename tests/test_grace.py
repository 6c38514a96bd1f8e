"""A replaced secret: while its grace lasts, the one before is tried where the new one is refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from keys import directory, tokens, transitions
from keys.changes import change_all, changing
from keys.creation import create_virtual_key
from keys.errors import DirectoryAway
from keys.models import Integration, VirtualKey

OLD, NEW = "sk-a-secret-of-the-tests", "sk-the-next-secret-of-all"
CHAT, FILES = "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/threads"
ANSWER = {"id": "c", "object": "chat.completion", "model": "m", "choices": [], "usage": {}}
REFUSAL = {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}}
STREAM = (
    'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
    'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    "data: [DONE]\n\n"
)
HOUR = timedelta(hours=1)


@pytest.fixture
def ask(client: Client, token: str, virtual_key: VirtualKey, rows: Any) -> Any:
    def call(path: str = "/v1/chat/completions", **asked: Any) -> Any:
        body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]} | asked
        headers = {"x-portkey-api-key": token, "x-portkey-virtual-key": "openai"}
        return client.post(path, json.dumps(body), content_type="application/json", headers=headers)

    return call


def replace(key: VirtualKey, grace: timedelta | None = HOUR) -> None:
    with changing(key.integration):
        key.integration.hold(NEW, timezone.now() + grace if grace else None)
        key.integration.save()
    directory.clear()


def accepting(provider: Any, accepted: str, refusal: int = 401) -> list[str]:
    """A provider that knows one key; returns what it is presented with."""
    seen: list[str] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        secret = request.headers["authorization"].removeprefix("Bearer ")
        seen.append(secret)
        status, body = (200, ANSWER) if secret == accepted else (refusal, REFUSAL)
        return status, {"x-echo": f"{OLD} {NEW}"}, json.dumps(body | {"echo": f"{OLD} {NEW}"})

    for url in (CHAT, FILES):
        provider.add_callback("POST", url, answer, content_type="application/json")
    return seen


@pytest.mark.parametrize("refusal", [401, 403])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/threads"])
def test_the_secret_before_serves_where_the_new_one_is_refused(
    ask: Any, provider: Any, rows: Any, virtual_key: VirtualKey, refusal: int, path: str
) -> None:
    replace(virtual_key)
    seen = accepting(provider, OLD, refusal)
    assert ask(path).status_code == 200
    assert seen == [NEW, OLD]
    (row,) = rows()
    assert [
        (tried["status"], tried["virtual_key"], tried["previous_secret"]) for tried in row["attempts"]
    ] == [(refusal, "openai", False), (200, "openai", True)]
    assert row["attempts"][0]["error"]
    assert (row["outcome"], row["status"]) == ("finished", 200)


def test_the_new_one_is_tried_first_and_alone_where_it_is_accepted(
    ask: Any, provider: Any, virtual_key: VirtualKey
) -> None:
    replace(virtual_key)
    seen = accepting(provider, NEW)
    assert ask().status_code == 200
    assert seen == [NEW]


@pytest.mark.parametrize("grace", [None, -HOUR])
def test_without_grace_the_one_before_is_not_tried(
    ask: Any, provider: Any, virtual_key: VirtualKey, grace: timedelta | None
) -> None:
    replace(virtual_key, grace)
    seen = accepting(provider, OLD)
    assert ask().status_code == 401
    assert seen == [NEW]


def test_a_grace_that_ends_in_a_processs_memory_ends(
    ask: Any, provider: Any, virtual_key: VirtualKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(virtual_key)
    seen = accepting(provider, OLD)
    assert ask().status_code == 200
    later = timezone.now() + HOUR + timedelta(seconds=1)
    monkeypatch.setattr("proxy.held_now.datetime", type("Later", (), {"now": staticmethod(lambda _: later)}))
    assert ask().status_code == 401
    assert seen == [NEW, OLD, NEW]


@pytest.mark.parametrize("refusal", [400, 429, 500])
def test_other_errors_are_no_matter_of_the_secret(
    ask: Any, provider: Any, virtual_key: VirtualKey, refusal: int
) -> None:
    replace(virtual_key)
    seen = accepting(provider, OLD, refusal)
    assert ask().status_code == refusal
    assert seen == [NEW]


def test_a_refusal_of_our_own_tries_nothing(ask: Any, provider: Any, virtual_key: VirtualKey) -> None:
    replace(virtual_key)
    seen = accepting(provider, OLD)
    VirtualKey.objects.update(allow_passthrough=False)
    assert ask("/v1/threads").status_code == 403
    VirtualKey.objects.update(expires_at=timezone.now() - HOUR)
    directory.clear()
    assert ask().status_code == 401
    assert seen == []


@pytest.mark.parametrize("accepted", [OLD, NEW, "neither"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/threads"])
def test_neither_secret_is_shown(
    ask: Any, provider: Any, rows: Any, virtual_key: VirtualKey, accepted: str, path: str
) -> None:
    replace(virtual_key)
    accepting(provider, accepted)
    answer = ask(path)
    shown = f"{answer.content!r} {dict(answer.headers)} {rows()}"
    assert OLD not in shown
    assert NEW not in shown
    assert tokens.hint(NEW) in str(answer.headers)


def test_a_stream_is_asked_for_again_before_anything_is_shown(
    ask: Any, provider: Any, rows: Any, virtual_key: VirtualKey
) -> None:
    replace(virtual_key)

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        known = request.headers["authorization"] == f"Bearer {OLD}"
        kind = "text/event-stream" if known else "application/json"
        return (200 if known else 401), {"content-type": kind}, STREAM if known else json.dumps(REFUSAL)

    provider.add_callback("POST", CHAT, answer, content_type=None)
    answered = ask(stream=True)
    content = b"".join(answered.streaming_content).decode()
    answered.close()
    assert answered.status_code == 200
    assert content.endswith("data: [DONE]\n\n")
    assert "Incorrect" not in content
    assert [tried["status"] for tried in rows()[0]["attempts"]] == [401, 200]


def test_where_both_are_refused_what_is_said_of_the_present_one_counts(
    ask: Any, provider: Any, rows: Any, virtual_key: VirtualKey
) -> None:
    replace(virtual_key)

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        present = request.headers["authorization"] == f"Bearer {NEW}"
        said = "No such model for you" if present else "Key revoked"
        return (403 if present else 401), {}, json.dumps({"error": {"message": said}})

    provider.add_callback("POST", CHAT, answer, content_type="application/json")
    answered = ask()
    assert answered.status_code == 403
    assert "No such model for you" in answered.content.decode()
    (row,) = rows()
    assert (row["status"], row["outcome"]) == (403, "failed")
    said = [(tried["status"], tried["error"].split(": ")[-1]) for tried in row["attempts"]]
    assert said == [(403, "No such model for you"), (401, "Key revoked")]


# What happens while the provider thinks about the present secret.


def meanwhile(provider: Any, act: Callable[[], object], accepted: str) -> list[str]:
    """A provider that knows one key, and takes its time: before the first refusal is there `act` is done."""
    seen = accepting(provider, accepted)
    (registered, *_) = provider.registered()
    answer = registered.callback

    def slow(request: Any) -> Any:
        answered = answer(request)
        if len(seen) == 1:
            act()
            directory.watcher.look()
        return answered

    registered.callback = slow
    return seen


def test_a_grace_ended_meanwhile_is_over(ask: Any, provider: Any, virtual_key: VirtualKey) -> None:
    replace(virtual_key)
    directory.watcher.look()
    seen = meanwhile(provider, lambda: transitions.end(virtual_key.integration), OLD)
    assert ask().status_code == 401
    assert seen == [NEW]


@pytest.mark.parametrize("rows_of", [VirtualKey, Integration])
def test_a_key_switched_off_meanwhile_is_off(
    ask: Any, provider: Any, virtual_key: VirtualKey, rows_of: Any
) -> None:
    replace(virtual_key)
    directory.watcher.look()
    seen = meanwhile(provider, lambda: change_all(rows_of.objects.all(), active=False), OLD)
    assert ask().status_code == 401
    assert seen == [NEW]


def test_a_secret_replaced_meanwhile_is_tried(
    ask: Any, provider: Any, rows: Any, virtual_key: VirtualKey
) -> None:
    directory.watcher.look()
    seen = meanwhile(provider, lambda: hold(virtual_key, NEW), NEW)
    assert ask().status_code == 200
    assert seen == [OLD, NEW]
    assert [tried["previous_secret"] for tried in rows()[0]["attempts"]] == [False, False]


def test_a_key_led_elsewhere_meanwhile_sends_nothing_of_its_new_provider(
    ask: Any, provider: Any, virtual_key: VirtualKey
) -> None:
    theirs = create_virtual_key(virtual_key.workspace, "Theirs", provider="anthropic", secret=NEW)
    directory.watcher.look()

    def lead_elsewhere() -> None:
        change_all(VirtualKey.objects.filter(pk=virtual_key.pk), integration=theirs.integration)

    seen = meanwhile(provider, lead_elsewhere, NEW)
    assert ask().status_code == 401
    assert seen == [OLD]


def test_where_the_directory_cannot_tell_what_the_provider_said_stands(
    ask: Any, provider: Any, virtual_key: VirtualKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: str) -> None:
        raise DirectoryAway

    replace(virtual_key)
    seen = meanwhile(provider, lambda: monkeypatch.setattr("keys.virtual_keys.find", away), OLD)
    assert ask().status_code == 401
    assert seen == [NEW]


def hold(key: VirtualKey, secret: str, **how: Any) -> None:
    row = Integration.objects.get(pk=key.integration_id)
    with changing(row):
        row.hold(secret, **how)
        row.save()


@pytest.mark.parametrize("kept, accepted", [(True, OLD), (False, NEW)])
def test_of_two_replacements_in_one_grace_the_one_that_was_kept_is_tried(
    ask: Any, provider: Any, virtual_key: VirtualKey, kept: bool, accepted: str
) -> None:
    replace(virtual_key)
    hold(virtual_key, "sk-the-third-of-the-secrets", previous_until=timezone.now() + HOUR, keep_previous=kept)
    directory.clear()
    seen = accepting(provider, accepted)
    assert ask().status_code == 200
    assert seen == ["sk-the-third-of-the-secrets", accepted]


def test_a_stream_that_runs_when_its_grace_is_ended_runs_on(
    ask: Any, provider: Any, rows: Any, virtual_key: VirtualKey
) -> None:
    replace(virtual_key)
    directory.watcher.look()

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        known = request.headers["authorization"] == f"Bearer {OLD}"
        kind = "text/event-stream" if known else "application/json"
        return (200 if known else 401), {"content-type": kind}, STREAM if known else json.dumps(REFUSAL)

    provider.add_callback("POST", CHAT, answer, content_type=None)
    answered = ask(stream=True)
    pieces = iter(answered.streaming_content)
    content = next(pieces)
    assert transitions.end(virtual_key.integration)
    directory.watcher.look()
    content += b"".join(pieces)
    answered.close()
    assert content.endswith(b"data: [DONE]\n\n")
    assert rows()[0]["outcome"] == "finished"
    assert ask(stream=True).status_code == 401
