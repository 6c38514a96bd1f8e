"""Streams put together: they say what the whole answer says, however they end."""

import json
from typing import Any

import pytest

from logs.story import reading
from logs.story.values import Told
from sandbox import chat, completions, messages, responses
from sandbox.room import Arrived
from tests.servers import ROOT

WIRE = ROOT / "tests" / "wire"
ROOMS = {"chat": chat, "messages": messages, "responses": responses, "completions": completions}
TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}}}
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": TOOL["input_schema"]}}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("chat", {"messages": [{"role": "user", "content": "Say something."}]}),
    "chat-choices": ("chat", {"messages": [{"role": "user", "content": "Twice."}], "n": 2}),
    "chat-tool": ("chat", {"messages": [{"role": "user", "content": "Look at both."}], "tools": [FUNCTION]}),
    "chat-refusal": ("chat", {"messages": [{"role": "user", "content": "[[refuse]] No."}]}),
    "messages": ("messages", {"messages": [{"role": "user", "content": "Say something."}], "max_tokens": 99}),
    "messages-thinking": (
        "messages",
        {
            "messages": [{"role": "user", "content": "Think."}],
            "max_tokens": 9000,
            "thinking": {"type": "enabled", "budget_tokens": 2000},
        },
    ),
    "messages-tool": (
        "messages",
        {"messages": [{"role": "user", "content": "Look at both."}], "max_tokens": 99, "tools": [TOOL]},
    ),
    "responses": ("responses", {"input": "Say something."}),
    "responses-tool": (
        "responses",
        {"input": "Look at both.", "tools": [{"type": "function", **FUNCTION["function"]}]},  # type: ignore[dict-item]
    ),
    "responses-refusal": ("responses", {"input": "[[refuse]] No."}),
    "completions": ("completions", {"prompt": "Say something."}),
}


def answered(words: str, body: dict[str, Any]) -> bytes:
    """What the sandbox answers."""
    text = json.dumps({"model": "sandbox", **body}).encode()
    reply = ROOMS[words].play(Arrived("POST", "/", "", {}, text))
    return b"".join(piece.encode() if isinstance(piece, str) else piece for piece in reply.pieces)


def turns(found: Told) -> Any:
    assert found.turns
    return found.turns


@pytest.mark.parametrize("name", ASKED)
def test_a_stream_says_what_the_whole_answer_says(name):
    words, body = ASKED[name]
    whole = reading.answer(words, answered(words, body))
    streamed = reading.answer(words, answered(words, body | {"stream": True}))
    assert turns(streamed) == turns(whole)
    assert streamed.notes == ()


def test_responses_are_put_together_from_their_pieces_where_the_last_event_is_missing():
    words, body = ASKED["responses-tool"]
    whole = reading.answer(words, answered(words, body))
    stream = answered(words, body | {"stream": True})
    begun = stream[: stream.index(b"event: response.completed")]
    assert turns(reading.answer(words, begun, cut=True)) == turns(whole)


@pytest.mark.parametrize("name", ["chat", "messages", "responses", "completions"])
def test_a_stream_that_was_cut_says_as_much_as_there_is(name):
    words, body = ASKED[name]
    whole = turns(reading.answer(words, answered(words, body)))[0].parts[0].text
    stream = answered(words, body | {"stream": True})
    found = reading.answer(words, stream[: len(stream) // 2], cut=True)
    text = turns(found)[0].parts[0].text
    assert text
    assert whole.startswith(text)
    assert text != whole
    assert found.notes == ("Only the beginning of the stream was kept.",)


@pytest.mark.parametrize(
    "words, file, problem",
    [
        ("chat", "openai/stream-error-after-three.sse", "server_error"),
        ("messages", "anthropic/stream-error-after-three.sse", "overloaded_error: Overloaded"),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_told_beside_what_was_said(words, file, problem):
    found = reading.answer(words, (WIRE / file).read_bytes())
    assert problem in found.problem
    assert turns(found)[0].parts[0].text


def test_an_event_that_is_none_is_counted():
    stream = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\ndata: {"choi\n\ndata: [DONE]\n\n'
    found = reading.answer("chat", stream)
    assert turns(found)[0].parts[0].text == "Hi"
    assert found.notes == ("1 events could not be read.",)


def test_events_in_nobodys_words_are_the_text_they_are():
    stream = b"event: tick\ndata: 1\n\n"
    for words in ("", "chat"):
        assert reading.answer(words, stream).raw == stream.decode()


def test_thinking_and_calls_of_a_chat_are_put_together():
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "Let "},
        {"reasoning_content": "me."},
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "one", "arguments": ""}}
            ]
        },
        {
            "tool_calls": [
                {"index": 1, "id": "b", "type": "function", "function": {"name": "two", "arguments": '{"x'}}
            ]
        },
        {"tool_calls": [{"index": 1, "function": {"arguments": '":1}'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
    ]
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    (turn,) = turns(reading.answer("chat", stream))
    assert [(part.kind, part.title, part.text) for part in turn.parts] == [
        ("thinking", "thinking", "Let me."),
        ("call", "calls one (a)", "{}"),
        ("call", "calls two (b)", '{\n  "x": 1\n}'),
    ]


STREAMS = sorted(WIRE.glob("*/stream-*.sse"))


@pytest.mark.parametrize("file", STREAMS, ids=[f"{path.parent.name}-{path.stem}" for path in STREAMS])
def test_every_recorded_stream_can_be_read(file):
    words = (
        "messages"
        if file.parent.name == "anthropic"
        else "completions"
        if "complete" in file.stem
        else "chat"
    )
    found = reading.answer(words, file.read_bytes())
    assert found.turns or found.problem or found.raw
