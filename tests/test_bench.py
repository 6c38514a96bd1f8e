"""The benchmark's own parts: what it counts of streams, and what it makes of what it found."""

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import contestants, litellm, load, measuring, report, upstream
from bench.contestants import Contestant, LeftOut
from bench.found import Found
from bench.load import Calls, Streams
from bench.processes import NotUp, Processes, answers, free_port
from bench.run import options
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


@pytest.mark.parametrize(
    "reply, why",
    [(b"HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nwho", "with 401\nb'who'"), (b"", "did not answer")],
)
def test_a_first_call_that_is_not_answered_fails(server: socket.socket, reply: bytes, why: str):
    thread = threading.Thread(target=answer, args=[server, reply, 100])
    thread.start()
    with pytest.raises(load.Failed, match=re.escape(why)):
        load.once(server.getsockname()[1], {}, model=load.MODEL)
    thread.join(5)


def test_streams_have_as_many_events_as_they_say_each_with_its_time():
    events = upstream.stream()
    assert len(events) == upstream.EVENTS
    assert all(event.count(upstream.STAMP) == 1 for event in events)


def found(name: str, *, call: float, stream: float, p99: float) -> Found:
    calls = Calls(begun=1016, answered=1000, failed=0, per_second=500, p50=1.0, p99=2.0)
    crowd = Streams(100, 0, 0, 9_900, 2, p99, 9)
    each = Found(Contestant(name, 1, {}, 1.0, "1"), [call], [stream], [calls], [calls], crowd)
    each.idle = each.peak = {"server": 90.0, "ingester": 60.0}
    return each


def lines(*those: Found, left_out: dict[str, str] | None = None) -> dict[str, str]:
    alone = Streams(100, 0, 0, 10_000, 1, 2, 3)
    table = report.table(those, alone, quick=True, left_out=left_out or {})
    return {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("|")}


def test_the_report_says_which_bars_are_met():
    ours = found("gatehouse", call=0.0007, stream=0.004, p99=50)
    told = lines(ours, found("portkey", call=0.001, stream=0.008, p99=900))
    assert "| 700 µs | 1,000 µs |" in told["CPU for one chat call, serving processes"]
    assert told["as a ratio of Portkey's"].endswith("| 0.5 | 1 | ≤ 0.5 | met |")  # the last is of streams
    assert told["CPU for one stream of 50 events"].endswith("| met |")
    assert told["99 % of events on within"].endswith("| met |")


def test_the_report_says_which_bars_are_missed():
    ours = found("gatehouse", call=0.0008, stream=0.006, p99=51)
    told = lines(ours, found("portkey", call=0.001, stream=0.010, p99=900))
    for label in ("as a ratio of Portkey's", "CPU for one stream of 50 events"):
        assert told[label].endswith("| **missed** |")
    assert told["99 % of events on within"].endswith("| **missed** |")
    assert told["every call a row"].endswith("| **missed** |")


@pytest.mark.parametrize(
    "call, shown, verdict",
    [(0.0010, "1/20", "met"), (0.00102, "1/19.6", "**missed**"), (0.03, "1.5", "**missed**")],
)
def test_a_call_is_held_against_litellms(call: float, shown: str, verdict: str):
    ours = found("gatehouse", call=call, stream=0.004, p99=50)
    told = lines(ours, found("litellm", call=0.02, stream=0.09, p99=900))
    assert (
        told["as a ratio of LiteLLM's"] == f"|   as a ratio of LiteLLM's | {shown} | 1 | ≤ 1/20 | {verdict} |"
    )


def test_without_litellm_the_report_says_why_and_compares_with_portkey_alone():
    ours = found("gatehouse", call=0.0007, stream=0.004, p99=50)
    peer = found("portkey", call=0.001, stream=0.010, p99=900)
    why = {"litellm": "litellm 1.106.2 could not be installed"}
    table = report.table([ours, peer], Streams(1, 0, 0, 1, 1, 2, 3), quick=True, left_out=why)
    assert "| | Gatehouse | Portkey's gateway | the bar | |" in table
    assert "| LiteLLM's" not in table
    assert "ratio of LiteLLM's" not in table
    assert table.endswith("\n\nLiteLLM's proxy was left out: litellm 1.106.2 could not be installed.")


def test_a_peer_that_cannot_serve_a_thousand_streams_is_said_to_be_unable():
    ours = found("gatehouse", call=0.0007, stream=0.004, p99=50)
    broke, gone = (found(name, call=0.02, stream=0.09, p99=900) for name in ("litellm", "portkey"))
    broke.crowd, gone.crowd = Streams(10, 0, 990, 300, 9000, 40_000, 41_000), None
    told = lines(ours, gone, broke)
    delivered = told["1,000 streams at 10 events/s: delivered of what nginx alone delivers"]
    assert "| 9,900/s, 99% | cannot | cannot: 990 of 1,000 broke | as many | met |" in delivered
    assert "| 0, 0 | - | - |" in told["events lost, streams broken"]
    assert "| 50 ms | - | - |" in told["99 % of events on within"]


def test_the_table_takes_the_place_of_the_last_one(tmp_path: Path):
    document = tmp_path / "benchmarks.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write(document, "new")
    report.write(document, "newer")
    assert document.read_text() == f"before\n{report.BEGIN}\n\nnewer\n\n{report.END}\nafter\n"


class Upstream(upstream.Nginx):
    """Its addresses, without the server."""

    def __init__(self) -> None:
        self.port = 8999


def test_litellm_is_told_of_every_upstream_and_listens_on_loopback_with_one_worker(tmp_path: Path):
    told = litellm.configuration(Upstream(), "sk-secret")
    assert {model["model_name"]: model["litellm_params"]["api_base"] for model in told["model_list"]} == {
        f"bench-{kind}": f"http://127.0.0.1:8999/{kind}/v1" for kind in ("chat", "events", "paced")
    }
    assert told["general_settings"] == {"master_key": "sk-secret"}
    command = litellm.command(tmp_path / "litellm", tmp_path / "config.yaml", 4000)
    assert " ".join(command[1:]) == (
        f"--config {tmp_path}/config.yaml --host 127.0.0.1 --port 4000 --num_workers 1"
    )


def test_each_contestant_is_asked_for_the_model_by_its_own_name_for_it():
    peer = Contestant("litellm", 1, {}, 1.0, "1", models={"chat": "bench-chat"})
    assert json.loads(load.body(stream=False, model=peer.model("chat")))["model"] == "bench-chat"
    assert json.loads(load.body(stream=True, model=peer.model("paced")))["model"] == "gpt-4o-mini"


def test_what_litellm_needs_is_pinned_with_hashes():
    wanted = [entry for entry in re.split(r"\n(?=\w)", litellm.LOCK.read_text()) if entry[0] != "#"]
    assert len(wanted) > 100
    assert all(re.match(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry, re.DOTALL) for entry in wanted)
    assert litellm.version() == "1.106.2"


def test_litellm_is_installed_once_from_wheels_that_match_the_lock(tmp_path: Path, monkeypatch: Any):
    commands: list[list[str]] = []

    def played(what: str, command: list[str], cwd: Path, *, seconds: float) -> None:
        commands.append(command)
        (tmp_path / "litellm" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "litellm" / "bin" / "litellm").touch()

    monkeypatch.setattr(litellm, "install", played)
    first = litellm.installation(tmp_path / "litellm")
    assert litellm.installation(tmp_path / "litellm") == first
    environment, pip = commands
    assert environment[1:3] == ["-m", "venv"]
    assert pip[0] == str(tmp_path / "litellm" / "bin" / "python")
    assert {"--require-hashes", "--only-binary"} < set(pip)


def test_an_installer_that_fails_leaves_its_peer_out(tmp_path: Path):
    failing = [sys.executable, "-c", "raise SystemExit('no such package')"]
    with pytest.raises(LeftOut, match=r"^litellm could not be installed\nno such package"):
        contestants.install("litellm", failing, tmp_path, seconds=30)


def test_a_server_that_ends_is_not_waited_for():
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]) as ending:
        ending.wait(30)
        with pytest.raises(NotUp, match="ended with 3"):
            answers(ending, free_port(), "/")


def test_a_peer_that_fails_is_left_out_but_gatehouse_ends_the_run(tmp_path: Path):
    bench = measuring.Bench(Processes(tmp_path), Upstream(), tmp_path, measuring.QUICK, server=0, other=1)
    three = [found(name, call=0.001, stream=0.01, p99=9) for name in ("portkey", "litellm", "gatehouse")]

    def act(each: Found) -> None:
        if each.contestant.name != "portkey":
            raise load.Failed("it failed 1 of 2 calls\nand more")

    assert bench.each(three[:2], act) == three[:1]
    assert bench.left_out == {"litellm": "it failed 1 of 2 calls"}
    with pytest.raises(load.Failed):
        bench.each(three, act)


@pytest.mark.parametrize(
    "words, names",
    [
        ([], ["gatehouse", "portkey", "litellm"]),
        (["--only", "gatehouse"], ["gatehouse"]),
        (["--only", "gatehouse", "litellm"], ["gatehouse", "litellm"]),
    ],
)
def test_all_take_part_unless_some_are_named(words: list[str], names: list[str]):
    assert options(words).only == names
