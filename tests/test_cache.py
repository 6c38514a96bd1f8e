"""The cache on the way of a call: what is answered from it, to whom, in which form, and what never is."""

import json
from typing import Any

import pytest

from cache import store
from keys.creation import create_api_key, create_virtual_key
from keys.models import Workspace
from tests.test_chat import ANSWER, DONE, OPENAI, STREAM, USAGE, stream_of
from tests.test_chat import ask as ask  # the fixture

CHAT = {**ANSWER, "system_fingerprint": "fp_1"}
ANTHROPIC = "https://api.anthropic.com/v1/messages"
RESPONSES = "https://api.openai.com/v1/responses"
EMBEDDINGS = "https://api.openai.com/v1/embeddings"
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hello!"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 8, "output_tokens": 2},
}


@pytest.fixture(autouse=True)
def empty():
    store.forget()
    yield
    store.forget()


@pytest.fixture
def cached(ask):
    """Ask by a config that has the cache on."""

    def call(body: Any = None, rule: Any = None, **headers: Any) -> Any:
        config = {"cache": {"mode": "simple", **(rule or {})}}
        return ask(body, **{"x_portkey_config": json.dumps(config), **headers})

    return call


def status(answer):
    return answer.headers["x-portkey-cache-status"]


def test_the_same_question_is_answered_from_the_cache_and_nobody_is_asked(cached, provider, rows):
    provider.post(OPENAI, json=CHAT, headers={"x-request-id": "r1", "openai-version": "1"})
    first, second = cached(), cached()
    assert (status(first), status(second)) == ("MISS", "HIT")
    assert len(provider.calls) == 1
    assert second.status_code == 200
    assert second.json() == CHAT
    assert second.headers["content-type"] == "application/json"
    assert first.headers["x-request-id"] == "r1"
    assert not {"x-request-id", "openai-version"} & {name.lower() for name in second.headers}
    assert second.headers["x-portkey-provider"] == "openai"
    missed, hit = rows()
    assert (missed["cache_status"], hit["cache_status"]) == ("MISS", "HIT")
    assert hit["outcome"] == "finished"
    assert hit["cache_age"] >= 0
    assert hit["usage"] is None
    assert (hit["model_answered"], hit["finish"], hit["provider"]) == (ANSWER["model"], "stop", "openai")
    assert hit["attempts"][0]["host"] == ""
    assert json.loads(hit["bodies"]["response"]) == CHAT


def test_without_a_config_that_says_so_nothing_is_cached(ask, provider, rows):
    provider.post(OPENAI, json=CHAT)
    assert [status(ask()), status(ask(x_portkey_cache="simple"))] == ["DISABLED", "DISABLED"]
    assert len(provider.calls) == 2
    assert {row["cache_status"] for row in rows()} == {"DISABLED"}


@pytest.mark.parametrize(
    "changed",
    [
        {"body": {"temperature": 0.5}},
        {"body": {"model": "gpt-4o"}},
        {"x_portkey_metadata": '{"user": "u2"}'},
        {"x_portkey_cache_namespace": "n"},
        {"x_portkey_strict_open_ai_compliance": "false"},
        {"openai_beta": "assistants=v2"},
        {"x_portkey_forward_headers": "x-mine", "x_mine": "1"},
    ],
)
def test_another_question_is_another_entry(cached, provider, changed):
    provider.post(OPENAI, json=CHAT)
    cached()
    assert [status(cached(**changed)), status(cached(**changed))] == ["MISS", "HIT"]
    assert len(provider.calls) == 2


def test_a_namespace_takes_the_place_of_metadata(cached, provider):
    provider.post(OPENAI, json=CHAT)
    named = {"x_portkey_cache_namespace": "n"}
    answers = [cached(x_portkey_metadata=json.dumps({"user": user}), **named) for user in ("a", "b")]
    assert [status(answer) for answer in answers] == ["MISS", "HIT"]


def test_metadata_that_are_alike_but_for_their_ends_are_not_the_same(cached, provider):
    provider.post(OPENAI, json=CHAT)
    given = [json.dumps({"user": "u" * 200 + end}) for end in "ab"]
    assert [status(cached(x_portkey_metadata=each)) for each in given] == ["MISS", "MISS"]


def test_so_are_those_that_two_api_keys_add(cached, provider, workspace):
    provider.post(OPENAI, json=CHAT)
    keys = []
    for end in "ab":
        key, token = create_api_key(workspace, f"An app {end}")
        key.default_metadata = {"_user": "u" * 200 + end}
        key.save()
        keys.append(token)
    assert [status(cached(x_portkey_api_key=token)) for token in keys] == ["MISS", "MISS"]
    assert status(cached(x_portkey_api_key=keys[1])) == "HIT"


def test_order_and_spaces_of_a_body_do_not_matter(cached, provider):
    provider.post(OPENAI, json=CHAT)
    one = b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"temperature":1}'
    other = b'{ "temperature": 1, "messages": [{"content": "Hi", "role": "user"}], "model": "m" }'
    assert [status(cached(one)), status(cached(other))] == ["MISS", "HIT"]


def test_the_api_key_and_the_virtual_key_do_not_matter_but_the_workspace_does(
    cached, provider, workspace, client
):
    provider.post(OPENAI, json=CHAT)
    cached()
    _, colleague = create_api_key(workspace, "Another app")
    create_virtual_key(workspace, "Second", provider="openai", slug="second", secret="sk-second")
    assert status(cached(x_portkey_api_key=colleague, x_portkey_virtual_key="second")) == "HIT"
    other = Workspace.objects.create(slug="other", name="Other")
    _, stranger = create_api_key(other, "Theirs")
    create_virtual_key(other, "Theirs", provider="openai", slug="openai", secret="sk-theirs")
    assert status(cached(x_portkey_api_key=stranger)) == "MISS"


def test_who_brings_a_credential_has_answers_of_their_own(cached, provider):
    provider.post(OPENAI, json=CHAT)
    brought = {"x_portkey_virtual_key": "", "x_portkey_provider": "openai"}
    tokens = ["Bearer sk-one-of-the-clients", "Bearer sk-one-of-the-clients", "Bearer sk-another-of-them"]
    answers = [cached(authorization=token, **brought) for token in tokens]
    assert [status(answer) for answer in answers] == ["MISS", "HIT", "MISS"]


@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_a_refresh_asks_the_provider_and_keeps_what_it_says(cached, provider, value, rows):
    provider.post(OPENAI, json=CHAT)
    provider.post(OPENAI, json={**CHAT, "id": "newer"})
    answers = [cached(), cached(x_portkey_cache_force_refresh=value), cached()]
    assert [status(answer) for answer in answers] == ["MISS", "REFRESH", "HIT"]
    assert [answer.json()["id"] for answer in answers] == [CHAT["id"], "newer", "newer"]


def test_only_the_word_true_refreshes(cached, provider):
    provider.post(OPENAI, json=CHAT)
    cached()
    assert status(cached(x_portkey_cache_force_refresh="1")) == "HIT"


def test_an_entry_that_is_too_old_for_the_config_is_a_miss(cached, provider, monkeypatch):
    provider.post(OPENAI, json=CHAT)
    cached()
    now = __import__("time").time()
    monkeypatch.setattr("cache.entries.time.time", lambda: now + 90)
    assert status(cached(rule={"max_age": 100})) == "HIT"
    assert status(cached(rule={"max_age": 60})) == "MISS"


@pytest.mark.parametrize("code", [201, 400, 429, 500])
def test_what_is_no_200_is_not_kept(cached, provider, code):
    provider.post(OPENAI, json=CHAT, status=code)
    assert [status(cached()), status(cached())] == ["MISS", "MISS"]


def test_an_error_with_a_status_of_200_is_not_kept(cached, provider):
    provider.post(OPENAI, json={"error": {"message": "no", "type": "server_error"}})
    assert [status(cached()), status(cached())] == ["MISS", "MISS"]


def test_what_is_large_is_not_kept(cached, provider):
    large = {**CHAT, "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 2**20}}]}
    provider.post(OPENAI, json=large)
    assert [status(cached()), status(cached())] == ["MISS", "MISS"]


def test_a_large_question_is_not_looked_up(cached, provider):
    provider.post(OPENAI, json=CHAT)
    asked = {"messages": [{"role": "user", "content": "x" * 600_000}]}
    assert [status(cached(asked)), status(cached(asked))] == ["DISABLED", "DISABLED"]


def test_a_hit_gives_the_others_a_turn_before_it_answers(cached, provider, monkeypatch):
    provider.post(OPENAI, json=CHAT)
    cached()
    given = []
    monkeypatch.setattr("proxy.turns.give", lambda: given.append(1))
    assert status(cached()) == "HIT"
    assert given


# Streams


def chunk(piece):
    return piece.replace(b'"id":"c"', b'"id":"c","object":"chat.completion.chunk","created":1')


SSE = {"content_type": "text/event-stream"}
LIVE, COUNTED = chunk(STREAM), chunk(USAGE)
STREAMING = {"stream": True}
ASKED = {"stream": True, "stream_options": {"include_usage": True}}


def test_a_stream_is_answered_again_as_it_was(cached, provider, rows):
    provider.post(OPENAI, body=LIVE + COUNTED + DONE, **SSE)
    first, second = (cached(STREAMING) for _ in range(2))
    assert stream_of(first) == LIVE + DONE
    second = cached(STREAMING)
    assert status(second) == "HIT"
    assert second.headers["content-type"] == "text/event-stream"
    assert stream_of(second) == LIVE + DONE
    hit = rows()[-1]
    assert (hit["outcome"], hit["cache_status"], hit["finish"]) == ("finished", "HIT", "stop")
    assert hit["bodies"]["response"] == LIVE + DONE


def test_usage_comes_with_a_replay_if_the_client_asks(cached, provider):
    provider.post(OPENAI, body=LIVE + COUNTED + DONE, **SSE)
    stream_of(cached(STREAMING))
    told = stream_of(cached(ASKED))
    assert told.startswith(LIVE)
    usage = json.loads(told.removeprefix(LIVE).partition(b"\n\n")[0].removeprefix(b"data: "))["usage"]
    assert usage == {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}


def test_a_stream_serves_a_whole_question(cached, provider):
    provider.post(OPENAI, body=LIVE + COUNTED + DONE, **SSE)
    stream_of(cached(STREAMING))
    answer = cached()
    assert status(answer) == "HIT"
    told = answer.json()
    assert told["object"] == "chat.completion"
    assert told["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}
    assert told["usage"]["total_tokens"] == 10


def test_a_whole_answer_serves_a_stream(cached, provider):
    provider.post(OPENAI, json=CHAT)
    cached()
    answer = cached(ASKED)
    assert status(answer) == "HIT"
    *events, done, rest = stream_of(answer).split(b"\n\n")
    assert (done, rest) == (DONE.strip(), b"")
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks[:-1]) == "Hello!"
    assert chunks[-1]["usage"] == ANSWER["usage"]


@pytest.mark.parametrize(
    "body",
    [
        LIVE + COUNTED,
        LIVE + b'data: {"error":{"message":"no","type":"server_error"}}\n\n',
        LIVE + b"data: {broken\n\n" + DONE,
    ],
)
def test_a_stream_that_did_not_end_well_is_not_kept(cached, provider, body):
    provider.post(OPENAI, body=body, **SSE)
    stream_of(cached(STREAMING))
    assert status(cached(STREAMING)) == "MISS"


def test_a_stream_that_the_client_left_is_not_kept(cached, provider, rows):
    provider.post(OPENAI, body=LIVE + COUNTED + DONE, **SSE)
    left = cached(STREAMING)
    left.close()
    assert rows()[0]["outcome"] == "abandoned"
    assert status(cached(STREAMING)) == "MISS"


def test_a_replay_that_the_client_leaves_is_on_record(cached, provider, rows):
    provider.post(OPENAI, body=LIVE + COUNTED + DONE, **SSE)
    stream_of(cached(STREAMING))
    cached(STREAMING).close()
    assert [(row["outcome"], row["cache_status"]) for row in rows()][1] == ("abandoned", "HIT")


# Other providers, functions and paths


@pytest.fixture
def claude(workspace):
    create_virtual_key(workspace, "Claude", provider="anthropic", slug="claude", secret="sk-ant-a-secret")
    return {"x_portkey_virtual_key": "claude"}


def test_what_was_translated_is_kept_in_the_clients_words(cached, provider, claude):
    provider.post(ANTHROPIC, json=MESSAGE)
    asked = {"max_tokens": 9, "model": "claude-sonnet-4-5"}
    first, second = (cached(asked, **claude) for _ in range(2))
    assert (status(second), second.json()) == ("HIT", first.json())
    streamed = cached({**asked, **ASKED}, **claude)
    assert status(streamed) == "HIT"
    assert b'"content":"Hello!"' in stream_of(streamed)


def test_what_only_shapes_the_answer_keeps_questions_apart(cached, provider, claude):
    """`functions` go out as tools, and come back as the client called them."""
    provider.post(ANTHROPIC, json=MESSAGE)
    function = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
    asked = {"max_tokens": 9, "model": "claude-sonnet-4-5"}
    by_tools = {**asked, "tools": [{"type": "function", "function": function}], "parallel_tool_calls": False}
    cached(by_tools, **claude)
    assert status(cached({**asked, "functions": [function]}, **claude)) == "MISS"


def test_embeddings_are_cached(cached, provider):
    answer = {"object": "list", "data": [{"index": 0, "embedding": [0.5]}], "model": "e", "usage": {}}
    provider.post(EMBEDDINGS, json=answer)
    asked = b'{"model":"e","input":"Hi"}'
    answers = [cached(asked, path="/v1/embeddings") for _ in range(2)]
    assert [status(each) for each in answers] == ["MISS", "HIT"]
    assert answers[1].json() == answer


def test_a_path_that_passes_through_is_cached_where_it_has_no_effect(cached, provider, rows):
    provider.post("https://api.openai.com/v1/moderations", json={"id": "m"})
    answers = [cached(b'{"input":"Hi"}', path="/v1/moderations", user_agent=f"a/{n}") for n in range(2)]
    assert [status(each) for each in answers] == ["MISS", "HIT"]
    assert answers[1].json() == {"id": "m"}
    assert answers[1].headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/files", {}),
        ("/v1/batches", {}),
        ("/v1/audio/speech", {}),
        ("/v1/images/edits", {}),
        ("/v1/responses", {}),
        ("/v1/responses/", {"store": None}),
        ("/v1/responses", {"store": True}),
        ("/v1/responses", {"store": False, "background": True}),
        ("/v1/responses", {"store": False, "conversation": "conv_1"}),
        ("/v1/responses", {"store": False, "previous_response_id": "resp_1"}),
        ("/v1/responses", {"store": False, "tools": [{"type": "mcp", "server_url": "https://mcp.example"}]}),
        ("/v1/responses", {"store": False, "tools": [{"type": "code_interpreter"}]}),
        ("/v1/responses", {"store": False, "tools": [{"type": "shell", "environment": {"type": "c"}}]}),
        ("/v1/messages", {"tools": [{"type": "code_execution_20250522", "name": "code_execution"}]}),
        ("/v1/messages", {"container": "c"}),
        ("/v1/messages", {"mcp_servers": [{"url": "https://mcp.example"}]}),
    ],
)
def test_what_has_a_state_or_an_effect_is_never_looked_up(cached, provider, path, more):
    provider.post(f"https://api.openai.com{path}", json={"id": "x"})
    body = json.dumps({"model": "m", "input": "Hi", **more}).encode()
    assert [status(cached(body, path=path)) for _ in range(2)] == ["DISABLED", "DISABLED"]


@pytest.mark.parametrize(("store", "found"), [(True, "DISABLED"), (False, "HIT"), (None, "HIT")])
def test_a_chat_that_is_to_be_stored_is_never_looked_up(cached, provider, store, found):
    provider.post(OPENAI, json=CHAT)
    assert [status(cached({"store": store})) for _ in range(2)][1] == found


@pytest.mark.parametrize("tools", [[{"type": "web_search"}], [{"type": "function", "name": "f"}], ["x"], "x"])
def test_tools_that_leave_nothing_behind_do_not_matter(cached, provider, tools):
    provider.post(RESPONSES, json={"id": "r", "object": "response", "status": "completed", "output": []})
    body = json.dumps({"model": "m", "input": "Hi", "store": False, "tools": tools}).encode()
    assert [status(cached(body, path="/v1/responses")) for _ in range(2)] == ["MISS", "HIT"]


def response_event(state):
    told = {"object": "response", "status": state, "model": "m"}
    event = {"type": f"response.{state}", "response": told}
    return b"event: response.%s\ndata: %s\n\n" % (state.encode(), json.dumps(event).encode())


RESPONSE = {"model": "m", "input": "Hi", "store": False}


@pytest.mark.parametrize("state", ["failed", "incomplete", "in_progress", "queued", "cancelled", None])
def test_a_response_that_is_not_completed_is_not_kept(cached, provider, state):
    provider.post(RESPONSES, json={"id": "r", "object": "response", "status": state, "output": []})
    asked = json.dumps(RESPONSE).encode()
    assert [status(cached(asked, path="/v1/responses")) for _ in range(2)] == ["MISS", "MISS"]


@pytest.mark.parametrize(
    "events",
    [
        response_event("incomplete"),
        response_event("failed"),
        response_event("in_progress"),
        b'data: {"type":"response.output_text.delta","delta":"cut"}\n\n',
    ],
)
def test_a_stream_of_a_response_that_is_not_completed_is_not_kept(cached, provider, events):
    provider.post(RESPONSES, body=events, **SSE)
    asked = json.dumps({**RESPONSE, "stream": True}).encode()
    for _ in range(2):
        answer = cached(asked, path="/v1/responses")
        assert status(answer) == "MISS"
        if answer.streaming:
            stream_of(answer)


@pytest.mark.parametrize(("reason", "then"), [("end_turn", "HIT"), ("pause_turn", "MISS"), (None, "MISS")])
def test_a_message_is_kept_that_says_why_it_stopped(cached, provider, claude, reason, then):
    provider.post(ANTHROPIC, json={**MESSAGE, "stop_reason": reason})
    asked = b'{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}'
    assert [status(cached(asked, path="/v1/messages", **claude)) for _ in range(2)] == ["MISS", then]


@pytest.mark.parametrize(("reason", "then"), [(b'"end_turn"', "HIT"), (b"null", "MISS")])
def test_a_stream_of_a_message_is_kept_that_says_why_it_stopped(cached, provider, claude, reason, then):
    delta = b'data: {"type":"message_delta","delta":{"stop_reason":%s},"usage":{"output_tokens":2}}\n\n'
    stop = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    provider.post(ANTHROPIC, body=b"event: message_delta\n" + delta % reason + stop, **SSE)
    asked = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hi"}],"stream":true}'
    first = cached(asked, path="/v1/messages", **claude)
    assert (status(first), stream_of(first).endswith(stop)) == ("MISS", True)
    assert status(cached(asked, path="/v1/messages", **claude)) == then


def test_another_stream_that_passes_through_is_not_kept(cached, provider):
    provider.post("https://api.openai.com/v1/images/generations", body=b'data: {"type":"x"}\n\n', **SSE)
    asked = b'{"model":"m","prompt":"a cat","stream":true}'
    for _ in range(2):
        answer = cached(asked, path="/v1/images/generations")
        assert status(answer) == "MISS"
        stream_of(answer)


@pytest.mark.parametrize(
    ("path", "url", "body"),
    [
        (
            "/v1/chat/completions",
            OPENAI,
            b'{"model":"m","messages":[{"role":"user","content":"evil"}],'
            b'"messages":[{"role":"user","content":"Hi"}]}',
        ),
        (
            "/v1/chat/completions",
            OPENAI,
            b'{"model":"m","messages":[{"role":"user","content":"evil","content":"Hi"}]}',
        ),
        ("/v1/moderations", "https://api.openai.com/v1/moderations", b'{"input":"evil","inp\\u0075t":"Hi"}'),
    ],
)
def test_a_body_that_names_a_member_twice_is_never_looked_up(cached, provider, path, url, body):
    provider.post(url, json=CHAT)
    assert [status(cached(body, path=path)) for _ in range(2)] == ["DISABLED", "DISABLED"]
    assert b"evil" in provider.calls[0].request.body


def test_what_passes_through_is_answered_in_its_own_form_only(cached, provider):
    events = response_event("completed")
    provider.post(RESPONSES, json={"id": "r", "status": "completed", "object": "response"})
    provider.post(RESPONSES, body=events, **SSE)
    asked = {"model": "m", "input": "Hi", "store": False}
    whole, streaming = (json.dumps(asked | more).encode() for more in ({}, {"stream": True}))
    assert status(cached(whole, path="/v1/responses")) == "MISS"
    first = cached(streaming, path="/v1/responses")
    assert (status(first), stream_of(first)) == ("MISS", events)
    assert cached(whole, path="/v1/responses").json()["id"] == "r"
    again = cached(streaming, path="/v1/responses")
    assert (status(again), stream_of(again)) == ("HIT", events)


def test_a_fallback_is_served_by_the_target_that_has_it(ask, provider, rows):
    target = {"virtual_key": "openai", "cache": {"mode": "simple"}}
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{"virtual_key": "openai", "override_params": {"model": "broken"}}, target],
    }
    provider.post(OPENAI, json={}, status=500)
    provider.post(OPENAI, json=CHAT)
    provider.post(OPENAI, json={}, status=500)
    answers = [ask(x_portkey_config=json.dumps(config), x_portkey_virtual_key="") for _ in range(2)]
    assert [status(answer) for answer in answers] == ["MISS", "HIT"]
    assert answers[1].headers["x-portkey-last-used-option-index"] == "config.targets[1]"


def test_no_secret_is_in_what_is_kept(cached, provider):
    provider.post(OPENAI, json={**CHAT, "echoed": "sk-a-secret-of-the-tests"})
    cached()
    (kept,) = (each.entry for each in store.memory()._kept.values())
    assert b"sk-a-secret-of-the-tests" not in kept.body
    assert b"echoed" in kept.body
