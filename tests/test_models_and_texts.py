"""Completions, embeddings and lists of models inside the process: what goes out and what comes back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from responses.matchers import query_param_matcher

from keys.creation import create_api_key, create_virtual_key
from keys.models import VirtualKey, Workspace

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com/v1"
LIST = {"object": "list", "data": [{"id": "gpt-x", "object": "model", "created": 5, "owned_by": "system"}]}

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client, token: str, virtual_key: VirtualKey, workspace: Workspace, rows: Any) -> Ask:
    """Ask as an app would; with a body it is a POST."""
    create_virtual_key(workspace, "A", provider="anthropic", slug="anthropic", secret="sk-ant-0123456789")

    def call(path: str, body: Any = None, key: str = token, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"x-portkey-api-key": key} | named
        if body is None:
            return client.get(path, headers=sent)
        return client.post(path, json.dumps(body), content_type="application/json", headers=sent)

    return call


def test_a_text_is_completed_and_the_bytes_pass(ask, provider, rows):
    answered = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "gpt-3.5-turbo-instruct:20230824-v2",
        "choices": [{"text": "\n\nThis is a test", "index": 0, "logprobs": None, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11},
    }
    provider.post(f"{OPENAI}/completions", json=answered)
    body = {"model": "gpt-3.5-turbo-instruct", "prompt": "Say this is a test"}
    answer = ask("/v1/completions", body, x_portkey_virtual_key="openai")
    assert (answer.status_code, answer.json()) == (200, answered)
    assert json.loads(provider.calls[0].request.body) == body
    (row,) = rows()
    assert (row["fn"], row["dialect"], row["finish"]) == ("complete", "completions", "length")
    assert (row["usage"]["input"], row["usage"]["output"]) == (5, 6)


def test_claude_2_completes_at_its_own_address_and_later_models_through_messages(ask, provider):
    provider.post(
        f"{ANTHROPIC}/complete",
        json={"type": "completion", "id": "c", "completion": " A", "stop_reason": "max_tokens", "model": "x"},
    )
    provider.post(
        f"{ANTHROPIC}/messages",
        json={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5",
            "content": [{"type": "text", "text": "B"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 2, "output_tokens": 1},
        },
    )
    texts = [
        ask("/v1/completions", {"model": f"@anthropic/{model}", "prompt": "Say", "max_tokens": 250}).json()
        for model in ("claude-2", "claude-instant-1.2", "claude-sonnet-5")
    ]
    assert [text["choices"][0]["text"] for text in texts] == [" A", " A", "B"]
    assert [text["object"] for text in texts] == ["text_completion"] * 3
    first = json.loads(provider.calls[0].request.body)
    assert first["prompt"] == "\n\nHuman: Say\n\nAssistant:"
    assert first["max_tokens_to_sample"] == 250


def test_embeddings_pass_and_are_counted(ask, provider, rows):
    answered = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": "AACAPwAAAEA="}],
        "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
    provider.post(f"{OPENAI}/embeddings", json=answered)
    body = {"model": "@openai/text-embedding-3-small", "input": ["Hi"], "encoding_format": "base64"}
    assert ask("/v1/embeddings", body).json() == answered
    (row,) = rows()
    assert (row["fn"], row["usage"]["input"], row["outcome"]) == ("embed", 4, "finished")


def test_what_a_provider_does_not_offer_is_said(ask, provider, rows):
    answer = ask("/v1/embeddings", {"model": "@anthropic/x", "input": "Hi"})
    assert (answer.status_code, answer.json()["message"]) == (500, "embed is not supported by anthropic")
    assert answer["x-portkey-gateway-exception"] == "true"
    assert [row["outcome"] for row in rows()] == ["refused"]


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/embeddings"])
def test_a_call_without_a_model_is_refused(ask, path):
    answer = ask(path, {"prompt": "x", "input": "x"}, x_portkey_virtual_key="openai")
    assert (answer.status_code, "No model" in answer.json()["message"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/models", {"x_portkey_virtual_key": "openai"}),
        ("/v1/models", {"x_portkey_provider": "@openai"}),
        ("/v1/models?model=@openai/x", {}),
    ],
)
def test_a_provider_that_is_named_lists_its_models(ask, provider, rows, path, headers):
    provider.get(f"{OPENAI}/models", json=LIST)
    answer = ask(path, **headers)
    assert answer.json() == {**LIST, "provider": "openai"}
    assert answer["x-portkey-provider"] == "openai"
    assert not provider.calls[0].request.body
    (row,) = rows()
    assert (row["fn"], row["method"], row["models"], row["outcome"]) == (
        "models",
        "GET",
        ["gpt-x"],
        "finished",
    )


def test_anthropics_list_has_the_same_form_and_its_own_beside_it(ask, provider):
    model = {"type": "model", "id": "claude-x", "display_name": "X", "created_at": "2026-01-02T00:00:00Z"}
    provider.get(f"{ANTHROPIC}/models", json={"data": [model], "has_more": False, "first_id": "claude-x"})
    told = ask("/v1/models", x_portkey_virtual_key="anthropic").json()
    assert provider.calls[0].request.url == f"{ANTHROPIC}/models?limit=1000"
    assert told["data"] == [
        model | {"object": "model", "created": 1767312000, "owned_by": "anthropic"},
    ]
    assert (told["object"], told["provider"], told["first_id"]) == ("list", "anthropic", "claude-x")


@pytest.mark.parametrize(
    ("key", "query", "sent"),
    [
        ("anthropic", "?limit=2&after_id=claude-x", "?limit=2&after_id=claude-x"),
        ("anthropic", "?before_id=b", "?before_id=b"),
        ("anthropic", "?beta=true&pretty", "?beta=true&limit=1000"),
        ("openai", "?category=programming", "?category=programming"),
        ("openai", "?pretty&model=@openai/x", ""),
    ],
)
def test_the_clients_query_goes_on_and_a_part_of_a_list_is_not_taken_for_all(
    ask, provider, rows, key, query, sent
):
    base = ANTHROPIC if key == "anthropic" else OPENAI
    provider.get(f"{base}/models", json={"data": [{"id": "m"}], "has_more": False})
    assert ask(f"/v1/models{query}", x_portkey_virtual_key=key).status_code == 200
    assert provider.calls[0].request.url == f"{base}/models{sent}"
    (row,) = rows()
    assert row.get("models") == (None if sent else ["m"])


def test_a_large_part_of_a_list_is_not_taken_for_all_either(ask, provider, rows, monkeypatch):
    monkeypatch.setattr("proxy.apart.LARGE", 10)
    provider.get(f"{OPENAI}/models", json=LIST)
    for query in ("", "?category=programming"):
        assert b"".join(ask(f"/v1/models{query}", x_portkey_virtual_key="openai")).startswith(b"{")
    assert [row.get("models") for row in rows()] == [["gpt-x"], None]


def test_two_thousand_names_of_a_list_are_on_record(ask, provider, rows):
    provider.get(f"{OPENAI}/models", json={"data": [{"id": f"model-{n}"} for n in range(2100)]})
    assert len(ask("/v1/models", x_portkey_virtual_key="openai").json()["data"]) == 2100
    assert [row["models"] for row in rows()] == [[f"model-{n}" for n in range(2000)]]


def test_pages_follow_one_another_to_their_end(ask, provider):
    for limit, after, has_more in (("2", "", True), ("2", "b", False)):
        said = {"data": [{"id": "b"}], "has_more": has_more, "last_id": "b"}
        asked = {"limit": limit} | ({"after_id": after} if after else {})
        provider.get(f"{ANTHROPIC}/models", json=said, match=[query_param_matcher(asked)])
    pages = [
        ask(f"/v1/models?limit=2{after}", x_portkey_virtual_key="anthropic").json()["has_more"]
        for after in ("", "&after_id=b")
    ]
    assert pages == [True, False]


def test_an_error_about_a_list_is_told_in_the_one_shape(ask, provider):
    provider.get(f"{OPENAI}/models", status=401, json={"error": {"message": "Bad key", "type": "x"}})
    answer = ask("/v1/models", x_portkey_virtual_key="openai")
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "openai error: Bad key")


@pytest.mark.parametrize(
    ("said", "status"), [({"data": 5}, 500), ("no list", 500), ({"error": {"message": "No"}}, 502)]
)
def test_what_is_no_list_is_an_error(ask, provider, said, status):
    provider.get(f"{OPENAI}/models", json=said)
    answer = ask("/v1/models", x_portkey_virtual_key="openai")
    assert (answer.status_code, "openai" in answer.json()["error"]["message"]) == (status, True)


@pytest.mark.django_db(databases=["default", "logs"])
@pytest.mark.parametrize("headers", [{}, {"x_portkey_virtual_key": "openai", "forced": "yes"}])
def test_without_a_provider_the_workspaces_own_models_are_listed(ask, provider, rows, monkeypatch, headers):
    monkeypatch.setattr("prices.listing.listed", lambda: {"openai": ("gpt-a",), "anthropic": ("claude-b",)})
    if headers.pop("forced", None):
        headers["x_portkey_fetch_integrated_models"] = "true"
    told = ask("/v1/models", **headers).json()
    assert [model["id"] for model in told["data"]] == ["@anthropic/claude-b", "@openai/gpt-a"]
    assert told["total"] == 2
    assert len(provider.calls) == 0
    (row,) = rows()
    assert (row["fn"], row["provider"], row["attempts"], row["outcome"]) == ("models", "", [], "finished")


@pytest.mark.django_db(databases=["default", "logs"])
@pytest.mark.parametrize(
    ("scopes", "status"),
    [(["virtual_keys.list"], 200), (["completions.write"], 200), (["logs.read"], 403)],
)
def test_who_may_see_the_models(ask, workspace, scopes, status):
    _, token = create_api_key(workspace, "Another", scopes)
    assert ask("/v1/models", key=token).status_code == status


def test_who_may_only_see_models_makes_no_call(ask, workspace):
    _, token = create_api_key(workspace, "Another", ["virtual_keys.list"])
    body = {"model": "@openai/x", "prompt": "x"}
    assert ask("/v1/completions", body, key=token).status_code == 403
    assert ask("/v1/models", {}, key=token, x_portkey_virtual_key="openai").status_code == 403
