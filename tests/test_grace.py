"""A replaced secret: while its grace lasts, the one before is tried where the new one is refused."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from keys import directory, tokens
from keys.changes import changing
from keys.models import VirtualKey

OLD, NEW = "sk-a-secret-of-the-tests", "sk-the-next-secret-of-all"
CHAT, FILES = "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/threads"
ANSWER = {"id": "c", "object": "chat.completion", "model": "m", "choices": [], "usage": {}}
REFUSAL = {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}}
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
    assert [(tried["status"], tried["virtual_key"]) for tried in row["attempts"]] == [
        (refusal, "openai"),
        (200, "openai"),
    ]
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
    monkeypatch.setattr("proxy.pipeline.datetime", type("Later", (), {"now": staticmethod(lambda _: later)}))
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
    stream = (
        'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
        'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
        "data: [DONE]\n\n"
    )

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        known = request.headers["authorization"] == f"Bearer {OLD}"
        kind = "text/event-stream" if known else "application/json"
        return (200 if known else 401), {"content-type": kind}, stream if known else json.dumps(REFUSAL)

    provider.add_callback("POST", CHAT, answer, content_type=None)
    answered = ask(stream=True)
    content = b"".join(answered.streaming_content).decode()
    answered.close()
    assert answered.status_code == 200
    assert content.endswith("data: [DONE]\n\n")
    assert "Incorrect" not in content
    assert [tried["status"] for tried in rows()[0]["attempts"]] == [401, 200]
