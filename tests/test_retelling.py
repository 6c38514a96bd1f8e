"""Answers of providers with an accent: whatever they say and however it comes, the client hears OpenAI."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.accent import Accent
from providers.accents import thoughts
from providers.errors import Garbled
from providers.formats import openai
from providers.framing import sse_frames
from providers.types import Ask, Operation, Provider, Reading
from providers.usage import usage_of

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m1"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "cost": 0.25}
NASTY = [
    "data: {",
    "\n\ndata: {",
    '"role":"assistant",',
    '{"role":"assistant",',
    ',"role":"assistant"',
    '"provider"',
    '"finish_reason":null',
    '"finish_reason":"stop"',
    '"usage":{}',
    '"error"',
    "data: [DONE]\n\n",
    '"reasoning":"',
    "\\",
    "é🌍\u2028",
]
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=5), max_size=3).map("".join)


def accented(**changes):
    """A provider that thinks aloud and ends by a word of its own."""
    accent = Accent(
        retold=lambda said, ask: thoughts.with_content(said),
        marks=(b'"reasoning":"',),
        finishes={"eos": "stop"},
        **changes,
    )
    operations = {
        "chatComplete": Operation("/chat", openai.chat(accent)),
        "complete": Operation("/complete", openai.completions(accent)),
    }
    return Provider("acme", "Acme", "https://acme.example", operations, takes_stream_usage=False)


def told(provider, body, chunks, fn="chatComplete"):
    """The pieces of a streamed answer, and what was learnt of it."""
    reading = Reading()
    ask = Ask("completions" if fn == "complete" else "chat", {"stream": True, **body}, b"", "m")
    return list(provider.stream(fn, ask, chunks, reading)), reading


def events_of(pieces):
    """What a client reads: the chunks, each with the number of times it has each key, and the ends."""
    chunks, ends = [], 0
    for frame in sse_frames([b"".join(pieces)]):
        if frame.data == b"[DONE]":
            ends += 1
        elif frame.data:
            chunks.append(Once(json.loads(frame.data, object_pairs_hook=Once.of)))
    return chunks, ends


class Once(dict):
    """A JSON object that no key stands in twice."""

    @classmethod
    def of(cls, pairs):
        assert max(Counter(name for name, _ in pairs).values(), default=1) == 1
        return cls(pairs)


class Said:
    """A stream of several answers, as it may come: whose pieces, in which framing, with which extras."""

    def __init__(self, draw):
        self.answers = draw(st.sampled_from([1, 1, 2]))
        self.named = draw(st.booleans())
        self.role_repeated = draw(st.booleans())
        self.role_first = draw(st.booleans())
        self.counted = draw(st.sampled_from(["", "with the end", "alone", "with the end again"]))
        self.null_usage = draw(st.booleans())
        self.asked = draw(st.booleans())
        self.done = draw(st.booleans())
        pieces = st.tuples(
            st.integers(0, self.answers - 1), st.sampled_from(["content", "reasoning", "tool", ""]), texts
        )
        self.pieces = draw(st.lists(pieces, min_size=2, max_size=8))
        self.ends = [draw(st.sampled_from(["stop", "eos", "length"])) for _ in range(self.answers)]
        self.line, self.prefix, self.separators = "\n", "data: ", (",", ":")
        if draw(st.booleans()):
            self.line = draw(st.sampled_from(["\n", "\r\n", "\r"]))
            self.prefix = draw(st.sampled_from(["data: ", "data:", "id: 1\ndata: ", ": c\ndata: "]))
            self.separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
        self.ascii_only = draw(st.booleans())
        self.comments = draw(st.sets(st.integers(0, 12)))
        self.theirs = draw(st.sets(st.integers(0, 12)))
        self.began = set()
        self.bytes = "".join(self._frames()).encode()

    def provider(self):
        return accented(named=self.named, repeats_role=self.role_repeated)

    def body(self):
        options = {"stream_options": {"include_usage": True}} if self.asked else {}
        return {"n": self.answers, **options} if self.answers > 1 else options

    def _frames(self):
        for number, chunk in enumerate(self._chunks()):
            if number in self.comments:
                yield f": wait}}{self.line}{self.line}"
            if number in self.theirs:
                chunk = {**chunk, "provider": "Theirs"}
            yield self._framed(json.dumps(chunk, separators=self.separators, ensure_ascii=self.ascii_only))
        if self.done:
            yield self._framed("[DONE]")

    def _framed(self, data):
        return self.prefix.replace("\n", self.line) + data + self.line * 2

    def _chunks(self):
        for index, kind, text in self.pieces:
            yield self._chunk(index, self._delta(kind, text))
        for index, end in enumerate(self.ends):
            usage = self.counted == "with the end" and index == self.answers - 1
            yield self._chunk(index, {}, end, USAGE if usage else None)
        if self.counted == "with the end again":
            yield self._chunk(self.answers - 1, {"content": ""}, self.ends[-1], USAGE)
        if self.counted == "alone":
            yield {**HEAD, "choices": [], "usage": USAGE}

    def _delta(self, kind, text):
        if kind == "tool":
            return {"content": None, "tool_calls": [{"index": 0, "function": {"arguments": text}}]}
        return {kind: text} if kind else {}

    def _chunk(self, index, delta, end=None, usage=None):
        if self.role_repeated or index not in self.began:
            role = {"role": "assistant"}
            delta = {**role, **delta} if self.role_first else {**delta, **role}
        self.began.add(index)
        chunk = {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": end}]}
        return {**chunk, "usage": usage} if usage or self.null_usage else chunk

    def joined(self, kind):
        """The text of one kind, by answer."""
        return {n: "".join(t for i, k, t in self.pieces if (i, k) == (n, kind)) for n in range(self.answers)}


said = st.composite(lambda draw: Said(draw))()
cuts = st.lists(st.integers(1, 400), max_size=8)


def cut(data, sizes):
    """The bytes in pieces, with pauses between them."""
    pieces = []
    for size in sizes:
        pieces += [data[:size], b""]
        data = data[size:]
    return [*pieces, data]


def joined(deltas, name):
    return "".join(delta.get(name) or "" for delta in deltas)


@given(said, cuts)
def test_a_stream_adds_up_to_what_was_said_however_it_came(said, cuts):
    pieces, reading = told(said.provider(), said.body(), cut(said.bytes, cuts))
    chunks, ends = events_of(pieces)
    assert reading.problem is None
    for answer in range(said.answers):
        choices = [c for chunk in chunks for c in chunk["choices"] if c["index"] == answer]
        deltas = [choice["delta"] for choice in choices]
        calls = [call["function"]["arguments"] for delta in deltas for call in delta.get("tool_calls", ())]
        assert joined(deltas, "content") == said.joined("content")[answer]
        assert joined(deltas, "reasoning") == said.joined("reasoning")[answer]
        assert joined(deltas, "reasoning_content") == said.joined("reasoning")[answer]
        assert "".join(calls) == said.joined("tool")[answer]
        assert [delta["role"] for delta in deltas if "role" in delta] == ["assistant"]
        end = "stop" if said.ends[answer] == "eos" else said.ends[answer]
        assert [c["finish_reason"] for c in choices if c["finish_reason"]] == [end]
    assert (ends, reading.ended) == (int(said.done), said.done)


@given(said, cuts)
def test_usage_comes_once_at_the_end_and_only_if_it_was_asked_for(said, cuts):
    pieces, reading = told(said.provider(), said.body(), cut(said.bytes, cuts))
    chunks, _ = events_of(pieces)
    counted = [chunk for chunk in chunks if chunk.get("usage")]
    shown = said.asked and said.done and bool(said.counted)
    assert counted == (chunks[-1:] if shown else [])
    assert all((chunk["choices"], chunk["usage"]) == ([], USAGE) for chunk in counted)
    assert reading.usage == (usage_of(USAGE) if said.counted else None)


@given(said, cuts)
def test_every_chunk_says_once_who_it_is_of(said, cuts):
    pieces, _ = told(said.provider(), said.body(), cut(said.bytes, cuts))
    chunks, _ = events_of(pieces)
    names = {chunk.get("provider") for chunk in chunks}
    assert names <= ({"acme", "Theirs"} if said.named else {None, "Theirs"})
    assert all(chunk.items() >= HEAD.items() for chunk in chunks)


@given(said)
def test_comments_and_pauses_reach_the_client(said):
    pieces, _ = told(said.provider(), said.body(), [b"", said.bytes])
    assert pieces[0] == b""
    assert b"".join(pieces).count(b": wait}") == said.bytes.count(b": wait}")


@given(texts, texts, st.booleans(), st.booleans(), st.sampled_from(["", " \n"]))
def test_a_whole_answer_says_all_and_once_who_it_is_of(text, thinking, named, compact, before):
    message = {"role": "assistant", "content": text, "reasoning": thinking}
    body = {**HEAD, "choices": [{"index": 0, "message": message, "finish_reason": "eos"}], "usage": USAGE}
    raw = before + json.dumps(body, separators=(",", ":") if compact else None)
    reading = Reading()
    answered = accented(named=named).answer("chatComplete", Ask("chat", {}, b"", "m"), raw.encode(), reading)
    said = json.loads(answered, object_pairs_hook=Once.of)
    assert said.pop("provider", None) == ("acme" if named else None)
    choice = {"index": 0, "message": {**message, "reasoning_content": thinking}, "finish_reason": "stop"}
    assert said == {**body, "choices": [choice]}
    assert (reading.finish, reading.usage) == ("stop", usage_of(USAGE))


def event(**changes):
    return b"data: %s\n\n" % json.dumps({**HEAD, **changes}, separators=(",", ":")).encode()


def content(text, **changes):
    return event(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": None}], **changes)


def test_plain_content_keeps_its_bytes_but_for_the_name():
    first, more = content("a"), content("b\n\ndata: {") + content("c")
    pieces, _ = told(accented(), {}, [first, more])
    assert b"".join(pieces[1:]) == more.replace(b'data: {"id"', b'data: {"provider":"acme","id"')


def test_bytes_that_come_in_one_piece_go_in_one():
    pieces, _ = told(accented(named=False), {}, [content("a"), content("b") + content("c")])
    assert pieces[1:] == [content("b") + content("c")]


@pytest.mark.parametrize(
    "delta", [{"role": "assistant", "content": "b"}, {"content": "b", "role": "assistant"}]
)
def test_a_role_with_every_chunk_is_cut_out_of_the_bytes(delta):
    more = event(choices=[{"index": 0, "delta": delta, "finish_reason": None}])
    pieces, _ = told(accented(named=False, repeats_role=True), {}, [content("a"), more + more])
    assert pieces[1:] == [content("b") * 2]


def test_each_of_several_answers_has_a_role():
    delta = {"role": "assistant", "content": "b"}
    chunks = [event(choices=[{"index": n, "delta": delta, "finish_reason": None}]) for n in (0, 1, 0, 1)]
    pieces, _ = told(accented(repeats_role=True), {"n": 2}, chunks)
    deltas = [chunk["choices"][0]["delta"] for chunk in events_of(pieces)[0]]
    assert deltas == [delta, delta, {"content": "b"}, {"content": "b"}]


def test_a_role_that_comes_again_with_nothing_is_left_out():
    more = event(choices=[{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}])
    pieces, _ = told(accented(repeats_role=True), {}, [content("a"), more])
    assert events_of(pieces)[0][1]["choices"][0]["delta"] == {}


@pytest.mark.parametrize("fn", ["chatComplete", "complete"])
def test_an_end_beside_an_open_answer_is_seen(fn):
    both = event(
        choices=[
            {"index": 0, "text": "x", "delta": {"content": "x"}, "finish_reason": None},
            {"index": 1, "text": "", "delta": {}, "finish_reason": "eos"},
        ]
    )
    one = event(choices=[{"index": 0, "text": "x", "delta": {"content": "x"}, "finish_reason": None}])
    _, reading = told(accented(), {"n": 2}, [one, one + both], fn)
    assert reading.finish == "stop"


def test_what_comes_with_usage_alone_is_kept_with_it():
    usage = event(choices=[], usage=USAGE, service_tier="flex")
    asked = {"stream_options": {"include_usage": True}}
    pieces, _ = told(accented(named=False), asked, [content("a"), usage, b"data: [DONE]\n\n"])
    assert pieces[1:] == [usage + b"data: [DONE]\n\n"]


def test_the_last_usage_counts():
    more = {**USAGE, "completion_tokens": 9}
    chunks = [content("a", usage=USAGE), content("b", usage=more), b"data: [DONE]\n\n"]
    pieces, reading = told(accented(), {"stream_options": {"include_usage": True}}, chunks)
    assert [chunk["usage"] for chunk in events_of(pieces)[0] if "usage" in chunk] == [more]
    assert reading.usage == usage_of(more)


def test_a_text_completion_that_ends_once_more_with_its_usage_ends_once():
    chunks = [
        event(choices=[{"index": 0, "text": "x", "finish_reason": None}]),
        event(choices=[{"index": 0, "text": "", "finish_reason": "stop"}]),
        event(choices=[{"index": 0, "text": "", "finish_reason": "stop"}], usage=USAGE),
    ]
    pieces, reading = told(accented(), {}, chunks, "complete")
    assert len(events_of(pieces)[0]) == 2
    assert reading.usage == usage_of(USAGE)


def test_nothing_counts_after_the_end():
    pieces, reading = told(accented(), {}, [content("a"), b"data: [DONE]\n\n", content("b"), b""])
    assert (events_of(pieces)[1], pieces[2:], reading.ended) == (1, [b""], True)


@pytest.mark.parametrize(
    "choice",
    [None, [], {"index": {}}, {"index": 0, "delta": []}, {"index": "0", "delta": {"content": None}}],
)
def test_odd_choices_are_passed_on(choice):
    chunks = [content("a"), event(choices=[choice], usage=None), event(choices={}), event(choices=[choice])]
    pieces, reading = told(accented(), {}, chunks)
    assert [chunk["choices"] for chunk in events_of(pieces)[0][1:]] == [[choice], {}, [choice]]
    assert reading.problem is None


def test_a_name_or_an_end_that_is_no_text_is_not_learnt():
    odd = event(model=5, choices=[{"index": 0, "delta": {}, "finish_reason": {"a": 1}}])
    _, reading = told(accented(), {}, [content("a"), odd])
    assert (reading.model, reading.finish) == ("m1", "")


def misread(said, ask):
    return said["choices"][0]["message"]["content"]["text"]


def test_an_answer_of_another_shape_is_garbled():
    provider = Provider(
        "acme", "Acme", "https://acme.example", {"chat": Operation("", openai.chat(Accent(retold=misread)))}
    )
    with pytest.raises(Garbled):
        provider.answer("chat", Ask("chat", {}, b"", "m"), b'{"choices":[]}', Reading())
    reading = Reading()
    assert list(provider.stream("chat", Ask("chat", {}, b"", "m"), [content("a")], reading)) == []
    assert reading.problem.type == "invalid_response"
