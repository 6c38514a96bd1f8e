"""The sandbox speaks as the real providers do, answers the same to the same, and misbehaves to order."""

import json
from typing import Any

import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import include, path
from hypothesis import given
from hypothesis import strategies as st

from sandbox import chat, messages
from sandbox.example import example
from sandbox.manners import Manners, manners
from sandbox.speech import answer

pytestmark = pytest.mark.urls(__name__)
urlpatterns = [path("sandbox/", include("sandbox.urls"))]

CHAT = "/sandbox/openai/v1/chat/completions"
MESSAGES = "/sandbox/anthropic/v1/messages"
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
}


@pytest.fixture(autouse=True)
def only_the_sandbox(settings: Any) -> None:
    settings.MIDDLEWARE = []
    settings.SANDBOX_KEY = "sk-sandbox-test"


def to_chat(text: str, **more: Any) -> HttpResponseBase:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]} | more
    key = {"authorization": "Bearer sk-sandbox-test"}
    return Client().post(CHAT, body, content_type="application/json", headers=key)


def to_messages(text: str, **more: Any) -> HttpResponseBase:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": text}]}
    key = {"x-api-key": "sk-sandbox-test", "anthropic-version": "2023-06-01"}
    return Client().post(MESSAGES, body | more, content_type="application/json", headers=key)


def read(response: HttpResponseBase) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def chunks(response: HttpResponseBase) -> list[Any]:
    """The data of a chat stream; the terminal marker as it stands."""
    lines = [line.removeprefix("data: ") for line in read(response).decode().split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def events(response: HttpResponseBase) -> list[dict[str, Any]]:
    """The data of a messages stream, each under the name it was announced by."""
    found = []
    for frame in read(response).decode().strip().split("\n\n"):
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def function(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": WEATHER}}


def tool(name: str) -> dict[str, Any]:
    return {"name": name, "input_schema": WEATHER}


# Chat


def test_a_chat_answer_has_openais_shape():
    told = json.loads(read(to_chat("Hello")))
    assert told["object"] == "chat.completion"
    assert told["id"].startswith("chatcmpl-")
    [choice] = told["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["refusal"] is None
    assert choice["message"]["content"].startswith("You said: Hello")
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", None)
    usage = told["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_the_same_question_has_the_same_answer_and_another_one_another():
    assert read(to_chat("Hello")) == read(to_chat("Hello"))
    assert json.loads(read(to_chat("Hello")))["id"] != json.loads(read(to_chat("Hullo")))["id"]
    assert read(to_messages("Hello")) == read(to_messages("Hello"))


@pytest.mark.parametrize("more", [{}, {"max_tokens": 2}, {"stop": ["said"]}, {"n": 2}])
def test_a_chat_stream_put_together_is_the_whole_answer(more: dict[str, Any]):
    whole = json.loads(read(to_chat("Grüße 🙂", **more)))
    *parts, done = chunks(to_chat("Grüße 🙂", stream=True, stream_options={"include_usage": True}, **more))
    assert done == "[DONE]"
    *parts, counted = parts
    assert counted["choices"] == []
    assert counted["usage"] == whole["usage"]
    assert all(part["usage"] is None for part in parts)
    assert parts[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    for choice in whole["choices"]:
        mine = [p["choices"][0] for p in parts if p["choices"][0]["index"] == choice["index"]]
        assert "".join(c["delta"].get("content", "") for c in mine) == choice["message"]["content"]
        assert [c["finish_reason"] for c in mine if c["finish_reason"]] == [choice["finish_reason"]]
    assert {(p["id"], p["created"]) for p in parts} == {(whole["id"], whole["created"])}


def test_a_chat_stream_counts_nothing_unless_asked():
    assert not any("usage" in part for part in chunks(to_chat("Hello", stream=True))[:-1])


@pytest.mark.parametrize(
    "text, choice, names",
    [
        ("Call the tool", "auto", ["get_weather"]),
        ("Please get weather here", "auto", ["get_weather"]),
        ("get_time and get_weather, please", "auto", ["get_weather", "get_time"]),
        ("Use both tools", "auto", ["get_weather", "get_time"]),
        ("Hello", "required", ["get_weather"]),
        ("Hello", {"type": "function", "function": {"name": "get_time"}}, ["get_time"]),
        ("Call the tool", "none", []),
        ("Hello", "auto", []),
    ],
)
def test_tools_are_called_when_the_prompt_or_the_choice_asks(text: str, choice: Any, names: list[str]):
    more = {"tools": [function("get_weather"), function("get_time")], "tool_choice": choice}
    [said] = json.loads(read(to_chat(text, **more)))["choices"]
    calls = said["message"].get("tool_calls", [])
    assert [call["function"]["name"] for call in calls] == names
    assert all(json.loads(c["function"]["arguments"]) == {"city": "city", "days": 2} for c in calls)
    assert len({call["id"] for call in calls}) == len(calls)
    assert said["finish_reason"] == ("tool_calls" if names else "stop")
    assert (said["message"]["content"] is None) == bool(names)


def test_streamed_tool_calls_put_together_are_the_whole_ones():
    more = {"tools": [function("get_weather"), function("get_time")]}
    whole = json.loads(read(to_chat("both tools", **more)))["choices"][0]["message"]["tool_calls"]
    built: dict[int, dict[str, Any]] = {}
    for part in chunks(to_chat("both tools", stream=True, **more))[:-1]:
        for call in part["choices"][0]["delta"].get("tool_calls", []):
            mine = built.setdefault(call.pop("index"), call | {"function": {"name": "", "arguments": ""}})
            mine["function"]["name"] += call["function"].get("name", "")
            mine["function"]["arguments"] += call["function"]["arguments"]
    assert list(built.values()) == whole


def test_tools_are_called_one_at_a_time_where_the_caller_wants_it():
    more = {"tools": [function("a_tool"), function("b_tool")], "parallel_tool_calls": False}
    told = json.loads(read(to_chat("both tools", **more)))
    assert len(told["choices"][0]["message"]["tool_calls"]) == 1


def test_a_tools_result_is_quoted():
    asked = [
        {"role": "user", "content": "Call the tool"},
        {"role": "assistant", "tool_calls": []},
        {"role": "tool", "tool_call_id": "call_1", "content": "12 degrees"},
    ]
    told = json.loads(read(to_chat("", messages=asked, tools=[function("get_weather")])))
    assert told["choices"][0]["message"]["content"] == "The tool answered: 12 degrees"


def test_chat_answers_in_the_schema_asked_for():
    form = {"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}
    told = json.loads(read(to_chat("Hello", response_format=form)))
    assert json.loads(told["choices"][0]["message"]["content"]) == {"city": "city", "days": 2}


# Messages


def test_a_message_has_anthropics_shape():
    told = json.loads(read(to_messages("Hello")))
    assert told["id"].startswith("msg_")
    assert (told["type"], told["role"]) == ("message", "assistant")
    assert told["content"][0]["text"].startswith("You said: Hello")
    assert (told["stop_reason"], told["stop_sequence"]) == ("end_turn", None)
    assert {"input_tokens", "output_tokens", "cache_read_input_tokens"} <= told["usage"].keys()


@pytest.mark.parametrize(
    "more, kinds",
    [
        ({}, ["text"]),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, ["thinking", "text"]),
        ({"tools": [tool("a"), tool("b")], "tool_choice": {"type": "any"}}, ["tool_use"]),
        ({"tools": [tool("x_both"), tool("tool")]}, ["tool_use"]),
    ],
)
def test_a_messages_stream_put_together_is_the_whole_answer(more: dict[str, Any], kinds: list[str]):
    whole = json.loads(read(to_messages("Use the tool", **more)))
    told = events(to_messages("Use the tool", stream=True, **more))
    assert [told[0]["type"], told[1]["type"], told[2]["type"], told[-1]["type"]] == [
        "message_start",
        "content_block_start",
        "ping",
        "message_stop",
    ]
    assert [block["type"] for block in whole["content"]] == kinds
    assert put_together(told) == whole["content"]
    ended = told[-2]
    assert ended["delta"] == {k: whole[k] for k in ("stop_reason", "stop_sequence")}
    assert ended["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def put_together(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    partial = ""
    for event in told:
        match event:
            case {"type": "content_block_start", "content_block": block}:
                blocks.append(block)
                partial = ""
            case {"delta": {"type": "input_json_delta", "partial_json": piece}}:
                partial += piece
            case {"type": "content_block_delta", "delta": delta}:
                blocks[-1] |= {k: blocks[-1][k] + v for k, v in delta.items() if k != "type"}
            case {"type": "content_block_stop"} if partial:
                blocks[-1]["input"] = json.loads(partial)
    return blocks


@pytest.mark.parametrize(
    "more, reason, stop",
    [
        ({"max_tokens": 1}, "max_tokens", None),
        ({"stop_sequences": ["zzz", "said"]}, "stop_sequence", "said"),
        ({"tools": [tool("a")], "tool_choice": {"type": "tool", "name": "a"}}, "tool_use", None),
    ],
)
def test_a_message_says_why_it_ended(more: dict[str, Any], reason: str, stop: str | None):
    told = json.loads(read(to_messages("Hello", **more)))
    assert (told["stop_reason"], told["stop_sequence"]) == (reason, stop)


def test_a_marked_prompt_counts_as_cached():
    system = [{"type": "text", "text": "x" * 400, "cache_control": {"type": "ephemeral"}}]
    usage = json.loads(read(to_messages("Hello", system=system)))["usage"]
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (50, 25)
    assert usage["input_tokens"] == 26


def test_a_tool_result_in_a_message_is_quoted():
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "12"}]}
    told = json.loads(read(to_messages("", messages=[{"role": "user", "content": [result]}])))
    assert told["content"][0]["text"] == "The tool answered: 12"


# The door


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic sk-sandbox-test"])
def test_without_the_key_chat_answers_openais_401(token: str):
    told = Client().post(CHAT, {}, content_type="application/json", headers={"authorization": token})
    assert told.status_code == 401
    assert json.loads(read(told))["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Bearer wrong"}])
def test_without_the_key_messages_answers_anthropics_401(headers: dict[str, str]):
    told = Client().post(MESSAGES, {}, content_type="application/json", headers=headers)
    assert told.status_code == 401
    assert json.loads(read(told))["error"]["type"] == "authentication_error"


def test_messages_takes_the_key_as_a_bearer_too():
    headers = {"authorization": "Bearer sk-sandbox-test", "anthropic-version": "2023-06-01"}
    told = Client().post(MESSAGES, "{}", content_type="application/json", headers=headers)
    assert (told.status_code, json.loads(read(told))["error"]["message"]) == (400, "model: Field required")


@pytest.mark.parametrize(
    "more, param", [({"model": ""}, None), ({"messages": []}, "messages"), ({"max_tokens": 0}, "max_tokens")]
)
def test_chat_refuses_what_openai_refuses(more: dict[str, Any], param: str | None):
    told = to_chat("Hello", **more)
    error = json.loads(read(told))["error"]
    assert told.status_code == 400
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


@pytest.mark.parametrize("more", [{"model": ""}, {"messages": []}, {"messages": None}, {"max_tokens": None}])
def test_messages_refuses_what_anthropic_refuses(more: dict[str, Any]):
    told = to_messages("Hello", **more)
    assert told.status_code == 400
    assert json.loads(read(told))["error"]["type"] == "invalid_request_error"


def test_messages_wants_its_version():
    told = Client().post(
        MESSAGES, {}, content_type="application/json", headers={"x-api-key": "sk-sandbox-test"}
    )
    assert told.status_code == 400
    assert "anthropic-version" in json.loads(read(told))["error"]["message"]


@pytest.mark.parametrize("path", ["openai/v1/nowhere", "anthropic/v1/nowhere"])
def test_an_unknown_address_answers_as_the_provider_would(path: str):
    told = Client().post(f"/sandbox/{path}", headers={"authorization": "Bearer sk-sandbox-test"})
    assert (told.status_code, "error" in json.loads(read(told))) == (404, True)


def test_a_body_that_is_no_json_is_refused():
    for address, headers in [
        (CHAT, {"authorization": "Bearer sk-sandbox-test"}),
        (MESSAGES, {"x-api-key": "sk-sandbox-test", "anthropic-version": "1"}),
    ]:
        told = Client().post(address, "{", content_type="application/json", headers=headers)
        assert (told.status_code, "error" in json.loads(read(told))) == (400, True)


def test_a_body_too_large_is_refused(settings: Any):
    settings.MAX_BODY_MB = 0.001
    assert to_chat("x" * 2000).status_code == 413


def test_its_front_page_says_what_it_is():
    assert b"pretend provider" in read(Client().get("/sandbox/"))


def test_the_tick_is_for_holders_of_the_key_and_counts():
    assert Client().get("/sandbox/tick").status_code == 401
    told = Client().get("/sandbox/tick", headers={"authorization": "Bearer sk-sandbox-test"}).json()
    assert told["worst_ms"] >= 0
    assert told["pid"] > 0


# Manners


@pytest.mark.parametrize(
    "status, kind", [(429, "requests"), (500, "server_error"), (418, "invalid_request_error")]
)
def test_a_status_can_be_ordered_by_prompt_and_by_model(status: int, kind: str):
    for told in (to_chat(f"[[status {status}]]"), to_chat("Hi", model=f"sandbox-status-{status}")):
        assert told.status_code == status
        assert json.loads(read(told))["error"]["type"] == kind


def test_an_ordered_status_may_say_when_to_come_back():
    told = to_messages("[[status 529]] [[retry-after 2]]")
    assert (told.status_code, told.headers["Retry-After"]) == (529, "2")
    assert json.loads(read(told))["error"]["type"] == "overloaded_error"


def test_the_prompt_has_the_last_word_and_its_directives_are_not_repeated():
    told, rest = manners("sandbox-status-429-pace-0.5", "Hello [[status 500]] there [[nonsense 3]]")
    assert told == Manners(status=500, pace=0.5)
    assert rest == "Hello  there"


@pytest.mark.parametrize(
    "model, told",
    [
        ("sandbox-split-utf8-error-event-3", Manners(split_utf8=True, error_event=3)),
        ("sandbox-events-50-pace-0.05", Manners(pieces=50, pace=0.05)),
        ("sandbox-silence", Manners(silence=0)),
        ("sandbox-silence-1", Manners(silence=1)),
        ("gpt-4-status-500", Manners()),
        ("sandbox-statuses-500", Manners()),
    ],
)
def test_a_models_name_is_read_as_manners(model: str, told: Manners):
    assert manners(model, "")[0] == told


@given(st.text(), st.text(alphabet="sandbox-statuevil[] .0123456789"))
def test_no_text_is_too_strange_for_manners(model: str, text: str):
    told, rest = manners(model, f"{text} [[status {text}]]")
    assert 200 <= told.status <= 599
    assert len(rest) <= len(text) * 2 + 12


def test_as_many_pieces_as_ordered_are_streamed():
    parts = chunks(to_chat("[[events 50]]", stream=True))[:-1]
    said = [p["choices"][0]["delta"].get("content") for p in parts]
    assert [text for text in said if text] == [f"piece {i} " for i in range(1, 51)]


def test_what_is_ordered_is_said():
    told = to_chat("[[say Hello, world]]")
    assert json.loads(read(told))["choices"][0]["message"]["content"] == "Hello, world"


def test_a_request_can_be_shown_as_it_arrived():
    told = json.loads(read(to_chat("[[echo]]", made_up=1)))
    assert json.loads(told["choices"][0]["message"]["content"])["made_up"] == 1


def test_an_answer_may_be_empty_or_without_counts():
    told = json.loads(read(to_chat("[[empty]] [[no-usage]]")))
    assert told["choices"][0]["message"]["content"] == ""
    assert "usage" not in told
    assert json.loads(read(to_messages("[[empty]]")))["content"] == []


def test_a_refusal_has_its_providers_shape():
    told = json.loads(read(to_chat("[[refuse]]")))["choices"][0]["message"]
    assert (told["content"], told["refusal"]) == (None, "I cannot help with that.")
    assert json.loads(read(to_messages("[[refuse]]")))["stop_reason"] == "refusal"


def test_garbage_is_html_with_a_good_status_or_broken_json_in_a_stream():
    told = to_chat("[[garbage]]")
    assert (told.status_code, told.headers["Content-Type"]) == (200, "text/html")
    assert read(told).startswith(b"<!DOCTYPE html>")
    *_, last = read(to_chat("[[garbage 2]]", stream=True)).split(b"data: ")
    with pytest.raises(ValueError):
        json.loads(last)


def test_an_error_event_breaks_a_stream_off():
    *before, last = chunks(to_chat("[[error-event 3]]", stream=True))
    assert (len(before), last["error"]["type"]) == (3, "server_error")
    *before, last = events(to_messages("[[error-event 3]]", stream=True))
    assert (len(before), last["error"]["type"]) == (3, "overloaded_error")


def test_an_unfinished_stream_ends_well_but_for_its_marker():
    assert b"[DONE]" not in read(to_chat("[[unfinished 2]]", stream=True))


def test_comments_come_before_everything():
    assert read(to_chat("[[comments 2]]", stream=True)).startswith(b": keep-alive\n\n" * 2 + b"data: ")


@pytest.mark.parametrize("stream", [True, False])
def test_bytes_are_cut_to_order_and_none_is_lost(stream: bool):
    plain = to_chat("[[split-utf8]] Grüße", stream=stream)
    pieces = list(plain.streaming_content)
    with pytest.raises(UnicodeDecodeError):
        [piece.decode() for piece in pieces]
    assert "🙂" in b"".join(pieces).decode()
    small = list(to_chat("[[fragment 1]] Grüße", stream=stream).streaming_content)
    large = list(to_chat("[[fragment 9]] Grüße", stream=stream).streaming_content)
    assert ({len(piece) for piece in small}, max(len(piece) for piece in large)) == ({1}, 9)
    assert b"".join(small) == b"".join(large)


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_answer_breaks_the_connection(stream: bool):
    told = to_chat("[[cut 2]]", stream=stream)
    with pytest.raises(ConnectionResetError):
        read(told)


# The pure part, on its own


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v))
)
def test_no_schema_is_too_strange_for_an_example(schema: Any):
    json.dumps(example({"type": "object", "properties": {"a": schema}, "anyOf": schema}))


def test_examples_follow_references_and_choices():
    schema = {
        "$defs": {"node": {"properties": {"next": {"$ref": "#/$defs/node"}, "kind": {"enum": ["b", "a"]}}}},
        "properties": {
            "node": {"$ref": "#/$defs/node"},
            "when": {"anyOf": [{"type": "string", "format": "date"}]},
        },
    }
    made = example(schema)
    assert made["node"]["next"]["kind"] == "b"
    assert made["when"] == "2025-01-31"


@given(st.text(min_size=1), st.lists(st.text(), max_size=3), st.integers(1, 30))
def test_an_answer_never_exceeds_its_limit_nor_passes_a_stop(text: str, stops: list[str], limit: int):
    body = {"model": "m", "stop": stops, "max_tokens": limit, "messages": [{"role": "user", "content": text}]}
    told = answer(chat.question(body))
    assert len(told.pieces) <= limit
    assert not any(stop and stop in told.text for stop in stops)


@given(st.text(min_size=1))
def test_both_dialects_say_the_same(text: str):
    asked = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": text}]}
    assert answer(chat.question(asked)).text == answer(messages.question(asked)).text
