"""Calls in Anthropic's words: what holds for every one of them, beside the recorded ones."""

import copy
import json
import re
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.catalog import PROVIDERS
from providers.errors import Garbled, NotSupported, Unrenderable
from providers.fields import render
from providers.formats.anthropic.complete import FIELDS
from providers.formats.anthropic.models import model_of
from providers.formats.anthropic.names import ALLOWED, Names
from providers.types import Ask, Credential, Reading, Usage

ANTHROPIC = PROVIDERS["anthropic"]
FN = "chatComplete"
HI = [{"role": "user", "content": "Hi"}]
MODEL = "claude-sonnet-4-5"


def ask(body, *, strict=True, headers=None):
    return Ask("chat", body, b"", body.get("model", MODEL), strict=strict, headers=headers or {})


def sent(**body):
    request = ANTHROPIC.request(FN, ask({"model": MODEL, "messages": HI, **body}), Credential("k"))
    return json.loads(request.body)


# Whole answers, and the streams that tell the same

words = st.text(min_size=1, max_size=8)
names = st.sampled_from(["w", "now", "look_up"])
inputs = st.dictionaries(words, st.integers() | words, max_size=2)
citation = st.builds(
    lambda url: {"type": "web_search_result_location", "url": url, "title": None, "cited_text": "x"}, words
)
blocks = st.one_of(
    st.builds(lambda t: {"type": "text", "text": t}, words),
    st.builds(
        lambda t, c: {"type": "text", "text": t, "citations": c},
        words,
        st.lists(citation, min_size=1, max_size=2),
    ),
    st.builds(lambda t, s: {"type": "thinking", "thinking": t, "signature": s}, words, words),
    st.builds(lambda d: {"type": "redacted_thinking", "data": d}, words),
    st.builds(lambda i, n, a: {"type": "tool_use", "id": i, "name": n, "input": a}, words, names, inputs),
    st.builds(
        lambda i, a: {"type": "server_tool_use", "id": i, "name": "web_search", "input": a}, words, inputs
    ),
    st.builds(lambda i: {"type": "web_search_tool_result", "tool_use_id": i, "content": []}, words),
)
endings = st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal", "pause_turn", "stop_sequence"])


@st.composite
def messages(draw):
    reason = draw(endings)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": draw(st.lists(blocks, max_size=5)),
        "stop_reason": reason,
        "stop_sequence": "END" if reason == "stop_sequence" else None,
        "stop_details": {"explanation": "No."} if reason == "refusal" else None,
        "usage": {
            "input_tokens": 5,
            "output_tokens": 7,
            "cache_read_input_tokens": draw(st.sampled_from([None, 0, 3])),
        },
    }


def halves(text):
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def deltas(block):
    """The block as a stream opens it, and the pieces that follow."""
    match block["type"]:
        case "text":
            pieces = [{"type": "text_delta", "text": piece} for piece in halves(block["text"])]
            cited = [{"type": "citations_delta", "citation": c} for c in block.get("citations", ())]
            return {"type": "text", "text": ""}, pieces + cited
        case "thinking":
            pieces = [{"type": "thinking_delta", "thinking": piece} for piece in halves(block["thinking"])]
            signature = {"type": "signature_delta", "signature": block["signature"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [*pieces, signature]
        case "tool_use" | "server_tool_use":
            text = json.dumps(block["input"]) if block["input"] else ""
            pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in halves(text)]
            return {**block, "input": {}}, pieces
    return block, []


def streamed(message):
    """The events of a stream that tells a message."""
    opening = {
        **message,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 5},
    }
    yield {"type": "message_start", "message": opening}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        start, pieces = deltas(block)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for piece in pieces:
            yield {"type": "content_block_delta", "index": index, "delta": piece}
        yield {"type": "content_block_stop", "index": index}
    ending = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    yield {"type": "message_delta", "delta": ending, "usage": message["usage"]}
    yield {"type": "message_stop"}


def assembled(body):
    """The whole answer that the chunks of a stream add up to, as a client would put it together."""
    *events, done = body.decode().split("\n\n")[:-1]
    assert done == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    message, calls, kept, choice = {}, {}, {}, {}
    for chunk in chunks:
        for told in chunk["choices"]:
            delta = dict(told.pop("delta"))
            choice |= told
            for call in delta.pop("tool_calls", ()):
                whole = calls.setdefault(call["index"], {"function": {"arguments": ""}})
                arguments = whole["function"]["arguments"] + call["function"].pop("arguments", "")
                whole |= {name: value for name, value in call.items() if name not in ("index", "function")}
                whole["function"] |= {**call["function"], "arguments": arguments}
            for piece in delta.pop("content_blocks", ()):
                add(kept.setdefault(piece["index"], {}), piece["delta"])
            add(message, delta)
    if calls:
        message |= {"tool_calls": list(calls.values()), "content": message["content"] or None}
    if kept:
        message["content_blocks"] = [typed(block) for block in kept.values()]
    head = {name: chunks[0][name] for name in ("id", "model", "provider")}
    return {**head, "choices": [{**choice, "message": message}], "usage": chunks[-1]["usage"]}


def add(whole, delta):
    for name, value in delta.items():
        if name == "citation":
            whole.setdefault("citations", []).append(value)
        elif name in whole and isinstance(value, str | list):
            whole[name] += value
        else:
            whole[name] = value


def typed(block):
    return {"type": "thinking" if "thinking" in block else "text", **block}


def pieces(data, places):
    places = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@given(messages(), st.booleans(), st.lists(st.integers(0, 5000), max_size=6))
def test_a_stream_adds_up_to_the_whole_answer(message, strict, places):
    call = ask({"stream_options": {"include_usage": True}}, strict=strict)
    whole = json.loads(ANTHROPIC.answer(FN, call, json.dumps(message).encode(), known := Reading()))
    data = b"".join(
        b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in streamed(message)
    )
    told = b"".join(ANTHROPIC.stream(FN, call, pieces(data, places), learnt := Reading()))
    expected = {name: whole[name] for name in ("id", "model", "provider", "choices", "usage")}
    for choice in expected["choices"]:
        choice["message"]["tool_calls"] = without_spaces(choice["message"].get("tool_calls", []))
    answer = assembled(told)
    answer["choices"][0]["message"]["tool_calls"] = without_spaces(
        answer["choices"][0]["message"].get("tool_calls", [])
    )
    assert answer == expected
    assert (known.model, known.usage, known.finish) == (learnt.model, learnt.usage, learnt.finish)
    assert not learnt.partial


SCHEMA = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}


@given(inputs, st.booleans(), st.lists(st.integers(0, 2000), max_size=6))
def test_a_streamed_object_of_an_older_model_is_the_whole_one(given_input, strict, places):
    older = "claude-3-haiku-20240307"
    body = {"model": older, "response_format": SCHEMA, "stream_options": {"include_usage": True}}
    call = ask(body, strict=strict)
    block = {"type": "tool_use", "id": "t", "name": "json_tool_call", "input": given_input}
    message = {"id": "m", "model": older, "content": [block], "stop_reason": "tool_use"}
    message |= {"stop_sequence": None, "stop_details": None, "usage": {"input_tokens": 5, "output_tokens": 7}}
    whole = json.loads(ANTHROPIC.answer(FN, call, json.dumps(message).encode(), known := Reading()))
    data = b"".join(b"data: %s\n\n" % json.dumps(e).encode() for e in streamed(message))
    told = assembled(b"".join(ANTHROPIC.stream(FN, call, pieces(data, places), learnt := Reading())))
    for answer in (whole, told):
        choice = answer["choices"][0]
        assert json.loads(choice["message"]["content"]) == given_input
        assert choice["finish_reason"] == ("stop" if strict else "end_turn")
        assert "tool_calls" not in choice["message"]
    assert (known.usage, known.finish) == (learnt.usage, learnt.finish)


def without_spaces(calls):
    """Calls with their arguments as values: how they are spaced is the provider's."""
    return [
        {**c, "function": {**c["function"], "arguments": json.loads(c["function"]["arguments"])}}
        for c in calls
    ]


def learnt_from(*told):
    """What is learnt of a stream of these events."""
    data = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in told)
    told = list(ANTHROPIC.stream(FN, ask({}), [data], reading := Reading()))
    assert told
    return reading


# Text completions

COMPLETE = "complete"


def completing(body, *, strict=True):
    return Ask("completions", {"prompt": "Hi", **body}, b"", body["model"], strict=strict)


@given(
    st.lists(words, max_size=4),
    st.sampled_from(["stop_sequence", "max_tokens"]),
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(0, 2000), max_size=6),
)
def test_a_streamed_completion_adds_up_to_the_whole_one(texts, reason, strict, echo, places):
    call = completing({"model": "claude-2", "echo": echo}, strict=strict)
    ending = {"stop_reason": reason, "stop": "END" if reason == "stop_sequence" else None}
    common = {"type": "completion", "id": "c", "model": "claude-2.1"}
    body = json.dumps({**common, **ending, "completion": "".join(texts)}).encode()
    whole = json.loads(ANTHROPIC.answer(COMPLETE, call, body, known := Reading()))
    events = [{**common, "completion": text, "stop_reason": None, "stop": None} for text in texts]
    events.append({**common, **ending, "completion": ""})
    data = b"".join(b"event: completion\r\ndata: %s\r\n\r\n" % json.dumps(e).encode() for e in events)
    told = b"".join(ANTHROPIC.stream(COMPLETE, call, pieces(data, places), learnt := Reading()))
    *chunks, done = told.decode().split("\n\n")[:-1]
    chunks = [json.loads(chunk.removeprefix("data: ")) for chunk in chunks]
    text = "".join(chunk["choices"][0]["text"] for chunk in chunks)
    assert done == "data: [DONE]"
    assert {**chunks[-1]["choices"][0], "text": text} == whole["choices"][0]
    assert {(chunk["id"], chunk["model"]) for chunk in chunks} == {(whole["id"], whole["model"])}
    assert (known.model, known.usage, known.finish) == (learnt.model, learnt.usage, learnt.finish)


@pytest.mark.parametrize(
    ("conversation", "prompt"),
    [
        (
            [{"role": "system", "content": "Be brief."}, *HI],
            "Be brief.\n\nHuman: Hi\n\nAssistant:",
        ),
        (
            [*HI, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "And?"}],
            "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: And?\n\nAssistant:",
        ),
        (
            [*HI, {"role": "assistant", "content": "Hel"}],
            "\n\nHuman: Hi\n\nAssistant: Hel",
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": t} for t in ("One", "Two")]}],
            "\n\nHuman: One\n\nTwo\n\nAssistant:",
        ),
    ],
)
def test_a_conversation_is_one_text_to_the_oldest_models(conversation, prompt):
    body, _ = render(FIELDS, ask({"model": "claude-2.1", "messages": conversation}))
    assert body["prompt"] == prompt


def test_a_prompt_in_anthropics_own_form_goes_as_it_is():
    own = "\n\nHuman: Hi\n\nAssistant: Well,"
    body, _ = render(FIELDS, ask({"model": "claude-2", "messages": [{"role": "user", "content": own}]}))
    assert body["prompt"] == own


def test_the_oldest_models_read_text_only():
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    with pytest.raises(Unrenderable, match="text only"):
        render(FIELDS, ask({"model": "claude-2", "messages": [{"role": "user", "content": [part]}]}))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("claude-2", "/complete"),
        ("claude-2.0", "/complete"),
        ("claude-instant-v1", "/complete"),
        ("claude-3-haiku-20240307", "/messages"),
        ("claude-sonnet-4-5", "/messages"),
    ],
)
def test_only_the_oldest_models_are_asked_at_the_completion_endpoint(model, path):
    request = ANTHROPIC.request(COMPLETE, completing({"model": model}), Credential("k"))
    assert request.url == f"https://api.anthropic.com/v1{path}"


@pytest.mark.parametrize("prompt", [[], ["a", "b"], [1, 2], [[1], [2]], {}, 1, None])
def test_a_prompt_that_is_not_one_text_is_refused(prompt):
    call = completing({"model": "claude-2", "prompt": prompt})
    with pytest.raises(Unrenderable, match="prompt"):
        ANTHROPIC.request(COMPLETE, call, Credential("k"))


@pytest.mark.parametrize("fn", ["embed", "imageGenerate", "createSpeech"])
def test_what_anthropic_does_not_do_is_not_advertised(fn):
    with pytest.raises(NotSupported, match=f"{fn} is not supported by anthropic"):
        ANTHROPIC.request(fn, ask({"messages": HI}), Credential("k"))


def test_answers_are_dated_in_seconds():
    message = {"id": "m", "model": MODEL, "content": [], "stop_reason": "end_turn"}
    before = int(time.time())
    whole = json.loads(ANTHROPIC.answer(FN, ask({}), json.dumps(message).encode(), Reading()))
    data = json.dumps({"completion": "Hi", "stop_reason": "max_tokens"}).encode()
    chunk, _ = ANTHROPIC.stream(
        COMPLETE, completing({"model": "claude-2"}), [b"data: %s\n\n" % data], Reading()
    )
    for created in (whole["created"], json.loads(chunk[len("data: ") :])["created"]):
        assert before <= created <= time.time()


# What is learnt on the way

START = {
    "type": "message_start",
    "message": {"id": "m", "model": MODEL, "usage": {"input_tokens": 25, "output_tokens": 1}},
}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
STOP = {"type": "message_stop"}


def test_usage_is_partial_until_the_end_of_the_message_counts_it():
    opened = learnt_from(START)
    assert (opened.usage, opened.partial) == (Usage(input=25, output=1), True)
    whole = learnt_from(START, {**END, "usage": {"output_tokens": 70}})
    assert (whole.usage, whole.partial) == (Usage(input=25, output=70), False)


def test_usage_is_still_partial_when_the_end_does_not_count_it():
    reading = learnt_from(START, END, STOP)
    assert (reading.usage, reading.partial, reading.ended) == (Usage(input=25, output=1), True, True)


def test_a_stream_without_usage_is_not_one_that_used_nothing():
    start = {"type": "message_start", "message": {"id": "m", "model": MODEL}}
    reading = learnt_from(start, END, STOP)
    assert (reading.usage, reading.partial, reading.ended) == (None, False, True)


# Anything at all

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
role = st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"])
kind = st.sampled_from(
    ["text", "image_url", "file", "function", "thinking", "web_search", "custom", "allowed_tools"]
)
key = st.sampled_from(
    ["type", "text", "image_url", "url", "file", "file_data", "function", "name", "arguments", "id"]
)
part = st.recursive(
    anything | st.just("data:text/plain;base64,a"),
    lambda inner: st.dictionaries(key, inner | kind, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=5,
)
message = st.fixed_dictionaries(
    {"role": role},
    optional={
        name: part | st.lists(part, max_size=3)
        for name in (
            "content",
            "content_blocks",
            "tool_calls",
            "function_call",
            "tool_call_id",
            "refusal",
            "cache_control",
        )
    },
)
parameter = st.sampled_from(
    [
        *(
            "max_tokens",
            "max_completion_tokens",
            "stream",
            "stream_options",
            "stop",
            "temperature",
            "top_k",
            "n",
        ),
        *("tools", "functions", "web_search_options", "tool_choice", "function_call", "parallel_tool_calls"),
        *("reasoning_effort", "thinking", "response_format", "output_config", "user", "metadata"),
        *("service_tier", "container", "seed"),
    ]
)
model = st.sampled_from([MODEL, "claude-opus-5-5", "claude-opus-4-8", "claude-3-haiku", "something"])


@given(
    model,
    st.lists(message, max_size=4) | anything,
    st.dictionaries(parameter, part | st.lists(part, max_size=2), max_size=4),
)
def test_any_call_is_rendered_or_refused_and_left_as_it_was(model, conversation, parameters):
    body = {"model": model, "messages": conversation, **parameters}
    before = copy.deepcopy(body)
    with suppress(Unrenderable):
        request = ANTHROPIC.request(FN, ask(body), Credential("k"))
        assert isinstance(json.loads(request.body)["messages"], list)
        assert {name.partition(".")[0] for name in request.ignored} <= set(body)
    assert body == before


event_type = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "error",
        "ping",
    ]
)
event_key = st.sampled_from(
    ["index", "delta", "content_block", "message", "usage", "error", "type", "text", "stop_reason"]
)
event_value = st.recursive(
    anything | event_type, lambda inner: st.dictionaries(event_key, inner, max_size=4), max_leaves=5
)


@given(
    st.lists(
        st.builds(
            lambda t, e: {**e, "type": t}, event_type, st.dictionaries(event_key, event_value, max_size=3)
        )
        | anything,
        max_size=4,
    )
)
def test_any_json_in_a_stream_ends_in_an_answer_or_a_problem(events):
    reading = Reading()
    data = [b"data: %s\n\n" % json.dumps(event).encode() for event in events]
    told = b"".join(ANTHROPIC.stream(FN, ask({}), data, reading))
    assert all(json.loads(chunk.removeprefix("data: ")) for chunk in told.decode().split("\n\n")[:-1])
    assert not reading.ended


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["completion", "stop_reason", "error", "id", "type", "stop"]),
            anything,
            max_size=4,
        )
        | anything,
        max_size=4,
    )
)
def test_any_json_in_a_stream_of_completions_ends_in_an_answer_or_a_problem(events):
    reading = Reading()
    data = [b"data: %s\n\n" % json.dumps(event).encode() for event in events]
    told = b"".join(ANTHROPIC.stream(COMPLETE, completing({"model": "claude-2"}), data, reading))
    assert told.endswith(b"data: [DONE]\n\n") == reading.ended


@given(anything | st.dictionaries(event_key, event_value, max_size=4))
def test_any_json_is_an_answer_or_garbled_and_any_error_has_a_message(said):
    body = json.dumps(said).encode()
    with pytest.raises(Garbled):
        ANTHROPIC.answer(FN, ask({}), body, Reading())
    with pytest.raises(Garbled):
        ANTHROPIC.answer(COMPLETE, completing({"model": "claude-2"}), body, Reading())
    for provider in PROVIDERS.values():
        assert provider.problem(FN, 500, body).message


@given(st.binary(max_size=40))
def test_an_error_of_any_bytes_has_a_message_that_is_not_endless(body):
    for provider in PROVIDERS.values():
        assert provider.slug in provider.problem(FN, 500, body * 200).message
        assert len(provider.problem(FN, 500, b"<" + body * 200).message) < 1100


# Names and models


@given(
    st.lists(
        st.text(min_size=1, max_size=150) | st.sampled_from(["a.b", "a/b", "a_b", "a" * 150]),
        max_size=6,
        unique=True,
    )
)
def test_rewritten_names_are_allowed_differ_and_come_back(declared):
    tools = [{"type": "function", "function": {"name": name}} for name in declared]
    names = Names.of(ask({"tools": tools}))
    wired = [names.wire(name) for name in declared]
    assert all(ALLOWED.fullmatch(name) for name in wired)
    assert len(set(wired)) == len(declared)
    assert [names.original(name) for name in wired] == declared


@pytest.mark.parametrize(
    ("name", "output", "sampling"),
    [
        ("claude-3-5-haiku-20241022", 8_192, True),
        ("claude-opus-4-1-20250805", 32_000, True),
        ("claude-opus-4-7", 128_000, False),
        ("claude-sonnet-5-5", 128_000, False),
        ("claude-newer-than-this-table", 64_000, True),
        ("someone-elses-model", 4_096, True),
    ],
)
def test_a_model_is_known_by_the_beginning_of_its_name(name, output, sampling):
    assert (model_of(name).output, model_of(name).sampling) == (output, sampling)


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        (
            "claude-opus-4-5",
            "max",
            {"thinking": {"type": "enabled", "budget_tokens": 8192}, "output_config": {"effort": "high"}},
        ),
        (
            "claude-opus-4-6",
            "xhigh",
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "high"}},
        ),
        (
            "claude-opus-5-5",
            "minimal",
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "low"}},
        ),
        ("claude-haiku-5-5", "none", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5-5", "none", {}),
        ("claude-opus-4-7", "none", {}),
        ("claude-3-haiku", "high", {}),
    ],
)
def test_effort_is_told_in_the_form_the_model_takes(model, effort, expected):
    body = sent(model=model, reasoning_effort=effort)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == expected


def test_the_clients_own_thinking_comes_before_an_effort():
    assert sent(reasoning_effort="high", thinking={"type": "disabled"})["thinking"] == {"type": "disabled"}


def test_the_clients_output_config_is_kept_beside_ours():
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    body = sent(model="claude-opus-4-7", output_config={"effort": "low"}, response_format=schema)
    assert body["output_config"]["effort"] == "low"
    assert body["output_config"]["format"]["schema"] == {"type": "object", "additionalProperties": False}


def test_the_newer_api_version_takes_no_sampling():
    call = ask({"messages": HI, "temperature": 0.5}, headers={"anthropic-version": "2026-10-21"})
    request = ANTHROPIC.request(FN, call, Credential("k"))
    assert request.ignored == ("temperature",)
    assert request.headers["anthropic-version"] == "2026-10-21"


def test_a_forced_tool_is_not_put_beside_a_budget():
    tools = [{"type": "function", "function": {"name": "w"}}]
    body = sent(reasoning_effort="high", tools=tools, tool_choice="required")
    assert "thinking" not in body


W = {"type": "function", "function": {"name": "w"}}


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": W}, {"type": "tool", "name": "w"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
    ],
)
def test_a_choice_of_tools_is_told_in_anthropics_words(asked, choice):
    assert sent(tools=[W], **asked)["tool_choice"] == choice


@pytest.mark.parametrize(
    ("model", "by_tool"),
    [
        ("claude-3-haiku-20240307", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-sonnet-4-5-20250929", False),
        ("claude-haiku-4-5", False),
        ("claude-newer-than-this-table", False),
        ("someone-elses-model", True),
    ],
)
def test_older_models_take_a_schema_as_a_tool(model, by_tool):
    body = sent(model=model, response_format=SCHEMA)
    assert ("tools" in body, "output_config" in body) == (by_tool, not by_tool)


@pytest.mark.parametrize("user", ["jane@example.com", "+47 123 45 678", "  jane@example.com "])
def test_a_user_that_looks_personal_is_left_out(user):
    assert "metadata" not in sent(user=user)


def test_a_custom_host_replaces_the_base_url_only():
    call = ask({"messages": HI})
    request = ANTHROPIC.request(FN, call, Credential("k", base_url="http://127.0.0.1:1/anthropic/v1/"))
    assert request.url == "http://127.0.0.1:1/anthropic/v1/messages"


def test_an_answer_without_an_id_is_given_one():
    body = {"type": "message", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"}
    answered = json.loads(ANTHROPIC.answer(FN, ask({}), json.dumps(body).encode(), Reading()))
    assert re.fullmatch(r"anthropic-\d{13}", answered["id"])
    assert answered["model"] == MODEL
    assert "usage" not in answered
