"""The benchmark's own parts: what it counts of streams, and what it makes of what it found."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import report, upstream
from bench.contestants import Contestant
from bench.load import Calls, Streams
from bench.run import Found
from bench.streams import Crowd

EVENT = b"data: T%013d\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"".join(chunk(EVENT % 1) for _ in range(upstream.EVENTS)) + b"0\r\n\r\n"
SHORT = HEAD + b"".join(chunk(EVENT % 1) for _ in range(upstream.EVENTS - 2)) + b"0\r\n\r\n"
BROKEN = HEAD + chunk(EVENT % 1)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def answer(listening: socket.socket, reply: bytes, size: int) -> None:
    """Answer one request, `size` bytes at a time, and close."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        for start in range(0, len(reply), size):
            connection.sendall(reply[start : start + size])


@pytest.mark.parametrize(
    "reply, size, finished, lost, broken",
    [(WHOLE, 100_000, 1, 0, 0), (WHOLE, 7, 1, 0, 0), (SHORT, 100_000, 1, 2, 0), (BROKEN, 100_000, 0, 0, 1)],
)
def test_a_stream_is_counted_by_its_events_however_it_is_cut(
    server: socket.socket, reply: bytes, size: int, finished: int, lost: int, broken: int
):
    thread = threading.Thread(target=answer, args=[server, reply, size])
    thread.start()
    plan = {"port": server.getsockname()[1], "path": "/", "headers": {}, "body": "{}", "number": 1}
    crowd = Crowd(plan | {"seconds": 30})
    crowd.begin_those_due()
    crowd.until = time.time()  # no stream begins after the first
    told = crowd.run()
    thread.join(5)
    assert (told["finished"], told["lost"], told["broken"]) == (finished, lost, broken)


def test_streams_have_as_many_events_as_they_say_each_with_its_time():
    events = upstream.stream()
    assert len(events) == upstream.EVENTS
    assert all(event.count(upstream.STAMP) == 1 for event in events)


def found(name: str, *, call: float, stream: float, p99: float) -> Found:
    calls = Calls(answered=1000, failed=0, per_second=500, p50=1.0, p99=2.0)
    crowd = Streams(100, 0, 0, 9_900, 2, p99, 9)
    each = Found(Contestant(name, 1, {}, 1.0, "1"), [call], [stream], [calls], [calls], crowd)
    each.idle = each.peak = {"server": 90.0, "ingester": 60.0}
    return each


def lines(ours: Found, peer: Found) -> dict[str, str]:
    alone = Streams(100, 0, 0, 10_000, 1, 2, 3)
    table = report.table([ours, peer], alone, quick=True)
    return {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("|")}


def test_the_report_says_which_bars_are_met():
    ours = found("gatehouse", call=0.0007, stream=0.004, p99=50)
    told = lines(ours, found("portkey", call=0.001, stream=0.010, p99=900))
    assert (
        "| 700 µs | 1,000 µs | ≤ 0.7 of Portkey's | met |" in told["CPU for one chat call, serving processes"]
    )
    assert told["CPU for one stream of 50 events"].endswith("| met |")
    assert told["99 % of events on within"].endswith("| met |")


def test_the_report_says_which_bars_are_missed():
    ours = found("gatehouse", call=0.0008, stream=0.006, p99=51)
    told = lines(ours, found("portkey", call=0.001, stream=0.010, p99=900))
    for label in ("CPU for one chat call, serving processes", "CPU for one stream of 50 events"):
        assert told[label].endswith("| **missed** |")
    assert told["99 % of events on within"].endswith("| **missed** |")
    assert told["every call a row"].endswith("| **missed** |")


def test_the_table_takes_the_place_of_the_last_one(tmp_path: Path):
    document = tmp_path / "benchmarks.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(document, "new")
    report.write(document, "newer")
    assert document.read_text() == f"before\n{report.BEGIN}\n\nnewer\n\n{report.END}\nafter\n"
