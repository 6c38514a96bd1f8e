"""Large bodies, read and written in a process of their own."""

import json
import threading
import time

import pytest
from rest_framework.exceptions import ParseError

from configs.slots import Slots
from configs.tree import Settings
from providers.catalog import PROVIDERS
from providers.errors import Garbled, Unrenderable
from providers.types import Ask, Credential, Reading, Usage
from proxy import apart, body
from proxy.errors import BodyTooComplex

LONG = "A" * (apart.LARGE + 1)
CREDENTIAL = Credential("sk-a-secret")


@pytest.fixture(autouse=True)
def nobody_stays():
    yield
    apart.leave(after=0)


def asked(**more):
    return {"model": "@openai/gpt-4o-mini", "messages": [{"role": "user", "content": LONG}], **more}


def ask(model="gpt-4o-mini"):
    return Ask("chat", {"model": model}, b"", model)


def test_of_a_large_body_only_what_is_short_is_told():
    told = body.parse(bytearray(json.dumps(asked(stream=True, tools=[{"name": "t"}])).encode()))
    assert told == {"model": "@openai/gpt-4o-mini", "stream": True, "tools": [{"name": "t"}]}


@pytest.mark.parametrize("end", [b"", b"]", b', "n": NaN}'])
def test_a_large_body_that_is_no_json_object_is_refused_with_the_place(end):
    raw = bytearray(json.dumps(asked()).encode()[:-1] + end)
    with pytest.raises(ParseError, match="not JSON"):
        body.parse(raw)


def test_a_large_list_is_no_call():
    with pytest.raises(ParseError, match="must be a JSON object"):
        body.parse(bytearray(json.dumps([LONG]).encode()))


def test_a_large_body_goes_on_with_nothing_but_its_model_changed():
    raw = json.dumps(asked()).encode()
    wire = apart.request(PROVIDERS["openai"], "chatComplete", ask(), bytearray(raw), CREDENTIAL)
    assert bytes(wire.body) == raw.replace(b"@openai/gpt-4o-mini", b"gpt-4o-mini")
    assert wire.headers["authorization"] == "Bearer sk-a-secret"
    assert wire.url == "https://api.openai.com/v1/chat/completions"


def test_a_large_body_is_translated_and_what_has_no_place_is_noted():
    raw = bytearray(json.dumps(asked(seed=1)).encode())
    claude = ask("claude-sonnet-4-5")
    wire = apart.request(PROVIDERS["anthropic"], "chatComplete", claude, raw, CREDENTIAL)
    sent = json.loads(wire.body)
    assert (sent["model"], sent["messages"][0]["content"]) == ("claude-sonnet-4-5", LONG)
    assert wire.ignored == ("seed",)


def test_what_cannot_be_rendered_is_said_as_it_would_be_here():
    raw = bytearray(json.dumps(asked(n=2)).encode())
    with pytest.raises(Unrenderable):
        apart.request(PROVIDERS["anthropic"], "chatComplete", ask("claude-sonnet-4-5"), raw, CREDENTIAL)


def test_a_large_answer_is_read_for_the_record():
    message = {"role": "assistant", "content": LONG}
    said = {
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10},
    }
    raw, reading = bytearray(json.dumps(said).encode()), Reading()
    told = apart.answer(PROVIDERS["openai"], "chatComplete", ask(), raw, reading)
    assert told == raw
    assert (reading.model, reading.finish) == ("gpt-4o-mini-2024-07-18", "stop")
    assert reading.usage == Usage(input=8, output=2)


def test_a_large_answer_that_cannot_be_read_is_garbled():
    with pytest.raises(Garbled):
        apart.answer(PROVIDERS["openai"], "chatComplete", ask(), bytearray(LONG.encode()), Reading())


def test_a_child_that_dies_over_a_body_is_replaced():
    body.parse(bytearray(json.dumps(asked()).encode()))
    apart.idle[0].process.kill()
    with pytest.raises(BodyTooComplex):
        body.parse(bytearray(json.dumps(asked()).encode()))
    assert body.parse(bytearray(json.dumps(asked()).encode()))["model"]


def test_a_body_that_needs_more_memory_than_a_child_has_is_refused(monkeypatch):
    monkeypatch.setattr(apart, "MEMORY", 256 << 20)
    nested = b'{"model": "m", "x": [' + b'{"a":1},' * 1_000_000 + b"[]]}"
    with pytest.raises(BodyTooComplex):
        body.parse(bytearray(nested))


def test_children_leave_when_they_have_nothing_to_do():
    body.parse(bytearray(json.dumps(asked()).encode()))
    process = apart.idle[0].process
    apart.leave(after=0)
    assert apart.idle == []
    assert process.returncode is not None


def test_one_workspace_leaves_a_slot_to_the_others():
    slots, got, go = Slots(3), [], threading.Event()

    def work(whose):
        with slots.taken(whose):
            got.append(whose)
            go.wait(10)

    threads = [threading.Thread(target=work, args=("greedy",)) for _ in range(6)]
    for thread in threads:
        thread.start()
    other = threading.Thread(target=work, args=("other",))
    other.start()
    wait_until(lambda: len(got) == 3)
    assert sorted(got) == ["greedy", "greedy", "other"]
    go.set()
    for thread in (*threads, other):
        thread.join(10)
    assert (slots.waiting, slots.shares) == ({}, {})


def test_a_child_that_says_nothing_for_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(apart, "SECONDS", 0.05)
    list_of_many = bytearray(json.dumps([[0] * 10] * 200_000).encode())
    with pytest.raises(BodyTooComplex):
        apart.changed(bytearray(b'{"a":' + list_of_many + b"}"), Settings(drop=(("a", "*", "*"),)))
    assert apart.idle == []


def wait_until(holds):
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
