"""Clients and providers of the same words: bytes go on as they came."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.catalog import PROVIDERS
from providers.errors import NotSupported, Unrenderable
from providers.formats import openai
from providers.types import Ask, Credential, Reading
from tests.test_wire import EXCHANGES, Exchange

OPENAI = PROVIDERS["openai"]
KEY = Credential("secret")
USAGE = {"stream_options": {"include_usage": True}}


def sent(raw, model, provider=OPENAI):
    return provider.request("chatComplete", Ask("chat", json.loads(raw), raw, model), KEY).body


def test_bytes_that_need_no_change_are_the_same_bytes():
    raw = b' {"model" : "m", "x":1.0, "y":"\\u00e9\\ud800", "n":123456789012345678901234567890 }\n'
    assert sent(raw, "m") == raw


def test_only_the_models_name_changes():
    raw = b'{ "model" :\n "@prod/m", "x": 1.0, "note": "\\"model\\": \\"@prod/m\\"", "n":1e2}'
    assert sent(raw, "m") == raw.replace(b'"@prod/m", "x"', b'"m", "x"')


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"@prod/m","metadata":{"model":"@prod/m"}}',
        b'{"model":"other","model":"@prod/m"}',
        b'{"metadata":{"model":"@prod/m"},"mo\\u0064el":"@prod/m"}',
        b'{"model":"\\u0040prod/m","a":"@prod/m"}',
        b'{"model":"@prod\\/m"}',
        b'{"a":"x\\"model","model":"@prod/m"}',
    ],
)
def test_a_model_that_stands_there_twice_or_in_disguise_is_written_anew(raw):
    assert json.loads(sent(raw, "m")) == {**json.loads(raw), "model": "m"}


def test_a_body_without_a_model_is_given_one():
    assert sent(b'{"messages":[]}', "m") == b'{"model":"m","messages":[]}'
    assert sent(b" {} ", "m") == b'{"model":"m"}'


def test_a_body_the_caller_changed_counts_instead_of_the_bytes():
    ask = Ask("chat", {"model": "m", "temperature": 0}, b"", "m")
    assert OPENAI.request("chatComplete", ask, KEY).body == b'{"model":"m","temperature":0}'


def test_what_orjson_refuses_is_written_all_the_same():
    raw = b'{"model":"@prod/m","model":"@prod/m","a":"\\ud800","n":123456789012345678901234567890}'
    assert json.loads(sent(raw, "m")) == {"model": "m", "a": "\ud800", "n": 123456789012345678901234567890}


def test_usage_is_asked_for_in_streams_only_and_without_touching_the_rest():
    raw = b'{"model":"m","stream":true,"x":1.0}'
    assert sent(raw, "m") == b'{"stream_options":{"include_usage":true},"model":"m","stream":true,"x":1.0}'
    assert sent(b'{"model":"m","stream":false}', "m") == b'{"model":"m","stream":false}'


def recorded(wanted):
    """The exchanges with providers of OpenAI's words of which something holds."""
    paths = [path for path in EXCHANGES if path.parent.name != "anthropic"]
    chosen = [path for path in paths if wanted(path.parent.name, json.loads(path.read_text()))]
    ids = [f"{path.parent.name}-{path.stem}" for path in chosen]
    return pytest.mark.parametrize("exchange", [Exchange(path) for path in chosen], ids=ids)


@recorded(lambda slug, wire: wire["asked"] and wire["asked"] == wire.get("sent"))
def test_a_question_that_needs_no_change_goes_as_the_bytes_it_came_in(exchange):
    assert exchange.request().body == exchange.ask.raw


@recorded(lambda slug, wire: slug == "openai" and "answered" in wire and wire["answered"] == wire["replied"])
def test_openais_answer_goes_as_the_bytes_it_came_in(exchange):
    replied = exchange.replied()
    assert exchange.provider.answer(exchange.fn, exchange.ask, replied, Reading()) is replied


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("@p/m"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "a", '"model"', "b"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["a", "model", "stream", "messages"]) | st.text(), values, max_size=5),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_what_is_sent_is_what_was_asked_but_for_model_and_usage(body, ascii_only, indent):
    raw = json.dumps(body, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    if b"\xed" in raw:
        raw = json.dumps(body, ensure_ascii=True).encode()
    expected = {**body, "model": "m"}
    if body.get("stream") and body.get("stream_options") is None:
        expected |= USAGE
    ask = Ask("chat", body, raw, "m")
    assert json.loads(OPENAI.request("chatComplete", ask, KEY).body) == expected
    assert json.loads(raw) == ask.body


@given(st.lists(values, max_size=6), st.booleans())
def test_any_json_in_a_stream_is_told_or_named_as_a_problem(events, wrapped):
    chunks = [b"data: %s\n\n" % json.dumps({"choices": e} if wrapped else e).encode() for e in events]
    reading = Reading()
    ask = Ask("chat", {"model": "m", "stream": True}, b"", "m")
    told = b"".join(OPENAI.stream("chatComplete", ask, chunks, reading))
    assert b"".join(chunks).startswith(told)
    assert reading.problem is not None or told == b"".join(chunks)


def test_nothing_counts_after_the_end():
    reading = Reading()
    chunks = [b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n', b"data: [DONE]\n\n", b"data: {}\n\n", b""]
    told = list(OPENAI.stream("chatComplete", Ask("chat", {}, b"", "m"), chunks, Reading()))
    assert told == [*chunks[:2], b""]
    list(OPENAI.stream("chatComplete", Ask("chat", {}, b"", "m"), chunks, reading))
    assert reading.ended


def test_the_reading_is_filled_before_the_piece_it_stems_from():
    reading = Reading()
    chunks = [
        b'data: {"model":"m1","choices":[{"delta":{"role":"assistant","content":""}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
        b"data: [DONE]\n\n",
    ]
    seen = [
        (reading.model, reading.content, reading.ended)
        for _ in OPENAI.stream("chatComplete", Ask("chat", {}, b"", "m"), chunks, reading)
    ]
    assert seen == [("m1", False, False), ("m1", True, False), ("m1", True, True)]


@pytest.mark.parametrize(
    "delta", [{"reasoning_content": "x"}, {"tool_calls": [{}]}, {"refusal": "x"}, {"content": "x"}]
)
def test_thinking_tools_refusals_and_text_are_content(delta):
    reading = Reading()
    chunk = b"data: %s\n\n" % json.dumps({"choices": [{"delta": delta}]}).encode()
    list(OPENAI.stream("chatComplete", Ask("chat", {}, b"", "m"), [chunk], reading))
    assert reading.content


def test_an_answer_of_200_that_is_an_error_is_noted():
    reading = Reading()
    OPENAI.answer("chatComplete", Ask("chat", {}, b"", "m"), b'{"error":{"message":"x","code":429}}', reading)
    assert (reading.problem.message, reading.problem.status) == ("openai error: x", 429)


def test_what_a_provider_cannot_do_is_said():
    with pytest.raises(NotSupported) as error:
        OPENAI.request("embedNothing", Ask("chat", {}, b"", "m"), KEY)
    assert error.value.message == "embedNothing is not supported by openai"


@pytest.mark.parametrize("value", ["org-1\r\nx: y", "a b", "é", "x" * 300])
def test_a_setting_that_does_not_match_its_pattern_is_refused(value):
    ask = Ask("chat", {"model": "m"}, b'{"model":"m"}', "m")
    with pytest.raises(Unrenderable):
        OPENAI.request("chatComplete", ask, Credential("k", {"openai_organization": value}))


QUIET = b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n'


@pytest.mark.parametrize(
    ("chunk", "calm"),
    [
        (QUIET % b"a", True),
        (QUIET % b"a" + QUIET % b"b", True),
        (QUIET % b"a" + (QUIET % b"b")[:-1], False),
        (QUIET % b"a" + b": comment\n\n", False),
        (QUIET % b"data: {", False),
        (QUIET % b'\\"error\\"', True),
        (QUIET % b"a" + b"data: [DONE]\n\n", False),
        (QUIET % b"a" + QUIET.replace(b"null", b'"stop"') % b"b", False),
        (QUIET % b"a" + b'data: {"error":{"message":"no"}}\n\n', False),
        (QUIET % b"a" + QUIET.replace(b'"choices"', b'"usage":{"prompt_tokens":1},"choices"') % b"b", False),
        (QUIET.replace(b'"choices"', b'"usage":null,"choices"') % b"b", True),
        ((QUIET % b"a").replace(b"\n", b"\r\n"), False),
        (b"event: error\n" + QUIET % b"a", False),
    ],
)
def test_a_chunk_is_calm_only_if_every_event_in_it_says_nothing_but_content(chunk, calm):
    assert openai.ChatTap().calm(chunk) is calm
