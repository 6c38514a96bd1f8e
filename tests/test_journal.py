"""The journal: what is written is read back, torn files lose nothing else, full disks are lived through."""

import _thread
import errno
import fcntl
import json
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import journal, segments
from logs.facts import encoded, essential
from logs.ids import minted_at, new_id
from logs.journal import CLOSING_BYTES, Full, Writer
from logs.reader import Call, Journal
from logs.segments import CLOSED, OPENED, Record, Stop, read, render, resume
from providers.types import Usage
from tests.servers import ROOT

SEGMENT = 256 << 10
BODY = 4 << 10


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "journal", body_bytes=BODY, segment_bytes=SEGMENT)
    yield writer
    writer.leave()


def calls(writer: Writer) -> list[Call]:
    """Everything that a fresh reader finds over."""
    reader = Journal(writer.folder)
    found = [*reader.calls(), *reader.calls()]
    reader.close()
    return found


def run(
    writer: Writer, *, facts: dict[str, Any] | None = None, request: bytes | None = b"{}", **bodies: bytes
) -> str:
    call = new_id()
    writer.opened(call, {"time": 1.5, **(facts or {})}, request)
    writer.closed(call, {"outcome": "finished"}, bodies)
    return call


def told(record: Record | None) -> Any:
    assert record is not None
    return orjson.loads(record.facts)


# The bytes of a record.

bodies = st.lists(
    st.tuples(
        st.sampled_from(["request", "sent", "received", "response"]),
        st.binary(max_size=300),
        st.integers(0, 10**9),
    ),
    max_size=4,
)
records = st.lists(
    st.tuples(st.sampled_from([OPENED, CLOSED]), st.uuids().map(str), st.binary(max_size=200), bodies)
)
SEED = 7


def text(*parts: tuple[str, str, bytes, list[tuple[str, bytes, int]]]) -> bytes:
    return b"".join(render(*part, SEED) for part in parts)


def found(data: bytes, *, over_gaps: bool) -> list[tuple[Any, ...]]:
    """Every record in `data`, as it was given to `render`."""
    at, got = 0, []
    while True:
        record = read(data, at, SEED)
        if isinstance(record, Record):
            got.append(
                (record.kind, record.id, record.facts, [(b.kind, b.content, b.size) for b in record.bodies])
            )
            at = record.end
        elif record is Stop.END or not over_gaps or (behind := resume(data, at, SEED)) is None:
            return got
        else:
            at = behind


@given(records)
def test_what_is_written_is_read(parts):
    assert found(text(*parts) + bytes(1000), over_gaps=False) == parts


@given(records, st.data())
def test_a_cut_loses_no_record_before_it_and_makes_none_up(parts, data):
    whole = text(*parts)
    cut = data.draw(st.integers(0, len(whole)))
    kept = [n for n in range(len(parts) + 1) if len(text(*parts[:n])) <= cut][-1]
    assert found(whole[:cut], over_gaps=True) == parts[:kept]
    assert found(whole[:cut] + bytes(600), over_gaps=True) == parts[:kept]


@given(records, st.data())
def test_damage_never_makes_up_a_record(parts, data):
    whole = bytearray(text(*parts) + bytes(100))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert all(record in parts for record in found(bytes(whole), over_gaps=True))


@given(st.binary(max_size=2000), st.integers(0, 100))
def test_no_bytes_at_all_are_too_strange_to_read(data, start):
    read(data, start, SEED)
    resume(data, start, SEED)


@given(records)
def test_a_broken_record_hides_none_behind_it(parts):
    good = (OPENED, new_id(), b"{}", [])
    broken = bytearray(render(OPENED, new_id(), b'{"a": 1}', [], SEED))
    broken[-3] ^= 1
    assert found(text(good) + bytes(broken) + text(*parts), over_gaps=True) == [good, *parts]


def test_a_body_cannot_pass_for_a_record():
    forged = b"\n" + render(OPENED, new_id(), b'{"workspace": "theirs"}', [], seed=SEED + 1)
    broken = bytearray(text((OPENED, new_id(), b"{}", [("request", forged, len(forged))])))
    broken[3] ^= 1
    assert found(bytes(broken), over_gaps=True) == []


# Writing.


def test_a_call_is_read_back_as_it_was_told(writer):
    call = run(writer, facts={"model": "gpt-4o"}, request=b"asked", response=b"answered", sent=b"sent")
    (read_back,) = calls(writer)
    assert read_back.id == call
    assert told(read_back.opened) == {"time": 1.5, "model": "gpt-4o"}
    assert told(read_back.closed) == {"outcome": "finished"}
    assert [body.content for body in read_back.opened.bodies] == [b"asked"]
    assert {body.kind: body.content for body in read_back.closed.bodies} == {
        "response": b"answered",
        "sent": b"sent",
    }


def test_a_body_that_is_not_to_be_kept_is_nowhere_in_the_journal(writer):
    run(writer, request=None)
    (read_back,) = calls(writer)
    assert read_back.opened.bodies == ()


def test_long_bodies_are_cut_and_say_so(writer):
    call = new_id()
    writer.opened(call, {}, b"a" * (BODY + 1))
    writer.closed(
        call, {"body_sizes": {"response": 10 * BODY}}, {"response": b"b" * BODY, "sent": b"c" * BODY}
    )
    (read_back,) = calls(writer)
    kept = {
        body.kind: (len(body.content), body.size)
        for r in (read_back.opened, read_back.closed)
        for body in r.bodies
    }
    assert kept == {"request": (BODY, BODY + 1), "response": (BODY, 10 * BODY), "sent": (BODY, BODY)}


@pytest.mark.parametrize("value", ["\ud800", "a\0b", 2**80, {"x": [float("inf")]}, "\u2028"])
def test_facts_that_json_hardly_takes_are_recorded_all_the_same(writer, value):
    run(writer, facts={"model": value})
    (read_back,) = calls(writer)
    assert b"model" in read_back.opened.facts


@dataclass(slots=True)
class Attempt:
    model: str
    usage: Usage


def test_facts_with_half_a_surrogate_pair_keep_their_shape(writer):
    call, model = new_id(), "@slug/gpt-4o\ud800"
    facts = {"model": model, "usage": Usage(input=3), "attempts": [Attempt(model, Usage(output=2))]}
    writer.opened(call, {"model": model}, None)
    writer.closed(call, facts, {})
    (read_back,) = calls(writer)
    kept = json.loads(read_back.closed.facts)
    assert kept["model"] == kept["attempts"][0]["model"] == model
    assert (kept["usage"]["input"], kept["attempts"][0]["usage"]["output"]) == (3, 2)


@pytest.mark.parametrize("letter", ["m", "\ud800", "\U0001f600"])
def test_facts_without_measure_are_cut(writer, letter):
    text, call = letter * (1 << 20), new_id()
    attempts = [Attempt(text, Usage(input=1))]
    writer.opened(call, {"model": text, "metadata": {text: text, "a": "b"}}, b"{}")
    facts = {"model": text, "error": {"message": text}, "ignored": (text, *"x" * 9999), "attempts": attempts}
    writer.closed(call, facts | {"status": 200}, {"response": b"answered"})
    (read_back,) = calls(writer)
    opened, closed = json.loads(read_back.opened.facts), json.loads(read_back.closed.facts)
    for cut in (
        opened["model"],
        max(opened["metadata"], key=len),
        closed["error"]["message"],
        closed["ignored"][0],
    ):
        assert 256 <= len(cut) <= 4096
        assert text.startswith(cut)
    assert (closed["status"], opened["metadata"]["a"]) == (200, "b")
    assert len(closed["ignored"]) < 1000
    assert closed["attempts"][0]["usage"]["input"] == 1
    assert [body.content for body in read_back.closed.bodies] == [b"answered"]


def test_facts_of_an_ordinary_length_are_left_whole(writer):
    run(writer, facts={"sdk": "s" * 15_000})
    (read_back,) = calls(writer)
    assert told(read_back.opened)["sdk"] == "s" * 15_000


class Wordless:
    def __str__(self) -> str:
        raise RuntimeError("no words")


def endless() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    "facts",
    [
        {"ignored": Wordless()},
        {"attempts": endless()},
        {"error": {("a", "b"): 1}},
        {"error": 10**5000},
        {"body_sizes": {"response": "many"}},
    ],
)
def test_a_closing_that_cannot_be_written_in_full_tells_the_essential(writer, facts, caplog):
    essential = {"outcome": "finished", "status": 200, "provider": "openai", "total_ms": 1.5}
    call = new_id()
    writer.opened(call, {}, None)
    told_of = {**essential, "model": "m\ud800", "usage": Usage(input=3), **facts}
    writer.closed(call, told_of, {"response": b"{}"})
    (read_back,) = calls(writer)
    kept = json.loads(read_back.closed.facts)
    assert essential.items() <= kept.items()
    assert kept["usage"]["input"] == 3
    assert kept["model"].startswith("m")
    assert call in caplog.text
    assert writer.segment.holds == 0


def test_the_essential_always_fits_the_room_that_is_kept():
    text = "\0" * 9999
    facts = dict.fromkeys(("outcome", "provider", "model", "status", "total_ms", "cache_status"), text)
    used = {str(n) + text: 2**53 - n for n in range(999)}
    line = encoded(essential(facts | {"usage": used}))
    assert len(line) < CLOSING_BYTES - segments.HEADER_BYTES


def test_nobody_else_may_read_the_journal(writer):
    run(writer)
    assert stat.S_IMODE(writer.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in writer.folder.iterdir()} == {0o600}


def test_calls_go_on_from_segment_to_segment(writer):
    made = [run(writer, request=os.urandom(BODY)) for _ in range(200)]
    assert len(list(writer.folder.glob("*.journal"))) > 3
    assert sorted(call.id for call in calls(writer)) == sorted(made)


def test_a_segment_stays_locked_while_a_call_it_opened_is_open(writer):
    slow = new_id()
    writer.opened(slow, {}, None)
    first = min(writer.folder.glob("*.journal"))
    for _ in range(200):
        run(writer, request=os.urandom(BODY))
    assert is_locked(first)
    writer.closed(slow, {}, {})
    assert not is_locked(first)
    assert slow in [call.id for call in calls(writer)]


def test_many_threads_write_at_once(writer):
    made: list[str] = []

    def work() -> None:
        made.extend(run(writer, request=os.urandom(300), response=os.urandom(300)) for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(call.id for call in calls(writer)) == sorted(made)


def is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_child_writes_segments_of_its_own_and_holds_none_of_its_parents(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    mine = new_id()
    journal.opened(mine, {}, None)
    (first,) = (tmp_path / "journal").glob("*.journal")
    fork = multiprocessing.get_context("fork")
    wrote, may_end = fork.Event(), fork.Event()

    def child() -> None:
        call = new_id()
        journal.opened(call, {}, None)
        journal.closed(call, {}, {})
        wrote.set()
        may_end.wait(20)

    process = fork.Process(target=child)
    process.start()
    try:
        assert wrote.wait(20)
        assert len(list((tmp_path / "journal").glob("*.journal"))) == 2
        settings.DATA_DIR = tmp_path / "elsewhere"  # as if the parent had ended
        assert not is_locked(first)
    finally:
        may_end.set()
        process.join()


# A full disk.


class Disk:
    """A disk with room for so many segments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room, self.allocate = room, os.posix_fallocate
        monkeypatch.setattr(os, "posix_fallocate", self)
        monkeypatch.setattr(journal, "AGAIN_SECONDS", 0.0)

    def __call__(self, fd: int, offset: int, size: int) -> None:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= 1
        self.allocate(fd, offset, size)


def fill(writer: Writer) -> list[str]:
    """Open calls until there is no room for another."""
    opened: list[str] = []
    with pytest.raises(Full):
        open_without_end(writer, opened)
    return opened


def open_without_end(writer: Writer, opened: list[str]) -> None:
    while True:
        call = new_id()
        writer.opened(call, {"model": "m" * 900}, None)
        opened.append(call)


def test_with_no_room_at_all_no_call_is_opened(writer, monkeypatch):
    Disk(monkeypatch, room=0)
    with pytest.raises(Full):
        writer.opened(new_id(), {}, None)
    assert list(writer.folder.iterdir()) == []


def test_on_a_full_disk_every_open_call_finds_room_for_its_closing(writer, monkeypatch):
    Disk(monkeypatch, room=2)
    opened = fill(writer)
    assert len(opened) > 2 * SEGMENT // (CLOSING_BYTES + 1100) - 3  # the room there was is used
    for call in opened:
        error = {"message": "e" * 3000, "type": "t" * 500}
        attempts = [{"path": str(n), "host": "h" * 300} for n in range(20)]
        facts = {"outcome": "failed", "status": 502, "attempts": attempts, "error": error}
        writer.closed(call, facts, {"response": os.urandom(BODY)})
    over = {call.id: told(call.closed) for call in calls(writer)}
    assert over.keys() == set(opened)
    assert {(facts["outcome"], facts["status"]) for facts in over.values()} == {("failed", 502)}


def test_calls_are_opened_again_when_there_is_room_again(writer, monkeypatch):
    disk = Disk(monkeypatch, room=1)
    opened = fill(writer)
    disk.room = 3
    later = run(writer)
    for call in opened:
        writer.closed(call, {}, {})
    assert {call.id for call in calls(writer)} == {*opened, later}


def test_the_next_segment_is_made_beside_the_calls(writer, monkeypatch):
    """What is slow to be allocated is waited for by nobody who still has room."""
    allocate = os.posix_fallocate
    run(writer)
    threads = set()

    def slow(fd: int, offset: int, size: int) -> None:
        threads.add(threading.get_ident())
        time.sleep(0.05)
        allocate(fd, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", slow)
    made = [run(writer, request=os.urandom(BODY)) for _ in range(150)]
    assert threads
    assert threading.get_ident() not in threads
    assert set(made) < {call.id for call in calls(writer)}


def no_thread(*_: Any) -> None:
    raise RuntimeError("can't start new thread")


def test_calls_go_on_when_no_thread_can_be_started(writer, monkeypatch):
    monkeypatch.setattr(_thread, "start_new_thread", no_thread)
    slow = new_id()
    writer.opened(slow, {}, None)
    first = min(writer.folder.glob("*.journal"))
    made = [run(writer, request=os.urandom(BODY), response=os.urandom(BODY)) for _ in range(150)]
    writer.closed(slow, {}, {})
    assert not is_locked(first)
    assert {call.id for call in calls(writer)} == {slow, *made}


@pytest.fixture
def stuck(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that allocates nothing until the event is set; the writer has one segment."""
    go, allocate = threading.Event(), os.posix_fallocate
    run(writer)

    def slow(fd: int, offset: int, size: int) -> None:
        go.wait(5)
        allocate(fd, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", slow)
    yield go
    go.set()


def test_a_slow_disk_turns_calls_away_in_good_time(writer, stuck, monkeypatch):
    monkeypatch.setattr(journal, "WAIT_SECONDS", 0.02)
    began = time.monotonic()
    opened = fill(writer)
    for call in opened:  # none of them waits for the disk: together they would for long
        writer.closed(call, {"outcome": "finished"}, {"response": os.urandom(BODY)})
    assert time.monotonic() - began < 2
    assert {told(call.closed).get("outcome") for call in calls(writer)} == {"finished"}
    stuck.set()
    until = time.monotonic() + 20
    while writer.allocating and time.monotonic() < until:
        time.sleep(0.001)
    run(writer)


LOOP = """
from gevent import monkey; monkey.patch_all()
import gevent, os, sys, time
from pathlib import Path
from logs.journal import Writer, new_id
allocate = os.posix_fallocate
def slow(*arguments):
    monkey.get_original("time", "sleep")(0.4)
    allocate(*arguments)
os.posix_fallocate = slow
gaps, last = [], time.monotonic()
def tick():
    global last
    while True:
        gevent.sleep(0.005)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
gevent.spawn(tick)
gevent.sleep(0.01)
Writer(Path(sys.argv[1]), body_bytes=1024, segment_bytes=1 << 18).opened(new_id(), {}, None)
gevent.sleep(0.02)
print(max(gaps))
"""


def test_others_go_on_while_a_call_waits_for_its_segment(tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", LOOP, str(tmp_path / "journal")], cwd=ROOT, capture_output=True, check=True
    )
    assert float(told.stdout) < 0.3


def test_a_line_that_cannot_be_written_leaves_its_call_open_and_harms_no_other(writer, monkeypatch):
    before, broken = run(writer), new_id()
    writer.opened(broken, {}, None)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", failing)
        writer.closed(broken, {}, {})
        with pytest.raises(Full):
            writer.opened(new_id(), {}, None)
    after = run(writer)
    assert [call.id for call in calls(writer)] == [before, after]
    writer.leave()
    assert {call.id: call.closed is None for call in calls(writer)} == {
        before: False,
        after: False,
        broken: True,
    }


def failing(fd: int, data: bytes, offset: int) -> int:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


# Ids.


def test_ids_are_in_the_order_of_time_and_say_when():
    ids = [new_id() for _ in range(2000)]
    assert sorted(ids) == ids
    assert len(set(ids)) == 2000
    assert abs(minted_at(ids[-1]).timestamp() - time.time()) < 5
    assert {segments.HEADER.match(render(OPENED, each, b"", [], 1)) is None for each in ids} == {False}
