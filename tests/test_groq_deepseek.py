"""What recordings of Groq and DeepSeek (wire/) cannot show: what is left alone, what is not offered, what is
nested deeper than can be written again (there and elsewhere).
"""

import copy
import json
from contextlib import suppress

import pytest

from providers.catalog import PROVIDERS
from providers.errors import Garbled, NotSupported, Unrenderable
from providers.types import Ask, Credential, Reading
from tests.test_wire import EXCHANGES, Exchange

BOTH = ("groq", "deepseek")
MODEL = "some-model"
HEAD = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}


def ask(raw, **more):
    return Ask("chat", json.loads(raw), raw, MODEL, **more)


def sent(slug, raw):
    return PROVIDERS[slug].request("chatComplete", ask(raw), Credential("secret"))


def streamed(slug, *events):
    reading, raw = Reading(), b'{"model":"some-model","messages":[],"stream":true}'
    return b"".join(PROVIDERS[slug].stream("chatComplete", ask(raw), events, reading)), reading


def event(delta, finish=None):
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: " + json.dumps({**HEAD, "choices": [choice]}, separators=(",", ":")).encode() + b"\n\n"


@pytest.mark.parametrize("slug", BOTH)
@pytest.mark.parametrize("fn", ["complete", "embed"])
def test_neither_offers_completions_or_embeddings(slug, fn):
    with pytest.raises(NotSupported):
        PROVIDERS[slug].request(fn, ask(b'{"model":"some-model"}'), Credential("secret"))


@pytest.mark.parametrize("slug", BOTH)
def test_a_call_that_differs_in_nothing_goes_on_as_it_came(slug):
    raw = (
        b'{ "model": "some-model",\n "messages": [{"role": "user", "content": "\\"developer\\", \\"n\\""},\n'
        b' {"role": "assistant", "content": "So?"}], "seed": 12345678901234567890 }'
    )
    assert sent(slug, raw).body == raw


@pytest.mark.parametrize("path", [p for p in EXCHANGES if p.parent.name in BOTH], ids=lambda p: p.stem)
def test_what_the_client_sent_is_never_changed(path):
    exchange = Exchange(path)
    before = copy.deepcopy(exchange.ask.body)
    with suppress(Unrenderable):
        exchange.request()
    assert exchange.ask.body == before


def test_comments_of_a_busy_deepseek_keep_the_clients_connection_alive():
    told, reading = streamed("deepseek", b": keep-alive\n\n", event({"content": "Hi"}), b": keep-alive\n\n")
    assert told.count(b": keep-alive\n\n") == 2
    assert reading.content


def test_a_comment_of_a_busy_deepseek_is_no_content():
    assert not streamed("deepseek", b": keep-alive\n\n" * 3)[1].content


def test_the_opening_of_a_thinking_deepseek_is_no_content():
    opening = event({"role": "assistant", "content": None, "reasoning_content": ""})
    assert not streamed("deepseek", opening)[1].content


def test_content_of_groq_keeps_its_bytes_but_for_the_providers_name():
    content = event({"content": 'Plain, "reasoning" in quotes.'})
    told, _ = streamed("groq", event({"role": "assistant", "content": "Hi"}), content, content)
    assert told.endswith(content.replace(b"data: {", b'data: {"provider":"groq",') * 2)


def test_a_stream_of_groq_adds_up_to_its_whole_answer():
    message = {"role": "assistant", "content": "It is 4.", "reasoning": "2+2."}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    raw = b'{"model":"some-model","messages":[]}'
    body = json.dumps({**HEAD, "choices": [choice]}).encode()
    whole = json.loads(PROVIDERS["groq"].answer("chatComplete", ask(raw), body, Reading()))
    pieces = [
        {"role": "assistant", "content": ""},
        {"reasoning": "2+"},
        {"reasoning": "2."},
        {"content": "It is"},
        {"content": " 4."},
    ]
    told, _ = streamed("groq", *map(event, pieces), event({}, "stop"), b"data: [DONE]\n\n")
    assembled = {}
    for chunk in told.split(b"\n\n")[:-2]:
        for name, piece in json.loads(chunk[6:])["choices"][0]["delta"].items():
            assembled[name] = assembled.get(name, "") + piece
    assert assembled == whole["choices"][0]["message"]


def test_a_failed_generation_is_shown_as_far_as_it_helps():
    error = {"message": "No.", "failed_generation": "x" * 100_000}
    body = json.dumps({"error": error}).encode()
    assert len(PROVIDERS["groq"].problem("chatComplete", 400, body).message) < 5000


# Nested as deep as can be read and, with the stack of a call beneath it, not written again

DEPTHS = range(850, 1030, 10)
NAMED = ("groq", "mistral-ai", "openrouter", "together-ai", "anthropic")


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("slug", NAMED)
@pytest.mark.parametrize(
    "error",
    [
        b'{"error":{"message":%s,"type":"t"}}',
        b'{"error":{"message":"No.","metadata":{"raw":%s}}}',
        b'{"error":{"message":"No.","failed_generation":%s}}',
        b'{"type":"t","param":%s,"detail":[{"msg":"No.","loc":["body"]}]}',
        b'{"detail":[{"msg":"No.","loc":[%s]}]}',
        b'{"error":%s}',
    ],
)
def test_an_error_nested_however_deep_has_a_message(slug, error):
    for depth in DEPTHS:
        said = PROVIDERS[slug].problem("chatComplete", 400, error % nested(depth))
        assert slug in said.message


@pytest.mark.parametrize("slug", ["groq", "mistral-ai", "openrouter", "together-ai"])
@pytest.mark.parametrize(
    "answer",
    [
        b' {"choices":[{"message":{"content":"Hi"}}],"extra":%s}',
        b'{"choices":[{"message":{"content":null,"reasoning":"Hm"}}],"extra":%s}',
        b'{"choices":[{"message":{"content":[],"extra":%s}}]}',
        b'{"choices":[],"error":{"message":%s}}',
        b'{"choices":[],"error":%s}',
    ],
)
def test_an_answer_nested_however_deep_is_told_or_garbled(slug, answer):
    call = ask(b'{"model":"some-model","messages":[]}')
    for depth in DEPTHS:
        with suppress(Garbled):
            told = PROVIDERS[slug].answer("chatComplete", call, answer % nested(depth), Reading())
            assert nested(depth) in told


def test_an_answer_too_deep_to_be_written_again_is_garbled():
    body = b'{"choices":[{"message":{"content":null,"reasoning":"Hm"}}],"extra":%s}' % nested(1000)
    with pytest.raises(Garbled, match="Invalid response received from groq"):
        PROVIDERS["groq"].answer("chatComplete", ask(b'{"model":"some-model"}'), body, Reading())


@pytest.mark.parametrize("name", [b"extra", b"usage", b"error"])
def test_a_stream_with_an_event_too_deep_to_be_written_again_ends_in_a_problem(name):
    inner = b'{"choices":[{"index":0,"delta":{"content":"Hi"}}],"%s":{"deep":%s}}' % (name, nested(1000))
    call, reading = ask(b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'), Reading()
    events = [b"data: %s\n\n" % inner, b"data: [DONE]\n\n"]
    list(PROVIDERS["groq"].stream("chatComplete", call, events, reading))
    assert reading.problem.message.startswith("Invalid response received from groq")
