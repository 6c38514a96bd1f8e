"""POST /v1/chat/completions inside the process: what goes out, what comes back, and what is on record."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from keys.creation import create_virtual_key
from keys.models import ApiKey, VirtualKey, Workspace
from proxy import upstream

PATH = "/v1/chat/completions"
OPENAI = "https://api.openai.com/v1/chat/completions"
ANTHROPIC = "https://api.anthropic.com/v1/messages"
SECRET = "sk-a-secret-of-the-tests"
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10},
}
STREAM = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n'
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
)
USAGE = b'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
FIVE = {
    "x-portkey-last-used-option-index": "config",
    "x-portkey-cache-status": "DISABLED",
    "x-portkey-retry-attempt-count": "0",
    "x-portkey-provider": "openai",
}

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client, token: str, virtual_key: VirtualKey, rows: Any) -> Ask:
    """Ask as an app would; `body` may be bytes, `headers` go over those that are usual."""

    def call(body: Any = None, *, path: str = PATH, **headers: str) -> Any:
        asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
        sent = body if isinstance(body, bytes) else json.dumps(asked | (body or {})).encode()
        usual = {"x-portkey-api-key": token, "x-portkey-virtual-key": "openai"}
        named = usual | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in named.items() if value}
        return client.post(path, sent, content_type="application/json", headers=kept)

    return call


def stream_of(response: Any) -> bytes:
    content = b"".join(response.streaming_content)
    response.close()
    return content


def test_a_call_goes_out_with_the_stored_credential_and_comes_back_as_it_was(ask, provider, rows):
    provider.post(OPENAI, json=ANSWER)
    answer = ask()
    sent = provider.calls[0].request
    assert sent.headers["authorization"] == f"Bearer {SECRET}"
    assert json.loads(sent.body)["model"] == "gpt-4o-mini"
    assert answer.status_code == 200
    assert answer.json() == ANSWER
    assert FIVE.items() <= {name.lower(): value for name, value in answer.headers.items()}.items()
    (row,) = rows()
    assert (row["outcome"], row["status"], row["provider"]) == ("finished", 200, "openai")
    assert (row["virtual_key"], row["model"], row["model_answered"]) == (
        "openai",
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
    )
    assert (row["usage"]["input"], row["usage"]["output"]) == (8, 2)
    assert answer.headers["x-portkey-trace-id"] == row["id"] == row["trace_id"]
    assert json.loads(row["bodies"]["response"]) == ANSWER
    assert set(row["bodies"]) == {"request", "response"}


@pytest.mark.parametrize(
    ("model", "headers", "path"),
    [
        ("gpt-4o-mini", {"x_portkey_provider": "@openai/ignored"}, PATH),
        ("gpt-4o-mini", {"x_portkey_virtual_key": "openai"}, PATH),
        ("@openai/gpt-4o-mini", {}, PATH),
        ("gpt-4o-mini", {}, PATH + "?model=@openai/gpt-4o-mini"),
        ("@openai/gpt-4o-mini", {"x_portkey_virtual_key": "openai"}, PATH),
    ],
)
def test_the_virtual_key_may_be_named_in_five_ways(ask, provider, model, headers, path):
    provider.post(OPENAI, json=ANSWER)
    answer = ask({"model": model}, path=path, **{"x_portkey_virtual_key": "", **headers})
    assert answer.status_code == 200
    assert json.loads(provider.calls[0].request.body)["model"] == "gpt-4o-mini"


def test_a_name_that_is_no_virtual_key_is_said_by_its_slug(ask, rows):
    answer = ask({"model": "@nobody/gpt-4o-mini"}, x_portkey_virtual_key="")
    assert answer.status_code == 400
    assert answer.json() == {"status": "failure", "message": "Following keys are not valid: nobody"}
    assert [(row["outcome"], row["status"]) for row in rows()] == [("refused", 400)]


def test_another_workspaces_virtual_key_is_not_there(ask):
    other = Workspace.objects.create(slug="other", name="Other")
    create_virtual_key(other, "Theirs", provider="openai", slug="theirs", secret="sk-theirs")
    answer = ask(x_portkey_virtual_key="theirs")
    assert answer.json()["message"] == "Following keys are not valid: theirs"


def test_a_clients_own_credential_goes_to_the_provider_it_names(ask, provider, token):
    provider.post(OPENAI, json=ANSWER)
    answer = ask(
        x_portkey_virtual_key="", x_portkey_provider="openai", authorization="Bearer sk-of-the-client"
    )
    assert answer.status_code == 200
    assert provider.calls[0].request.headers["authorization"] == "Bearer sk-of-the-client"
    assert token not in str(provider.calls[0].request.headers)


def test_the_gateways_key_alone_is_no_credential_for_a_provider(ask, token):
    headers = {"x_portkey_api_key": "", "authorization": f"Bearer {token}", "x_portkey_virtual_key": ""}
    answer = ask(**headers, x_portkey_provider="openai")
    assert answer.status_code == 400
    assert "x-portkey-virtual-key" in answer.json()["message"]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "Either x-portkey-config or x-portkey-provider header is required"),
        ({"x_portkey_provider": "nope"}, "Invalid provider passed"),
        (
            {
                "x_portkey_provider": "openai",
                "authorization": "Bearer sk",
                "x_portkey_custom_host": "http://10.0.0.1",
            },
            "Invalid custom host",
        ),
    ],
)
def test_a_provider_that_will_not_do_is_refused_in_portkeys_words(ask, headers, message):
    answer = ask(x_portkey_virtual_key="", **headers)
    assert (answer.status_code, answer.json()) == (400, {"status": "failure", "message": message})


def test_a_stored_credential_goes_to_no_host_that_came_with_the_request(ask):
    answer = ask(x_portkey_custom_host="https://example.com/v1")
    assert answer.status_code == 400
    assert "virtual key" in answer.json()["message"]


def test_a_providers_error_keeps_its_status_and_takes_the_one_shape(ask, provider, rows):
    error = {
        "error": {"message": f"Incorrect API key provided: {SECRET}.", "type": "x", "code": "invalid_api_key"}
    }
    provider.post(OPENAI, json=error, status=401, headers={"retry-after": "3", "location": "https://e.com"})
    answer = ask()
    assert answer.status_code == 401
    told = answer.json()
    assert told["provider"] == "openai"
    assert told["error"]["message"].startswith("openai error: Incorrect API key provided: sk****")
    assert (told["error"]["type"], told["error"]["param"], told["error"]["code"]) == (
        "x",
        None,
        "invalid_api_key",
    )
    assert answer.headers["retry-after"] == "3"
    assert "location" not in answer.headers
    (row,) = rows()
    assert (row["outcome"], row["status"], row["error"]["code"]) == ("failed", 401, "invalid_api_key")
    assert SECRET not in str(row)


@pytest.mark.parametrize("body", ["<html>", "", "{", "[1]"])
def test_an_answer_that_cannot_be_read_is_the_gateways_fault_not_the_clients(ask, provider, rows, body):
    provider.post(OPENAI, body=body, content_type="text/html")
    answer = ask()
    assert answer.status_code == 500
    assert (
        answer.json()["error"]["message"].startswith("openai error: ")
        or "openai" in answer.json()["error"]["message"]
    )
    assert [row["outcome"] for row in rows()] == ["failed"]


def test_a_redirect_is_not_followed_and_not_handed_on(ask, provider):
    provider.post(OPENAI, status=307, headers={"location": "https://elsewhere.example"})
    answer = ask()
    assert answer.status_code == 500
    assert "location" not in answer.headers
    assert len(provider.calls) == 1


@pytest.mark.parametrize("model", [None, "", "portkey-default"])
def test_a_call_without_a_model_is_refused(ask, model):
    answer = ask({"model": model})
    assert answer.status_code == 400
    assert answer.json()["message"] == "No model was given: set `model` in the body."


def test_a_provider_that_cannot_be_reached_is_an_answer_with_all_headers(ask, provider, rows):
    provider.post(OPENAI, body=ConnectionRefusedError(111, "Connection refused"))
    answer = ask()
    assert answer.status_code == 500
    assert answer.json()["provider"] == "openai"
    assert answer.headers["x-portkey-provider"] == "openai"
    assert [row["error"]["type"] for row in rows()] == ["provider_unreachable"]


def test_a_stream_passes_byte_for_byte_and_the_usage_we_asked_for_is_kept_back(ask, provider, rows):
    provider.post(OPENAI, body=STREAM + USAGE + DONE, content_type="text/event-stream")
    answer = ask({"stream": True})
    assert answer.headers["content-type"] == "text/event-stream"
    assert stream_of(answer) == STREAM + DONE
    assert json.loads(provider.calls[0].request.body)["stream_options"] == {"include_usage": True}
    (row,) = rows()
    assert (row["outcome"], row["finish"], row["stream"]) == ("finished", "stop", True)
    assert (row["usage"]["input"], row["usage"]["output"]) == (8, 2)
    assert row["bodies"]["response"] == STREAM + DONE


def test_a_stream_whose_client_asked_for_usage_has_it(ask, provider):
    provider.post(OPENAI, body=STREAM + USAGE + DONE, content_type="text/event-stream")
    answer = ask({"stream": True, "stream_options": {"include_usage": True}})
    assert stream_of(answer) == STREAM + USAGE + DONE


def test_a_stream_that_lacks_its_end_is_truncated_and_says_so(ask, provider, rows):
    provider.post(OPENAI, body=STREAM, content_type="text/event-stream")
    content = stream_of(ask({"stream": True}))
    assert content.startswith(STREAM)
    assert b'"error"' in content[len(STREAM) :]
    assert DONE not in content
    assert [row["outcome"] for row in rows()] == ["truncated"]


def test_a_stream_that_fails_before_its_first_content_is_an_error_with_a_status(ask, provider, rows):
    error = b'data: {"error":{"message":"Slow down.","type":"rate_limit_error","code":null}}\n\n'
    provider.post(OPENAI, body=error, content_type="text/event-stream")
    answer = ask({"stream": True})
    assert answer.status_code == 429
    assert answer.json()["error"]["message"] == "openai error: Slow down."
    assert [(row["outcome"], row["status"]) for row in rows()] == [("failed", 429)]


def test_a_stream_that_ends_before_its_first_content_is_an_error_too(ask, provider):
    provider.post(OPENAI, body=b": waiting\n\n", content_type="text/event-stream")
    assert ask({"stream": True}).status_code == 500


def test_a_stream_that_fails_later_ends_in_an_error_event(ask, provider, rows):
    error = b'data: {"error":{"message":"Overloaded.","type":"overloaded_error"}}\n\n'
    provider.post(OPENAI, body=STREAM + error + DONE, content_type="text/event-stream")
    content = stream_of(ask({"stream": True}))
    assert b"openai error: Overloaded." in content
    assert DONE not in content
    assert [row["outcome"] for row in rows()] == ["failed"]


def test_a_stream_the_client_gives_up_is_abandoned(ask, provider, rows):
    provider.post(OPENAI, body=STREAM + USAGE + DONE, content_type="text/event-stream")
    answer = ask({"stream": True})
    next(iter(answer.streaming_content))
    answer.close()
    (row,) = rows()
    assert row["outcome"] == "abandoned"


def test_anthropic_is_asked_in_its_own_words_and_answers_in_the_clients(ask, provider, rows, workspace):
    create_virtual_key(workspace, "Claude", provider="anthropic", slug="claude", secret="sk-ant")
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "Hello!"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 8, "output_tokens": 2},
    }
    provider.post(ANTHROPIC, json=message)
    answer = ask(
        {"model": "claude-sonnet-4-5", "seed": 1}, x_portkey_virtual_key="claude", anthropic_beta="b"
    )
    sent = provider.calls[0].request
    assert (sent.headers["x-api-key"], sent.headers["anthropic-beta"]) == ("sk-ant", "b")
    assert "max_tokens" in json.loads(sent.body)
    told = answer.json()
    assert (told["object"], told["provider"]) == ("chat.completion", "anthropic")
    assert told["choices"][0]["message"]["content"] == "Hello!"
    (row,) = rows()
    assert row["ignored"] == ["seed"]
    assert set(row["bodies"]) == {"request", "sent", "received", "response"}
    assert json.loads(row["bodies"]["received"]) == message


def test_a_client_that_wants_no_bodies_kept_leaves_none(ask, provider, rows):
    provider.post(OPENAI, json=ANSWER)
    ask(x_portkey_debug="False")
    (row,) = rows()
    assert row["bodies"] == {}
    assert row["usage"]["input"] == 8


def test_without_bodies_a_failure_keeps_its_answer(ask, provider, rows):
    provider.post(OPENAI, json={"error": {"message": "No."}}, status=400)
    ask(x_portkey_debug="false")
    assert set(rows()[0]["bodies"]) == {"response"}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"messages": []}', 400), (b'{"model": 3}', 400)],
)
def test_a_body_that_will_not_do_is_refused_and_on_record(ask, rows, body, status):
    answer = ask(body)
    assert answer.status_code == status
    assert answer.json()["status"] == "failure"
    (row,) = rows()
    assert (row["outcome"], row["status"]) == ("refused", status)
    assert answer.headers["x-portkey-trace-id"] == row["trace_id"]
    assert row["bodies"]["request"] == body


def test_a_body_over_the_limit_is_refused_and_on_record(ask, rows, settings):
    settings.MAX_BODY_MB = 0.001
    answer = ask({"messages": ["x" * 2000]})
    assert (answer.status_code, answer.json()["message"]) == (
        413,
        "Payload size exceeds the limit of 0.001MB",
    )
    assert [row["status"] for row in rows()] == [413]


def test_an_unknown_key_is_refused_in_its_envelope_and_is_no_call(ask, rows):
    answer = ask(x_portkey_api_key="gh-" + "A" * 43)
    message = "Portkey Error: Invalid API Key. Error Code: 03"
    assert answer.status_code == 401
    assert answer.json() == {
        "status": "failure",
        "message": message,
        "error": {"message": message, "code": "03"},
    }
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert answer.headers["x-portkey-trace-id"]
    assert rows() == []


def test_a_key_without_the_scope_is_refused_and_on_record(ask, rows, api_key: ApiKey):
    api_key.scopes = ["logs.view"]
    api_key.save()
    answer = ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "033")
    assert [(row["outcome"], row["status"]) for row in rows()] == [("refused", 403)]


def test_a_call_that_comes_back_to_its_own_gateway_is_refused(ask, rows):
    answer = ask(x_gatehouse_hop=upstream.LOOP_MARK)
    assert answer.status_code == 508
    assert [row["status"] for row in rows()] == [508]


def test_trace_and_metadata_are_on_record(ask, provider, rows):
    provider.post(OPENAI, json=ANSWER)
    answer = ask(x_portkey_trace_id="t-1", x_portkey_metadata='{"team": "blue"}')
    assert answer.headers["x-portkey-trace-id"] == "t-1"
    (row,) = rows()
    assert (row["trace_id"], row["metadata"]) == ("t-1", {"team": "blue"})


def test_forwarded_headers_go_along_but_no_credential_does(ask, provider, token):
    provider.post(OPENAI, json=ANSWER)
    ask(x_portkey_forward_headers="x-mine, cookie, x-portkey-api-key", x_mine="1", cookie="a=b")
    sent = provider.calls[0].request.headers
    assert sent["x-mine"] == "1"
    assert "cookie" not in sent
    assert token not in str(sent)


def test_pretty_indents(ask, provider):
    provider.post(OPENAI, json=ANSWER)
    assert b'\n  "id"' in ask(path=PATH + "?pretty").content


def test_a_path_that_is_not_there_and_a_method_that_is_not_served_answer_json(client, token):
    headers = {"x-portkey-api-key": token}
    missing = client.get("/v2/nowhere", headers=headers)
    assert (missing.status_code, missing.json()) == (404, {"message": "Not Found", "ok": False})
    wrong = client.options(PATH, headers=headers)
    assert (wrong.status_code, wrong.json()["status"]) == (405, "failure")
    assert missing.headers["x-portkey-trace-id"]
    assert wrong.headers["x-portkey-trace-id"]


def test_a_base_url_with_a_slash_at_its_end_works(ask, provider):
    provider.post(OPENAI, json=ANSWER)
    assert ask(path="/v1//chat/completions").status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("server_error", 502), ("rate_limit_error", 429)])
def test_an_error_with_a_status_of_200_is_an_error_with_a_status_of_its_own(
    ask, provider, rows, kind, status
):
    error = {"message": "Model is loading.", "type": kind}
    provider.post(OPENAI, json={"error": error})
    answer = ask()
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == "openai error: Model is loading."
    (row,) = rows()
    assert (row["outcome"], row["status"], row["error"]["type"]) == ("failed", status, kind)
    assert json.loads(row["bodies"]["received"]) == {"error": error}


def test_pretty_is_a_parameter_of_that_name_and_breaks_no_answer(ask, provider):
    odd = b'{"id":"\\ud800","choices":[]}'
    provider.post(OPENAI, body=odd, content_type="application/json")
    assert ask(path=PATH + "?x=unpretty").content == odd
    told = ask(path=PATH + "?pretty=")
    assert (told.status_code, told.content) == (200, b'{\n  "id": "\\ud800",\n  "choices": []\n}')


def test_an_answer_to_head_has_no_body(client, token):
    answer = client.head(PATH, headers={"x-portkey-api-key": token})
    assert (answer.status_code, answer.content) == (405, b"")
    assert int(answer.headers["content-length"]) > 0


def test_a_401_names_its_challenge(client):
    assert client.post(PATH, b"{}", content_type="application/json").headers["www-authenticate"]


def test_what_cannot_be_put_in_the_providers_words_is_refused_by_the_gateway(ask, rows, workspace):
    create_virtual_key(workspace, "Claude", provider="anthropic", slug="claude", secret="sk-ant-0123456789")
    answer = ask({"n": 3}, x_portkey_virtual_key="claude")
    assert answer.status_code == 400
    assert [(row["outcome"], row["status"]) for row in rows()] == [("refused", 400)]


def test_a_stored_secret_is_masked_in_what_the_record_learns_of_a_stream(ask, provider, rows):
    provider.post(
        OPENAI,
        body=STREAM.replace(b'"m"', b'"%s"' % SECRET.encode()) + DONE,
        content_type="text/event-stream",
    )
    stream_of(ask({"stream": True}))
    assert SECRET not in str(rows())
