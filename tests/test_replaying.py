"""Answers told again in the other form add up to the same, of every provider that was recorded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.framing import sse_frames
from providers.replaying import MISSHAPEN, again, streamed, usage_object, whole
from providers.types import Reading, Usage
from providers.usage import usage_of
from tests import test_anthropic
from tests.test_anthropic import ANTHROPIC
from tests.test_wire import EXCHANGES, Exchange, exchanges

TOLD = ("chatComplete", "complete")
END = b"data: [DONE]\n\n"


def of_a_choice(wire, streamed):
    answered = wire.get("answered")
    return isinstance(answered, dict) and bool(answered.get("choices")) and "error" not in answered


def plain(answer):
    """An answer without what a replay may say otherwise: a call's number, no content beside calls."""
    told = json.loads(json.dumps(answer))
    for number, choice in enumerate(told["choices"]):
        choice.setdefault("index", number)
        message = choice.get("message", {})
        for call in message.get("tool_calls") or ():
            call.pop("index", None)
        if message.get("tool_calls") or message.get("function_call"):
            message["content"] = message.get("content") or None
    return told


def put_together(body, usage=None):
    return json.loads(whole(sse_frames([body]), usage))


def told(answer, wants_usage=True):
    return b"".join(streamed(json.dumps(answer).encode(), wants_usage=wants_usage))


@exchanges(of_a_choice)
def test_a_whole_answer_told_as_a_stream_adds_up_to_itself(exchange):
    answer = json.loads(exchange.provider.answer(exchange.fn, exchange.ask, exchange.replied(), Reading()))
    assert plain(put_together(told(answer))) == plain(answer)


def finished():
    """The recordings of streams that came to their end, which alone are kept."""
    for path in EXCHANGES:
        if path.with_suffix(".sse").exists() and is_finished(exchange := Exchange(path)):
            yield pytest.param(exchange, id=f"{path.parent.name}-{path.stem}")


def is_finished(exchange):
    _, reading = exchange.stream([exchange.sse])
    return reading.ended and not reading.problem


@pytest.mark.parametrize("exchange", list(finished()))
def test_a_stream_put_together_and_told_anew_adds_up_to_the_same(exchange):
    items, reading = exchange.stream([exchange.sse])
    answer = put_together(b"".join(items), reading.usage)
    assert put_together(told(answer)) == answer
    if reading.usage:
        assert usage_of(answer["usage"]) == reading.usage
    if exchange.ask.strict and exchange.fn == "chatComplete":
        assert any(choice["finish_reason"] for choice in answer["choices"])


@given(test_anthropic.messages(), st.booleans())
def test_a_stream_put_together_is_the_whole_answer(message, strict):
    call = test_anthropic.ask({"stream_options": {"include_usage": True}}, strict=strict)
    message_text = json.dumps(message).encode()
    answer = json.loads(ANTHROPIC.answer("chatComplete", call, message_text, Reading()))
    events = test_anthropic.streamed(message)
    body = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)
    told_live = b"".join(ANTHROPIC.stream("chatComplete", call, [body], reading := Reading()))
    without = test_anthropic.ask({}, strict=strict)
    uncounted = b"".join(ANTHROPIC.stream("chatComplete", without, [body], Reading()))
    for built in (put_together(told_live), put_together(uncounted, reading.usage)):
        assert usage_of(built.pop("usage")) == reading.usage
        expected = {name: value for name, value in answer.items() if name not in ("usage", "created")}
        assert in_values(built) == in_values({**expected, "created": built["created"]})


def in_values(answer):
    """An answer with the arguments of calls as values: how they are spaced is the provider's."""
    for choice in answer["choices"]:
        for call in choice["message"].get("tool_calls") or ():
            if isinstance(call["function"]["arguments"], str):
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return answer


def pairs():
    """Recordings of the same exchange, whole and streamed; what they say differs."""
    for path in EXCHANGES:
        other = path.with_name(path.name.removeprefix("stream-"))
        if path.name.startswith("stream-") and other.exists():
            streaming, answering = Exchange(path), Exchange(other)
            if streaming.sse and is_finished(streaming) and of_a_choice(answering.wire, streamed=False):
                yield pytest.param(streaming, answering, id=f"{path.parent.name}-{other.stem}")


def form(value):
    """The names and types in a value."""
    if isinstance(value, dict):
        return {name: form(each) for name, each in value.items()}
    return [form(each) for each in value[:1]] if isinstance(value, list) else type(value)


def both(one, other):
    """The names under which both say something."""
    return {name for name in {*one} & {*other} if one[name] and other[name]}


@pytest.mark.parametrize("streaming, answering", list(pairs()))
def test_a_stream_put_together_has_the_form_of_the_whole_recording(streaming, answering):
    items, reading = streaming.stream([streaming.sse])
    replied = answering.replied()
    answer = json.loads(answering.provider.answer(answering.fn, answering.ask, replied, Reading()))
    built = put_together(b"".join(items), reading.usage)
    for name in ("id", "object", "created", "model", "provider"):
        assert form(built.get(name)) == form(answer.get(name))
    one, other = plain(built)["choices"][0], plain(answer)["choices"][0]
    for name in both(one, other) - {"message", "logprobs"}:
        assert form(one[name]) == form(other[name])
    one, other = one.get("message", {}), other.get("message", {})
    for name in both(one, other):
        assert form(one[name]) == form(other[name])


words = st.text(max_size=1200)
calls = st.builds(
    lambda id_, name, arguments: {
        "id": id_,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    },
    st.text(min_size=1, max_size=9),
    st.text(min_size=1, max_size=9),
    words,
)
blocks = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, words),
    st.builds(
        lambda text, signed: {"type": "thinking", "thinking": text, "signature": signed},
        words,
        st.text(max_size=9),
    ),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, st.text(max_size=9)),
    st.just({"type": "text", "text": "cited", "citations": [{"url": "u", "title": "t"}, {"url": "v"}]}),
    st.just({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "Oslo"}}),
)
logprob = st.fixed_dictionaries({"token": st.text(max_size=3), "logprob": st.just(-0.5), "bytes": st.none()})
logprobs = st.none() | st.fixed_dictionaries({"content": st.lists(logprob, max_size=3), "refusal": st.none()})
messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | words},
    optional={
        "refusal": st.none() | words,
        "reasoning_content": words,
        "reasoning": words,
        "tool_calls": st.lists(calls, max_size=3),
        "content_blocks": st.lists(blocks, max_size=4),
        "annotations": st.lists(st.just({"type": "url_citation", "url_citation": {"url": "u"}}), max_size=2),
        "audio": st.just({"id": "a", "data": "QUJD", "expires_at": 9, "transcript": "abc"}),
        "reasoning_details": st.just([{"type": "reasoning.text", "text": "x", "index": 0}] * 2),
        "unheard_of": st.just({"deep": [1, {"a": "b"}]}),
    },
)


def choices(count):
    return st.tuples(
        *(
            st.fixed_dictionaries(
                {
                    "index": st.just(index),
                    "message": messages,
                    "logprobs": logprobs,
                    "finish_reason": st.sampled_from(["stop", "length", "tool_calls"]),
                },
                optional={"seed": st.integers(), "stop_sequence": st.just("END")},
            )
            for index in range(count)
        )
    ).map(list)


answers = st.fixed_dictionaries(
    {
        "id": st.text(max_size=9),
        "object": st.just("chat.completion"),
        "created": st.integers(0, 2**40),
        "model": st.text(max_size=9),
        "choices": st.integers(1, 3).flatmap(choices),
    },
    optional={
        "provider": st.just("anthropic"),
        "usage": st.just({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}),
        "system_fingerprint": st.none() | st.just("fp"),
        "container": st.just({"id": "c"}),
        "prompt": st.just([]),
    },
)


@given(answers)
def test_any_chat_told_as_a_stream_adds_up_to_itself(answer):
    expected = plain(answer)
    for choice in expected["choices"]:
        for block in choice["message"].get("content_blocks", ()):
            assert block["type"]
    assert plain(put_together(told(answer))) == expected


@given(answers)
def test_a_replay_looks_like_a_live_stream(answer):
    *events, rest = told(answer, wants_usage=False).split(b"\n\n")
    assert rest == b""
    assert events.count(b"data: [DONE]") == 1
    assert events[-1] == b"data: [DONE]"
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events[:-1]]
    assert not any("usage" in chunk for chunk in chunks)
    for chunk in chunks:
        assert {name: chunk[name] for name in ("id", "created", "model")} == {
            name: answer[name] for name in ("id", "created", "model")
        }
        assert chunk["object"] == "chat.completion.chunk"
        assert len(chunk["choices"][0]["delta"].get("content") or "") <= 500
    for index in range(len(answer["choices"])):
        told_of_it = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == index]
        assert [bool(choice["finish_reason"]) for choice in told_of_it] == [False] * (len(told_of_it) - 1) + [
            True
        ]
        assert "role" in told_of_it[0]["delta"]
        assert not any("role" in choice["delta"] for choice in told_of_it[1:])


@given(words, st.none() | st.just({"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5}]}))
def test_a_text_completion_told_as_a_stream_adds_up_to_itself(text, probabilities):
    choice = {"index": 0, "text": text, "logprobs": probabilities, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    answer = {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]}
    assert put_together(told(answer)) == answer
    assert put_together(told({**answer, "usage": usage})) == {**answer, "usage": usage}


counts = st.integers(0, 10**6)


@given(st.builds(Usage, counts, counts, counts, counts, counts, counts, counts))
def test_usage_of_which_only_buckets_were_kept_is_read_the_same_again(usage):
    assert usage_of(usage_object(usage)) == usage


STREAM = (
    b": a comment\n\n"
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","obfuscation":"xyz",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"usage":null}\n\n'
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n'
)
COUNTED = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}}\n\n'
)
USAGE = Usage(input=8, output=2)


def once_more(body, usage=USAGE, *, wants_usage):
    return b"".join(again(sse_frames([body]), usage, wants_usage=wants_usage))


def test_a_stream_is_told_again_in_its_own_frames_without_comments():
    assert once_more(STREAM + END, wants_usage=False) == STREAM.partition(b"\n\n")[2] + END


@pytest.mark.parametrize("kept", [STREAM + END, STREAM + COUNTED + END])
def test_usage_is_told_to_who_asks_and_to_nobody_else(kept):
    bare = STREAM.partition(b"\n\n")[2]
    assert once_more(kept, wants_usage=False) == bare + END
    assert once_more(kept, wants_usage=True) == bare + COUNTED + END


def test_what_nobody_counted_is_not_told():
    assert b"prompt_tokens" not in once_more(STREAM + END, None, wants_usage=True)


def test_padding_is_no_part_of_a_whole_answer():
    assert "obfuscation" not in put_together(STREAM + END)


@pytest.mark.parametrize(
    "answer",
    [
        b"{}",
        b"[]",
        b"nothing",
        b'{"object":"chat.completion","choices":[{"index":0,"message":{"content":7}}]}',
        b'{"object":"chat.completion","choices":[1]}',
        json.dumps({"object": "chat.completion", "id": "x" * 5000, "choices": []}).encode(),
    ],
)
def test_an_answer_of_another_shape_is_not_told(answer):
    with pytest.raises(MISSHAPEN):
        list(streamed(answer, wants_usage=True))


@pytest.mark.parametrize("body", [END, b"data: nothing\n\n", b'data: {"choices":[7]}\n\n', b"data: []\n\n"])
def test_a_stream_of_another_shape_adds_up_to_nothing(body):
    with pytest.raises(MISSHAPEN):
        put_together(body)
