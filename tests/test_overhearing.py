"""What is told of an answer that passes through."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import overhearing
from providers.types import Reading, Usage

ANTHROPIC = b"".join(
    b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode())
    for event in (
        {
            "type": "message_start",
            "message": {
                "model": "claude-x",
                "usage": {"input_tokens": 9, "cache_read_input_tokens": 3, "output_tokens": 1},
            },
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    )
)
RESPONSES = (
    b'event: response.created\r\ndata: {"type":"response.created","response":{"object":"response",'
    b'"model":"gpt-x","status":"in_progress"}}\r\n\r\n'
    b'event: response.completed\r\ndata: {"type":"response.completed","response":{"object":"response",'
    b'"status":"completed","model":"gpt-x","usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},'
    b'"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":16}}}\r\n\r\n'
)
CHAT = (
    b'data: {"model":"m","choices":[{"delta":{"content":"x"},"finish_reason":null}]}\n\n'
    b'data: {"model":"m","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)
STREAMS = {
    "anthropic": (ANTHROPIC, "claude-x", "end_turn", Usage(input=9, cache_read=3, output=7)),
    "responses": (RESPONSES, "gpt-x", "completed", Usage(input=6, cache_read=4, output=4, reasoning=2)),
    "chat": (CHAT, "m", "stop", Usage(input=5, output=2)),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_stream_is_the_same_bytes_and_is_understood_however_it_is_cut(name, size):
    sse, model, finish, usage = STREAMS[name]
    reading = Reading()
    chunks = [sse[at : at + size] for at in range(0, len(sse), size)]
    assert list(overhearing.stream("p", [b"", *chunks], reading)) == [b"", *chunks]
    assert (reading.model, reading.finish, reading.usage) == (model, finish, usage)
    assert (reading.content, reading.ended, reading.partial, reading.problem) == (True, True, False, None)


ERRORS = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}\n\n',
    b'data: {"error":{"message":"Busy","type":"server_error"}}\n\n',
    b'data: {"type":"response.failed","response":{"error":{"message":"Busy"},"status":"failed"}}\n\n',
)


@pytest.mark.parametrize(("name", "openings"), [("anthropic", 1), ("responses", 1), ("chat", 0)])
def test_heard_attentively_an_opening_is_no_content(name, openings):
    sse, reading = STREAMS[name][0], Reading()
    said = [bool(reading.content) for _ in overhearing.stream("p", events(sse), reading, attentive=True)]
    assert said == [False] * openings + [True] * (len(said) - openings)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    "before", [b"", b": ping\n\n", next(iter([ANTHROPIC[: ANTHROPIC.index(b"event: content")]]))]
)
def test_an_error_before_any_content_is_told_before_anything_counts(error, before):
    reading = Reading()
    for _ in overhearing.stream("p", [before, error], reading, attentive=True):
        assert not reading.content
    assert "Busy" in reading.problem.message


def events(sse):
    sse = sse.replace(b"\r\n", b"\n")
    return [event + b"\n\n" for event in sse.split(b"\n\n") if event]


def test_a_stream_that_breaks_off_leaves_what_was_told_and_no_end():
    def broken():
        yield ANTHROPIC[: ANTHROPIC.index(b"event: message_delta")]
        raise ConnectionError

    reading = Reading()
    with pytest.raises(ConnectionError):
        list(overhearing.stream("p", broken(), reading))
    assert (reading.usage, reading.partial, reading.ended) == (
        Usage(input=9, cache_read=3, output=1),
        True,
        False,
    )


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"usage": {"prompt_tokens": 3, "total_tokens": 3}}, Usage(input=3)),
        ({"usage": {"input_tokens": 3, "output_tokens": 2}}, Usage(input=3, output=2)),
        (
            {
                "usage": {
                    "type": "tokens",
                    "input_tokens": 14,
                    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
                    "output_tokens": 5,
                    "total_tokens": 19,
                }
            },
            Usage(audio_input=14, output=5),
        ),
        (
            {"usage": {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050}},
            Usage(input=50, output=1000),
        ),
        ({"usage": {"type": "duration", "seconds": 9}}, None),
        ({"usage": {"input_tokens": True, "output_tokens": "x"}}, Usage()),
        ({"usage": 4}, None),
    ],
)
def test_usage_is_understood_in_everybodys_words(said, usage):
    reading = Reading()
    overhearing.answer("p", json.dumps(said).encode(), reading)
    assert reading.usage == usage


def test_an_error_in_the_middle_of_a_stream_is_noted():
    reading = Reading()
    event = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Busy"}}\n\n'
    assert list(overhearing.stream("p", [ANTHROPIC[:300], b"\n\n", event], reading))
    assert reading.problem is not None
    assert (reading.problem.type, reading.problem.message) == ("overloaded_error", "p error: Busy")


@given(st.lists(st.binary(max_size=40), max_size=12))
def test_nothing_fails_and_no_byte_is_changed(chunks):
    assert list(overhearing.stream("p", chunks, Reading())) == chunks


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["usage", "model", "error", "message", "delta", "choices", "input_tokens", "status"]
                ),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_an_answer_of_any_shape_is_heard_without_a_failure(said):
    overhearing.answer("p", json.dumps(said).encode(), Reading())


def test_an_event_without_an_end_is_not_kept():
    overheard = overhearing.Overhearing("p", Reading())
    for _ in range(40):
        overheard.feed(b'{"usage": ' + b"x" * 50_000 + b"\n")
    assert len(overheard.held) <= overhearing.LISTENED


@pytest.mark.parametrize("name", STREAMS)
def test_the_end_is_known_before_it_goes_on(name):
    sse, reading = STREAMS[name][0], Reading()
    last = sse.rstrip().rindex(b"\n\n" if b"\r" not in sse else b"\r\n\r\n")
    passing = overhearing.stream("p", [sse[:last], sse[last:]], reading)
    next(passing)
    assert not reading.ended
    next(passing)
    assert reading.ended


@pytest.mark.parametrize("depth", range(150, 1100, 10))
def test_an_answer_nested_as_deep_as_can_be_read_is_no_failure(depth):
    nested = b'{"error":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    overhearing.answer("p", nested, Reading())
    assert list(overhearing.stream("p", [b"data: " + nested + b"\n\n"], Reading()))


@pytest.mark.parametrize("surplus", [b"a\n" * 20_000, b"data:\r" * 20_000, b'data: "x":[' + b"[]," * 60_000])
def test_an_event_that_would_take_long_to_read_is_passed_over(surplus):
    reading = Reading()
    event = b'data: {"model":"m",\n' + surplus + b'data: "x":1}\n\n'
    assert list(overhearing.stream("p", [event, b'data: {"model":"n"}\n\n'], reading))
    assert reading.model == "n"


def test_blank_lines_without_end_cost_next_to_nothing():
    overheard, began = overhearing.Overhearing("p", Reading()), time.process_time()
    for _ in range(60):
        overheard.feed(b"\n" * 16_384)
    assert time.process_time() - began < 0.8
    assert not overheard.held.strip()
