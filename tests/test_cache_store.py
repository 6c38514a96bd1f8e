"""Where answers are kept: in a worker's memory, bounded, or in a Redis that all share, outages included."""

import json
import time
import zlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import ages, store
from cache.entries import COMPRESSED, HEAD, LARGEST, LARGEST_PACKED, PLAIN, Entry, packed, unpacked
from cache.memory import BESIDE, Memory
from cache.naming import is_clear
from cache.questions import Question, canonical, scope
from cache.writing import ROOM, Writer, writer
from providers.types import Usage
from shared_state import link
from tests import greenlets

USAGE = Usage(input=3, output=4)


def entry(body=b"{}", **facts):
    usual = {"streamed": False, "provider": "openai", "model": "m", "finish": "stop", "usage": USAGE}
    return Entry(body=body, created=time.time(), **(usual | facts))


@pytest.fixture(autouse=True)
def empty():
    store.forget()
    yield
    store.forget()


# Entries


@given(st.binary(max_size=5000), st.booleans(), st.none() | st.just(USAGE))
def test_an_entry_comes_back_as_it_was_packed(body, streamed, usage):
    made = entry(body, streamed=streamed, usage=usage)
    assert unpacked(packed(made)) == made


def test_what_is_compressed_is_smaller_and_what_would_not_be_is_left():
    long = entry(b"hello " * 100_000)
    assert len(packed(long)) < 20_000
    assert unpacked(packed(long)) == long
    dense = entry(zlib.compress(bytes(range(256)) * 9, 9) * 30)
    assert unpacked(packed(dense)) == dense


@given(st.binary(max_size=200))
def test_what_is_no_entry_is_none(content):
    assert unpacked(content) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_entry_that_is_damaged_anywhere_is_none(place, bits):
    content = bytearray(packed(Entry(b"word " * 600, False, "openai", "m", "stop", USAGE, 1e9)))
    content[place % len(content)] ^= bits
    assert unpacked(bytes(content)) is None


def made(head: Any, body: bytes = b"{}", form: int = PLAIN) -> bytes:
    """As an entry is packed, of any facts."""
    told = orjson.dumps(head)
    return HEAD.pack(form, zlib.crc32(body, zlib.crc32(told)), len(told)) + told + body


FACTS = {"streamed": False, "provider": "p", "model": "m", "finish": "", "usage": None, "created": 1e9}


@pytest.mark.parametrize(
    "facts",
    [
        {"created": None},
        {"created": "x"},
        {"created": True},
        {"streamed": 1},
        {"provider": None},
        {"model": 5},
        {"finish": []},
        {"usage": {"input": "x"}},
        {"usage": {"input": -1}},
        {"usage": {"input": True}},
        {"usage": {"input": 2**60}},
        {"usage": {"nothing": 1}},
        {"usage": [1]},
        {"body": "x"},
        {"more": 1},
    ],
)
def test_facts_of_another_kind_are_no_entry(facts):
    assert unpacked(made(FACTS))
    assert unpacked(made(FACTS | facts)) is None


@pytest.mark.parametrize("head", [[], [1], None, 7, "text", {}])
def test_a_head_that_is_none_of_ours_is_no_entry(head):
    assert unpacked(made(head)) is None


def test_what_grows_beyond_measure_is_no_entry():
    assert unpacked(made(FACTS, zlib.compress(b"x" * LARGEST), COMPRESSED))
    assert unpacked(made(FACTS, zlib.compress(b"x" * (LARGEST + 1)), COMPRESSED)) is None
    assert unpacked(made(FACTS, b"x" * (LARGEST + 1))) is None
    assert unpacked(made(FACTS, b"", 7)) is None


def test_an_entry_made_by_a_clock_ahead_of_ours_is_new():
    assert Entry(b"", False, "p", "m", "", None, time.time() + 50).age == 0


# Memory


def test_the_least_used_go_when_there_is_no_more_room():
    memory = Memory(3 * (100 + BESIDE))
    for name in "abc":
        memory.keep(name, entry(b"x" * 100), 60)
    assert memory.find("a")
    memory.keep("d", entry(b"x" * 100), 60)
    assert [name for name in "abcd" if memory.find(name)] == ["a", "c", "d"]


def test_memory_is_bounded_in_number_too():
    memory = Memory(10**9, entries=2)
    for name in "abc":
        memory.keep(name, entry(), 60)
    assert len(memory) == 2


def test_what_is_larger_than_the_room_is_not_kept_and_drives_nothing_out():
    memory = Memory(2000)
    memory.keep("a", entry(b"x"), 60)
    memory.keep("b", entry(b"x" * 3000), 60)
    assert memory.find("a")
    assert memory.find("b") is None


def test_what_is_replaced_or_dropped_takes_no_room():
    memory = Memory(2 * (100 + BESIDE))
    for _ in range(5):
        memory.keep("a", entry(b"x" * 100), 60)
    memory.keep("b", entry(b"x" * 100), 60)
    assert memory.find("a")
    memory.drop("a")
    memory.keep("c", entry(b"x" * 100), 60)
    assert memory.find("b")
    assert memory.find("c")


def test_what_is_over_is_not_found(monkeypatch):
    memory, now = Memory(10**6), [0.0]
    monkeypatch.setattr("cache.memory.time.monotonic", lambda: now[0])
    memory.keep("a", entry(), 60)
    now[0] = 59
    assert memory.find("a")
    now[0] = 60
    assert memory.find("a") is None
    assert len(memory) == 0


# Redis


def written(key):
    """Wait until what was kept is there."""
    until = time.monotonic() + 5
    while (found := store.find(key)) is None and time.monotonic() < until:
        time.sleep(0.005)
    return found


def test_what_one_worker_keeps_another_finds(redis):
    made = entry(b"x" * 5000)
    store.keep("k1", made, 60)
    assert written("k1") == made
    assert store.memory().find("k1") is None
    with link.use() as client:
        assert 0 < client.ttl(store.name("k1")) <= 60
    store.forget()  # as another worker is
    assert store.find("k1") == made


def test_what_is_dropped_is_found_by_nobody(redis):
    store.keep("k2", entry(), 60)
    assert written("k2")
    store.drop("k2")
    assert store.find("k2") is None


def test_what_is_dropped_before_it_was_written_is_never_written(redis, monkeypatch):
    monkeypatch.setattr(Writer, "start", lambda writer: None)
    store.keep("k3", entry(), 60)
    store.drop("k3")
    assert writer.next() is None


def test_memory_stands_in_while_redis_is_away(redis):
    store.keep("k4", entry(), 60)
    assert written("k4")
    redis.stop()
    assert store.find("k4") is None
    store.keep("k5", entry(), 60)
    assert written("k5")
    assert store.memory().find("k5")
    store.drop("k5")
    assert store.find("k5") is None


def test_what_another_version_wrote_is_a_miss(redis):
    with link.use() as client:
        client.set(store.name("k6"), b"\x09something else")
    assert store.find("k6") is None


@pytest.mark.parametrize(
    "value", [b"", b"\x03", b"x" * 5_000_000, ["a list"]], ids=["empty", "cut", "huge", "list"]
)
def test_what_somebody_else_wrote_is_a_miss_and_is_not_read_to_its_end(redis, value, monkeypatch):
    read = []
    monkeypatch.setattr(store, "unpacked", lambda content: read.append(len(content)) or unpacked(content))
    with link.use() as client:
        client.delete(store.name("k7"))
        client.rpush(store.name("k7"), *value) if isinstance(value, list) else client.set(
            store.name("k7"), value
        )
    assert store.find("k7") is None
    assert all(size <= LARGEST_PACKED + 1 for size in read)
    with link.use() as client:
        client.delete(store.name("k7"))


def test_what_waits_to_be_written_is_bounded(redis, monkeypatch):
    monkeypatch.setattr(Writer, "start", lambda writer: None)
    for number in range(40):
        store.keep(str(number), entry(b"x" * LARGEST), 60)
    assert writer._taken <= ROOM


# Ages


@pytest.mark.parametrize(
    ("max_age", "header", "seconds"),
    [
        (None, "", 604_800),
        (60, "", 60),
        (59, "", 604_800),
        (7_776_000, "", 7_776_000),
        (7_776_001, "", 604_800),
        (None, "max-age=90", 90),
        (None, "no-store, Max-Age=90", 90),
        (None, "s-max-age=90", 604_800),
        (None, "max-age=5", 604_800),
        (120, "max-age=90", 120),
    ],
)
def test_an_age_out_of_range_is_the_usual_one(max_age, header, seconds):
    assert ages.seconds(max_age, header) == seconds


# Questions


def question(**facts):
    usual = {
        "workspace": "w",
        "provider": "openai",
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions",
        "headers": {"content-type": "application/json"},
        "body": {"model": "m", "messages": []},
        "fn": "chatComplete",
        "dialect": "chat",
        "strict": True,
        "scope": scope("", {}),
    }
    return Question(**(usual | facts))


@pytest.mark.parametrize(
    "facts",
    [
        {"workspace": "v"},
        {"provider": "groq"},
        {"url": "https://api.openai.com/v1/x"},
        {"headers": {"content-type": "application/json", "anthropic-beta": "b"}},
        {"body": {"model": "m", "messages": [], "n": 2}},
        {"dialect": "completions"},
        {"strict": False},
        {"scope": scope("", {"a": "b"})},
        {"scope": scope("n", {})},
        {"credential": "sk-1"},
        {"asked": {"echo": True}},
        {"model": "other"},
    ],
)
def test_every_fact_of_a_question_counts(facts):
    assert question(**facts).key() != question().key()


def test_the_form_of_an_answer_counts_only_where_it_cannot_be_told_otherwise():
    streaming = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    assert question(body=streaming).key() == question().key()
    assert question(body=streaming, either_form=False).key() != question(either_form=False).key()


def test_headers_of_programs_and_traces_do_not_count():
    headers = {
        "Content-Type": "application/json",
        "user-agent": "a",
        "x-stainless-os": "b",
        "traceparent": "c",
    }
    assert question(headers=headers).key() == question().key()


def test_a_namespace_is_no_metadata():
    assert scope('{"a":"b"}', {}) != scope("", {"a": "b"})


def test_what_only_pythons_json_writes_is_canonical_too():
    assert canonical({"b": "\ud800", "a": 2**70}) == canonical({"a": 2**70, "b": "\ud800"})


# Bodies whose members are named once


VALUES = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_a_value_that_was_written_anyhow_is_clear(value, ascii_only, indent):
    assert is_clear(
        json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf8", "surrogatepass"), value
    )


@pytest.mark.parametrize(
    "text",
    [
        rb'{"a":1,"a":2}',
        rb'{"a":1,"a":1}',
        rb'{"a":1, "\u0061" : 2}',
        rb'{"x":[{"b":{"a":"\\","a":"\":"}}]}',
        rb'{"a":"\u0022:","b":"\":\":","a":1}',
        rb'{"a":"\\\":","a":":"}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
    ],
)
def test_a_member_named_twice_is_seen_however_it_is_written(text):
    assert not is_clear(text, json.loads(text))


# Under gevent, as a worker runs


def test_a_worker_keeps_and_finds_by_redis_while_others_have_their_turns(redis):
    name = str(time.time_ns())
    assert greenlets.told(
        """
        import django
        django.setup()
        from django.conf import settings
        from cache import store
        from cache.entries import Entry
        settings.REDIS_URL = sys.argv[1]
        ticks = []
        def tick():
            while True:
                ticks.append(1)
                gevent.sleep(0.001)
        gevent.spawn(tick)
        made = Entry(b"word " * 200_000, False, "openai", "m", "stop", None, time.time())
        store.keep(sys.argv[2], made, 60)
        before = len(ticks)
        while (found := store.find(sys.argv[2])) is None:
            gevent.sleep(0.001)
        tell([found == made, len(ticks) > before])
        """,
        redis.url,
        name,
    ) == [[True, True]]


def test_a_worker_imports_numpy_beside_its_calls():
    assert greenlets.told("""
        import django
        django.setup()
        from cache import numbers
        ticks = []
        def tick():
            while True:
                ticks.append(1)
                gevent.sleep(0.001)
        gevent.spawn(tick)
        gevent.sleep(0)
        assert "numpy" not in sys.modules
        vector = numbers.direction([3.0, 4.0])
        tell([[round(float(each), 3) for each in vector], len(ticks) > 5])
    """) == [[[0.6, 0.8], True]]
