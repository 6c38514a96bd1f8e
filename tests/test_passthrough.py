"""Paths the gateway does not know, inside the process: what goes to the provider and what comes back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from keys.creation import create_virtual_key
from keys.models import VirtualKey, Workspace
from providers.catalog import PROVIDERS

BASE = "https://api.openai.com/v1"
SECRET = "sk-a-secret-of-the-tests"

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client, token: str, virtual_key: VirtualKey, rows: Any) -> Ask:
    """Ask as an app would: any method, any path, any body."""

    def call(
        method: str, path: str, body: bytes = b"", kind: str = "application/json", **headers: str
    ) -> Any:
        usual = {"x-portkey-api-key": token, "x-portkey-virtual-key": "openai"}
        named = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in named.items() if value}
        return client.generic(method, path, body, content_type=kind, headers=kept)

    return call


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_goes_on_with_path_query_and_body(ask, provider, rows, method):
    answered = b'{ "id": "th_1",\n "unusual" :[ ] }'
    provider.add(method, f"{BASE}/threads/th_1", body=answered, content_type="application/json; charset=x")
    body = b'{"b": 1, "a": [ 2 ]}' if method != "GET" else b""
    answer = ask(method, "/v1/threads/th_1?limit=2&order=%20", body, openai_beta="assistants=v2")
    sent = provider.calls[0].request
    assert (sent.method, sent.url) == (method, f"{BASE}/threads/th_1?limit=2&order=%20")
    assert (sent.body or b"") == body
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    assert sent.headers["openai-beta"] == "assistants=v2"
    assert (answer.status_code, answer.content) == (200, answered)
    assert answer["content-type"] == "application/json; charset=x"
    assert answer["x-portkey-provider"] == "openai"
    assert answer["x-portkey-last-used-option-index"] == "config"
    (row,) = rows()
    assert (row["fn"], row["method"], row["endpoint"]) == ("proxy", method, "/v1/threads/th_1")
    assert (row["outcome"], row["status"], row["virtual_key"]) == ("finished", 200, "openai")
    assert row["bodies"]["response"] == answered


def test_bytes_of_any_kind_go_on_and_come_back_as_they_are(ask, provider, rows):
    form = b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n\x00\xff\r\n--x--\r\n'
    audio = bytes(range(256)) * 4000
    provider.post(f"{BASE}/audio/anything", body=audio, content_type="audio/mpeg")
    answer = ask("POST", "/v1/audio/anything", form, "multipart/form-data; boundary=x")
    sent = provider.calls[0].request
    assert (sent.body, sent.headers["content-type"]) == (form, "multipart/form-data; boundary=x")
    assert b"".join(answer.streaming_content) == audio
    answer.close()
    assert answer["content-type"] == "audio/mpeg"
    assert [row["outcome"] for row in rows()] == ["finished"]


def test_the_clients_headers_go_on_but_for_those_that_are_ours_to_set(ask, provider, token):
    provider.get(f"{BASE}/files", json={})
    ask(
        "GET",
        "/v1/files",
        user_agent="An app/1",
        accept="text/x",
        x_stainless_lang="python",
        idempotency_key="7",
        cookie="sessionid=secret",
        x_api_key="k",
        x_portkey_metadata="{}",
        x_forwarded_for="10.0.0.1",
        x_another=token,
        accept_encoding="br",
    )
    headers = {name.lower(): value for name, value in provider.calls[0].request.headers.items()}
    assert headers["user-agent"] == "An app/1"
    assert (headers["accept"], headers["x-stainless-lang"], headers["idempotency-key"]) == (
        "text/x",
        "python",
        "7",
    )
    assert not {"cookie", "x-api-key", "x-forwarded-for", "x-another", "accept-encoding"} & set(headers)
    assert not any(name.startswith("x-portkey") or token in value for name, value in headers.items())


def test_a_virtual_key_may_be_named_before_the_model_whose_bare_name_goes_on(ask, provider, rows):
    provider.post(f"{BASE}/moderations", json={"model": "omni", "results": []})
    body = b'{ "input":"x" , "model" : "@openai/omni-moderation" }'
    answer = ask("POST", "/v1/moderations", body, x_portkey_virtual_key="")
    assert answer.status_code == 200
    assert provider.calls[0].request.body == b'{ "input":"x" , "model" : "omni-moderation" }'
    (row,) = rows()
    assert (row["model"], row["model_answered"], row["virtual_key"]) == ("omni-moderation", "omni", "openai")
    assert json.loads(row["bodies"]["sent"])["model"] == "omni-moderation"


def test_the_model_of_a_form_may_name_a_virtual_key(ask, provider, rows):
    form = b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\n%s\r\n--x\r\n\r\n\xff\r\n--x--\r\n'
    provider.post(f"{BASE}/audio/transcriptions", json={"text": "Hi"})
    answer = ask(
        "POST",
        "/v1/audio/transcriptions",
        form % b"@openai/whisper-1",
        "multipart/form-data; boundary=x",
        x_portkey_virtual_key="",
    )
    assert answer.json() == {"text": "Hi"}
    assert provider.calls[0].request.body == form % b"whisper-1"
    assert [(row["model"], row["virtual_key"]) for row in rows()] == [("whisper-1", "openai")]


@pytest.mark.parametrize("body", [b"", b'{ "input": 1 }', b'{"model": 4}'])
def test_a_virtual_key_in_the_query_does_not_go_on_and_its_model_is_on_record(ask, provider, rows, body):
    provider.post(f"{BASE}/anything", json={})
    ask("POST", "/v1/anything?model=@openai/gpt-4o&x=1", body, x_portkey_virtual_key="")
    sent = provider.calls[0].request
    assert (sent.url, sent.body or b"") == (f"{BASE}/anything?model=gpt-4o&x=1", body)
    assert [(row["model"], row["virtual_key"]) for row in rows()] == [("gpt-4o", "openai")]


def test_the_model_in_the_body_counts_before_that_in_the_query(ask, provider, rows):
    provider.post(f"{BASE}/anything", json={})
    ask("POST", "/v1/anything?model=@openai/b", b'{"model":"a"}', x_portkey_virtual_key="")
    assert provider.calls[0].request.body == b'{"model":"a"}'
    assert [(row["model"], row["virtual_key"]) for row in rows()] == [("a", "openai")]


def test_a_second_virtual_key_before_a_model_in_the_query_is_none(ask, provider, rows):
    provider.get(f"{BASE}/anything", json={})
    assert ask("GET", "/v1/anything?model=@openai/@b/c", x_portkey_virtual_key="").status_code == 200
    assert [(row["model"], row["virtual_key"]) for row in rows()] == [("", "openai")]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", ["@openai/ft:gpt-4o", "%40openai%2Fft:gpt-4o"])
def test_a_model_is_asked_for_by_the_name_our_list_tells(ask, provider, rows, method, path):
    provider.add(method, f"{BASE}/models/ft:gpt-4o", json={"id": "ft:gpt-4o", "object": "model"})
    answer = ask(method, f"/v1/models/{path}", x_portkey_virtual_key="")
    assert (answer.status_code, answer.json()["id"]) == (200, "ft:gpt-4o")
    (row,) = rows()
    assert (row["fn"], row["model"], row["virtual_key"]) == ("proxy", "ft:gpt-4o", "openai")
    assert provider.calls[0].request.headers["authorization"] == f"Bearer {SECRET}"


def test_a_virtual_key_in_a_header_counts_before_one_in_the_path(ask, provider, rows):
    provider.get(f"{BASE}/models/a", json={})
    assert ask("GET", "/v1/models/@nobody/a").status_code == 200
    refused = ask("GET", "/v1/models/@nobody/a", x_portkey_virtual_key="")
    assert (refused.status_code, "nobody" in refused.json()["message"]) == (400, True)
    assert [row["model"] for row in rows()] == ["a", "a"]


@pytest.mark.parametrize("body", [b"{broken", b"[1]", b'"text"', b"", b'{"model": 4}', b"\xff\xfe"])
def test_a_body_that_we_cannot_read_is_the_providers_to_judge(ask, provider, body):
    provider.post(f"{BASE}/x", status=400, body=b"no!", content_type="text/plain")
    answer = ask("POST", "/v1/x", body)
    assert (provider.calls[0].request.body or b"") == body
    assert (answer.status_code, answer.content, answer["content-type"]) == (400, b"no!", "text/plain")


def test_an_error_of_the_provider_stays_in_its_own_words(client, token, workspace, provider, rows):
    create_virtual_key(workspace, "A", provider="anthropic", slug="a", secret="sk-ant-0123456789")
    error = {"type": "error", "error": {"type": "not_found_error", "message": "No"}, "request_id": "r"}
    provider.post(
        "https://api.anthropic.com/v1/messages", status=404, json=error, headers={"retry-after": "3"}
    )
    headers = {"x-api-key": token, "x-portkey-virtual-key": "a", "anthropic-version": "2026-10-21"}
    answer = client.post(
        "/v1/v1/messages", b'{"model":"claude-x"}', content_type="application/json", headers=headers
    )
    assert (answer.status_code, answer.json(), answer["retry-after"]) == (404, error, "3")
    sent = provider.calls[0].request
    assert (sent.headers["x-api-key"], sent.headers["anthropic-version"]) == (
        "sk-ant-0123456789",
        "2026-10-21",
    )
    (row,) = rows()
    assert (row["outcome"], row["status"], row["error"]["type"]) == ("failed", 404, "not_found_error")


def test_an_error_nested_beyond_measure_stays_the_providers(ask, provider, rows):
    for depth in range(850, 1050, 10):
        nested = b'{"error":{"message":' + b"[" * depth + b"]" * depth + b"}}"
        provider.post(f"{BASE}/x", status=422, body=nested, content_type="application/json")
        answer = ask("POST", "/v1/x", b"{}")
        assert (answer.status_code, answer.content) == (422, nested)
    assert {row["outcome"] for row in rows()} == {"failed"}


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"x_portkey_api_key": "gh-" + "x" * 43}, 401, "authentication_error"),
        ({"x_portkey_virtual_key": "nobody"}, 400, "invalid_request_error"),
        ({"x_portkey_virtual_key": ""}, 400, "invalid_request_error"),
    ],
)
def test_errors_of_ours_have_anthropics_type_where_its_clients_ask(ask, headers, status, kind):
    answer = ask("POST", "/v1/messages", b"{}", **headers)
    told = answer.json()
    assert (answer.status_code, told["status"], told["type"], told["error"]["type"]) == (
        status,
        "failure",
        "error",
        kind,
    )
    assert told["error"]["message"] == told["message"]
    assert "type" not in ask("POST", "/v1/moderations", b"{}", **headers).json()


def test_a_stream_passes_and_is_understood(ask, provider, rows):
    sse = (
        b'event: message_start\ndata: {"type":"message_start","message":{"model":"m","usage":'
        b'{"input_tokens":4}}}\n\nevent: message_delta\ndata: {"type":"message_delta","delta":'
        b'{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n'
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n: odd tail'
    )
    provider.post(f"{BASE}/messages", body=sse, content_type="text/event-stream; charset=utf-8")
    answer = ask("POST", "/v1/messages", b'{"model":"m","stream":true}')
    assert b"".join(answer.streaming_content) == sse
    answer.close()
    assert answer["content-type"] == "text/event-stream; charset=utf-8"
    (row,) = rows()
    assert (row["outcome"], row["finish"], row["stream"]) == ("finished", "end_turn", True)
    assert (row["usage"]["input"], row["usage"]["output"]) == (4, 2)
    assert row["bodies"]["response"] == sse


def test_the_record_of_a_stream_closes_before_its_end_leaves(ask, provider, rows):
    sse = b'data: {"model":"m","usage":{"prompt_tokens":4}}\n\ndata: [DONE]\n\n'
    provider.post(f"{BASE}/odd", body=sse, content_type="text/event-stream")
    answer = ask("POST", "/v1/odd", b"{}")
    pieces = iter(answer.streaming_content)
    assert next(pieces) == sse
    (row,) = rows()
    assert (row["outcome"], row["usage"]["input"], row["bodies"]["response"]) == ("finished", 4, sse)
    answer.close()


@pytest.mark.parametrize(
    ("kind", "flows"),
    [
        ("application/json; charset=x", False),
        ("application/vnd.api+json", False),
        ("text/json", False),
        ("application/x-ndjson", True),
        ("application/jsonl", True),
        ("application/stream+json", True),
        ("text/event-stream; profile=json", True),
    ],
)
def test_lines_of_json_flow_and_one_value_is_read_whole(ask, provider, kind, flows):
    provider.get(f"{BASE}/lines", body=b'{"a":1}\n', content_type=kind)
    answer = ask("GET", "/v1/lines")
    assert answer.streaming == flows
    assert b"".join(answer) == b'{"a":1}\n'
    answer.close()


def test_an_answer_too_large_to_be_read_whole_flows(ask, provider, monkeypatch):
    monkeypatch.setattr("proxy.exchange.LARGEST_ANSWER", 10)
    large = b'{"a":"0123456789"}'
    provider.get(f"{BASE}/f", body=large, content_type="application/json", auto_calculate_content_length=True)
    answer = ask("GET", "/v1/f")
    assert answer.streaming
    assert b"".join(answer.streaming_content) == large
    answer.close()


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
def test_a_credential_told_back_in_the_content_type_is_hidden(ask, provider, kind):
    provider.get(f"{BASE}/x", body=b"{}", content_type=f"{kind}; was={SECRET}")
    answer = ask("GET", "/v1/x")
    assert SECRET not in answer["content-type"]
    assert answer["content-type"].startswith(kind)
    answer.close()


def test_what_stands_on_the_way_says_nothing_to_the_provider(ask, provider, token):
    provider.get(f"{BASE}/files", json={})
    ask(
        "GET",
        "/v1/files",
        kind=token,
        x_real_ip="10.0.0.1",
        via="1.1 inner",
        x_envoy_external_address="10.0.0.1",
        x_aws_ec2_metadata_token_ttl_seconds="60",
        connection="close, x-hop",
        x_hop="1",
        x_end="2",
    )
    headers = {name.lower(): value for name, value in provider.calls[0].request.headers.items()}
    assert headers["x-end"] == "2"
    assert not {"via", "x-real-ip", "x-hop", "content-type"} & set(headers)
    assert not any(name.startswith(("x-envoy", "x-aws")) for name in headers)


def test_a_virtual_key_can_forbid_what_the_gateway_does_not_know(ask, provider, rows, virtual_key):
    VirtualKey.objects.update(allow_passthrough=False)
    provider.post(f"{BASE}/chat/completions", json={"choices": []})
    answer = ask("POST", "/v1/moderations", b"{}")
    assert answer.status_code == 403
    assert "POST /v1/moderations is none" in answer.json()["error"]["message"]
    assert len(provider.calls) == 0
    (row,) = rows()
    assert (row["outcome"], row["status"], row["attempts"][0]["host"]) == ("refused", 403, "")
    known = ask("POST", "/v1/chat/completions", b'{"model":"m","messages":[]}')
    assert known.status_code == 200


def test_another_method_on_a_known_path_passes_through(ask, provider):
    provider.get(f"{BASE}/chat/completions", json={"object": "list"})
    assert ask("GET", "/v1/chat/completions?limit=1").json() == {"object": "list"}


def test_the_old_prefix_of_pass_through_is_cut(ask, provider):
    provider.post(f"{BASE}/threads", json={"id": "t"})
    assert ask("POST", "/v1/proxy/threads", b"{}").json() == {"id": "t"}


@pytest.mark.parametrize("path", ["/v1/proxy/prompts", "/v1/v1/virtual-keys", "/v1//logs/x", "/v1/%70rompts"])
def test_no_form_of_a_management_path_goes_to_a_provider(ask, provider, path):
    assert ask("GET", path).status_code == 501
    assert len(provider.calls) == 0


def test_a_path_that_climbs_is_refused(ask, provider):
    assert ask("GET", "/v1/files/%2e%2e/%2e%2e/admin").status_code == 400
    assert len(provider.calls) == 0


def test_a_redirect_is_not_followed_and_not_handed_on(ask, provider):
    provider.get(f"{BASE}/files/1/content", status=302, headers={"location": "https://elsewhere.example/"})
    answer = ask("GET", "/v1/files/1/content")
    assert (answer.status_code, "location" in answer) == (500, False)


def test_an_answer_without_a_body_has_none(ask, provider, rows):
    provider.delete(f"{BASE}/files/1", status=204)
    answer = ask("DELETE", "/v1/files/1")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [row["outcome"] for row in rows()] == ["finished"]


def test_no_answer_becomes_a_page(ask, provider):
    provider.get(f"{BASE}/x", body=b"<script>1</script>", content_type="text/html")
    answer = ask("GET", "/v1/x")
    assert (answer["content-security-policy"], answer["x-content-type-options"]) == ("sandbox", "nosniff")
    assert b"".join(answer.streaming_content) == b"<script>1</script>"
    answer.close()


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=PROVIDERS)
def test_every_provider_is_asked_at_its_own_address(client, token, workspace: Workspace, rows, provider, row):
    create_virtual_key(workspace, "P", provider=row.slug, slug="p", secret="sk-0123456789abcdef")
    under = (
        row.base_url if row.base_url.endswith(row.passthrough_under) else row.base_url + row.passthrough_under
    )
    provider.get(f"{under}/anything/at", json={"is": row.slug})
    headers = {"x-portkey-api-key": token, "x-portkey-virtual-key": "p"}
    assert client.get("/v1/anything/at", headers=headers).json() == {"is": row.slug}


def test_a_client_with_its_own_credential_needs_no_virtual_key(ask, provider):
    provider.get(f"{BASE}/files", json={})
    answer = ask(
        "GET",
        "/v1/files",
        x_portkey_virtual_key="",
        x_portkey_provider="openai",
        authorization="Bearer sk-my",
    )
    assert answer.status_code == 200
    assert provider.calls[0].request.headers["authorization"] == "Bearer sk-my"
