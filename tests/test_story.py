"""What the bodies of a call say: turns, calls of tools, pictures, settings. Nothing breaks a reader."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs.story import json_text, reading, timeline
from logs.story.attempts import FIRST, LAST, attempts
from logs.story.values import TEXT, Piece, Told
from logs.story.visible import visible

WORDS = ["chat", "completions", "messages", "responses", "embeddings", "models", ""]


def told(body: Any, words: str = "chat", **options: bool) -> Told:
    return reading.request(words, json.dumps(body).encode(), **options)


def said(found: Told) -> list[tuple[str, str, str, str]]:
    """Who said what, part by part."""
    return [
        (turn.role, part.kind, part.title, part.text or pieces(part.pieces))
        for turn in found.turns
        for part in turn.parts
    ]


def pieces(found: tuple[Piece, ...]) -> str:
    return "\n".join(filter(None, (f"{each.title}{each.text}{pieces(each.pieces)}" for each in found)))


CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}


def test_a_chat_reads_as_a_conversation():
    found = told(
        {
            "model": "m",
            "temperature": 0,
            "tools": [{"type": "function", "function": {"name": "weather"}}],
            "messages": [
                {"role": "system", "content": "Be terse."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "And this?"},
                        {"type": "image_url", "image_url": {"url": "https://cdn.example.com/cat.png"}},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 46_000}},
                    ],
                },
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            ],
        }
    )
    assert said(found) == [
        ("system", "text", "", "Be terse."),
        ("user", "text", "", "And this?"),
        ("user", "media", "image at cdn.example.com, not loaded", "https://cdn.example.com/cat.png"),
        ("user", "media", "image, 34 KB, png", ""),
        ("assistant", "call", "calls weather (call_1)", '{\n  "city": "Oslo"\n}'),
        ("tool", "result", "result of call_1", "rain"),
    ]
    assert [(setting.name, setting.text) for setting in found.settings] == [
        ("model", "m"),
        ("temperature", "0"),
        ("tools", "weather"),
    ]


def test_messages_read_as_a_conversation():
    found = told(
        {
            "system": [{"type": "text", "text": "Be terse."}],
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                        {"type": "redacted_thinking", "data": "abcd"},
                        {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "it"}},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t1",
                            "is_error": True,
                            "content": [
                                {"type": "text", "text": "gone"},
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"},
                                },
                            ],
                        },
                        {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
                    ],
                },
            ],
        },
        "messages",
    )
    assert said(found) == [
        ("system", "text", "", "Be terse."),
        ("user", "text", "", "Hi"),
        ("assistant", "thinking", "thinking", "Hm."),
        ("assistant", "thinking", "thinking that only the provider can read, 4 characters", ""),
        ("assistant", "call", "calls look (t1)", '{\n  "at": "it"\n}'),
        ("user", "result", "error of t1", "gone"),
        ("user", "media", "image, 3 bytes, jpeg", ""),
        ("user", "media", "document at example.com, not loaded", "https://example.com/a.pdf"),
    ]


def test_responses_read_as_a_conversation():
    found = told(
        {
            "instructions": "Be terse.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": '{"a":1}'},
                {"type": "item_reference", "id": "msg_1"},
            ],
        },
        "responses",
    )
    assert said(found) == [
        ("instructions", "text", "", "Be terse."),
        ("user", "text", "", "Hi"),
        ("assistant", "thinking", "thinking", "Hm."),
        ("assistant", "call", "calls look (c1)", "{}"),
        ("tool", "result", "result of c1", '{\n  "a": 1\n}'),
        ("item", "other", "item_reference", '{\n  "type": "item_reference",\n  "id": "msg_1"\n}'),
    ]
    assert said(told({"input": "Hi"}, "responses")) == [("user", "text", "", "Hi")]


def test_vectors_are_told_by_number_and_length():
    asked = told({"model": "m", "input": ["a text", "another"]}, "embeddings")
    assert [text for *_, text in said(asked)] == ["a text", "another"]
    assert told({"input": [1, 2, 3]}, "embeddings").turns[0].parts[0].title == "3 tokens"
    body = {"data": [{"embedding": [0.25] * 1536}, {"embedding": [0.5] * 1536}], "model": "m"}
    turn = reading.answer("embeddings", json.dumps(body).encode()).turns[0]
    assert turn.note == "2 vectors of 1,536 numbers"
    assert turn.parts[0].text == "0.25, 0.25, 0.25, 0.25, …"


def test_a_list_of_models_is_told_by_their_names():
    body = {"object": "list", "data": [{"id": "one"}, {"id": "two"}]}
    (turn,) = reading.answer("models", json.dumps(body).encode()).turns
    assert (turn.note, turn.parts[0].text) == ("2 models", "one\ntwo")


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "No such model.", "type": "not_found"}, "provider": "openai"},
        {"type": "error", "error": {"type": "not_found", "message": "No such model."}},
    ],
    ids=["openai", "anthropic"],
)
def test_an_error_is_told_in_any_words(words, body):
    assert reading.answer(words, json.dumps(body).encode()).problem == "not_found: No such model."


def test_of_a_long_conversation_the_beginning_and_the_end_are_shown():
    found = told({"messages": [{"role": "user", "content": str(n)} for n in range(500)]})
    texts = [turn.parts[0].text if turn.role else turn.note for turn in found.turns]
    assert texts[:20] == [str(n) for n in range(20)]
    assert texts[20] == "430 turns between are not shown here."
    assert texts[21:] == [str(n) for n in range(450, 500)]


def test_of_a_long_text_the_beginning_is_shown_and_told_how_much_is_not():
    (turn,) = told({"messages": [{"role": "user", "content": "x" * (TEXT + 5)}]}).turns
    assert (len(turn.parts[0].text), turn.parts[0].left_out) == (TEXT, 5)


def test_what_is_cut_or_no_json_is_the_text_it_is():
    found = reading.request("chat", b'{"messages":[{"role":"us', cut=True)
    assert (found.raw, found.notes) == ('{"messages":[{"role":"us', ("Only its beginning was kept.",))
    assert reading.request("chat", b"").notes == ("It is empty.",)
    assert reading.answer("", bytes(range(256)) * 20).notes == ("Binary, 5 KB.",)


def test_what_would_take_long_to_read_is_not_read():
    found = reading.request("chat", b'{"messages":[' + b"{}," * 30_000 + b"{}]}")
    assert found.notes == ("It has too many parts to be laid out.",)
    assert not found.turns


@pytest.mark.parametrize("odd", [b'"\\ud800"', b"[" * 300 + b"]" * 300])
def test_what_only_the_slow_reader_takes_is_read_as_long_as_it_has_few_members(odd):
    few = b'{"messages":[{"role":"user","content":"' + b"x" * 70_000 + b'"}],"odd":' + odd + b"}"
    assert reading.request("chat", few).turns[0].role == "user"
    many = reading.request("chat", b'{"odd":' + odd + b',"many":[' + b"1," * 60_000 + b"1]}")
    assert many.notes == ("It has too many parts to be laid out.",)


def test_a_number_of_thousands_of_digits_is_shown_as_it_is():
    (piece,) = reading.request("", b'{"a":[' + b"1" * 4200 + b"," + b"7" * 70_000 + b"]}").pieces
    assert "1" * 4200 in str(piece)


def test_of_many_calls_in_one_message_the_first_are_shown():
    body = json.dumps({"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}] * 15_000}]}).encode()
    parts = reading.request("chat", body).turns[0].parts
    assert len(parts) == 101
    assert parts[-1].title == "14,900 more calls, not shown here"


@pytest.mark.parametrize(
    "dialect, endpoint, words",
    [
        ("chat", "/v1/chat/completions", "chat"),
        ("", "/v1/messages", "messages"),
        ("", "/v1/responses", "responses"),
        ("", "/v1/deployments/x/chat/completions", "chat"),
        ("", "/v1/files", ""),
    ],
)
def test_whose_words_they_are_shows_in_the_path(dialect, endpoint, words):
    assert reading.speech(dialect, endpoint) == words


# Nothing breaks a reader.

NAMES = (
    "messages role content type text tool_calls function name arguments id index delta choices message error "
    "input output system image_url url source data usage item response output_index content_block embedding "
    "thinking summary tool_use_id finish_reason tools partial_json content_blocks refusal audio status"
)
KINDS = (
    "text image image_url tool_use tool_result thinking message message_start content_block_start reasoning "
    "content_block_delta message_delta input_json_delta text_delta function_call function_call_output error "
    "response.completed response.output_text.delta response.output_item.added base64 url user tool"
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.floats()
    | st.sampled_from(KINDS.split())
    | st.text(max_size=3)
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=3)
    ),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from(NAMES.split()), values, max_size=4)


@given(st.sampled_from(WORDS), objects)
@settings(deadline=None, max_examples=60)
def test_no_shape_breaks_a_reader(words, body):
    text = json.dumps(body).encode()
    assert isinstance(reading.request(words, text), Told)
    assert isinstance(reading.answer(words, text), Told)


@given(st.sampled_from(WORDS), st.lists(objects, max_size=3))
@settings(deadline=None, max_examples=60)
def test_no_event_breaks_a_reader(words, events):
    stream = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in events)
    assert isinstance(reading.answer(words, stream), Told)


@given(
    st.sampled_from(WORDS), st.sampled_from([b"", b"data:", b"{", b'{"a":', b"\xff"]), st.binary(max_size=300)
)
@settings(deadline=None, max_examples=60)
def test_no_byte_breaks_a_reader(words, opening, rest):
    for read in (reading.request, reading.answer):
        assert isinstance(read(words, opening + rest, cut=True), Told)


@pytest.mark.parametrize(
    "deep", ["[" * 15_000, '{"a":' * 9_000, "[" * 900 + "]" * 900], ids=["lists", "objects", "whole"]
)
@pytest.mark.parametrize("words", WORDS)
def test_no_depth_breaks_a_reader(words, deep):
    assert isinstance(reading.request(words, deep.encode()), Told)
    assert isinstance(reading.request(words, f'{{"messages":[{{"content":{deep}}}]}}'.encode()), Told)


# JSON to unfold, and what is not seen.


def test_short_members_stand_in_lines_and_long_ones_under_a_title():
    (first, second) = json_text.folded({"a": 1, "b": "x", "c": ["y" * 300, "z" * 300]})
    assert first.text == 'a: 1\nb: "x"'
    assert second.title == "c: a list of 2"
    assert pieces(second.pieces) == f'0: "{"y" * 300}"\n1: "{"z" * 300}"'


@given(values)
@settings(deadline=None, max_examples=60)
def test_every_value_unfolds(value):
    assert json_text.folded(value)


def test_a_value_unfolds_within_bounds():
    wide = [[[["x" * 500] * 8] * 8] * 8] * 8
    found = list(json_text.folded(wide))
    for piece in found:
        found += piece.pieces
    assert len(found) <= 3 * json_text.FOLDS
    assert max(len(piece.text) for piece in found) <= TEXT


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x1b[31m", "⟨U+001B⟩[31m"),
        ("\u200bhidden\ufeff", "⟨U+200B⟩hidden⟨U+FEFF⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("👩\u200d🚀 שלום é", "👩\u200d🚀 שלום é"),
        ("\x00" * 25, "⟨U+0000⟩" * 20 + "⟨and 5 more⟩"),
    ],
    ids=["bidi", "escape", "no-width", "tag", "surrogate", "lines", "scripts", "many"],
)
def test_what_nobody_would_see_is_seen(text, shown):
    assert visible(text) == shown


# Times.

FACTS = ("started_ms", "waited_ms", "ms", "first_byte_ms", "status", "error", "left", "previous_secret")


def test_the_times_of_a_call_fill_its_bar():
    bar = timeline.times(first_byte_ms=400, total_ms=1000, gateway_ms=100)
    assert [(each.what, each.took, each.x, each.width) for each in bar] == [
        ("gateway", "100 ms", 0, 100),
        ("waiting", "300 ms", 100, 300),
        ("rest", "600 ms", 400, 600),
    ]
    assert timeline.times(None, None, None) == ()


def test_attempts_stand_on_one_axis_of_time_with_the_waits_between():
    first = {"model": "a", "started_ms": 0, "first_byte_ms": 150, "ms": 150, "status": 503}
    second = {
        "model": "a",
        "started_ms": 500,
        "waited_ms": 300,
        "first_byte_ms": 250,
        "ms": 500,
        "retries": 1,
    }
    told = attempts([first, second, "no attempt"], 1000)
    assert [(each.number, each.status, each.retries) for each in told.first] == [(1, 503, 0), (2, 0, 1)]
    assert [[(part.what, part.x, part.width) for part in each.bar] for each in told.first] == [
        [("waiting", 0, 150)],
        [("pause", 200, 300), ("waiting", 500, 250), ("rest", 750, 250)],
    ]
    assert (told.left_out, told.last) == (0, ())


def test_of_very_many_attempts_the_first_and_the_last_are_shown():
    told = attempts([{"status": n} for n in range(1, 251)], 10)
    assert [each.number for each in told.first] == list(range(1, FIRST + 1))
    assert [each.status for each in told.last] == list(range(251 - LAST, 251))
    assert told.left_out == 250 - FIRST - LAST


@given(st.lists(st.dictionaries(st.sampled_from(FACTS), values)), st.sampled_from([None, 0.0, 10.0]))
@settings(deadline=None, max_examples=60)
def test_no_attempt_breaks_the_axis(told, total):
    for tried in attempts(told, total).first:
        for part in tried.bar:
            assert 0 <= part.x <= part.x + part.width <= timeline.AXIS


@pytest.mark.parametrize(
    "milliseconds, words",
    [
        (None, "unknown"),
        (0.42, "0.4 ms"),
        (840, "840 ms"),
        (1203, "1.2 s"),
        (125_000, "2 min 5 s"),
        (7_500_000, "2 h 5 min"),
        (3e8, "3 days"),
    ],
)
def test_times_are_told_as_people_say_them(milliseconds, words):
    assert timeline.lasting(milliseconds) == words
