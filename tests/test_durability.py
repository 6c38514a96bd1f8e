"""A call is one row, whatever dies: the server, the ingester, the database, the disk.

Calls are counted by their trace ids, on the client's side against the request log. Outages last some
seconds here and not a minute: the gateway asks again twice a second and counts no outage's length.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests import postgres, processes, workers
from tests.load import Load, accounted
from tests.servers import Kind, events, new_trace, question, within

pytestmark = [pytest.mark.server, pytest.mark.alone]

OUTAGE = 8.0  # seconds


def test_two_thousand_calls_survive_a_kill_of_everything(yard, kind):
    with yard.started(kind) as gatehouse:
        slow = begin_slow_streams(gatehouse, 4)
        load = Load(gatehouse, "kill").start(2000)
        load.wait_until_answered(700)
        gatehouse.kill()
        gatehouse.start()
        load.finish()
        outcomes = accounted(load)
        assert len(load.answered) > 1900
        assert {outcomes[trace] for trace in load.answered} == {"finished"}
        assert {outcomes[trace] for trace in load.begun} <= {"interrupted", "finished"}
        assert {gatehouse.row(trace)["outcome"] for trace in slow()} == {"interrupted"}


def begin_slow_streams(gatehouse, count):
    """Streams that are certainly under way when the kill comes; returns what gives their trace ids."""
    traces, threads = [new_trace() for _ in range(count)], []
    for trace in traces:
        begun = threading.Event()
        threads.append(threading.Thread(target=read_slowly, args=[gatehouse, trace, begun], daemon=True))
        threads[-1].start()
        assert begun.wait(20)

    def ended():
        for thread in threads:
            thread.join(20)
        return traces

    return ended


def read_slowly(gatehouse, trace, begun):
    body = question("[[events 600]] [[pace 0.1]]", stream=True)
    headers = {"x-portkey-trace-id": trace}
    with (
        contextlib.suppress(OSError, ValueError),
        gatehouse.opened(body, virtual_key="openai-sandbox", headers=headers) as response,
    ):
        for _ in events(response):
            begun.set()


def test_calls_survive_an_outage_of_the_database(yard):
    with (
        postgres.running() as server,
        yard.started(Kind("postgres", 2), on=server) as gatehouse,
    ):
        workers.introduce(gatehouse)
        warm = Load(gatehouse, "before").start(100)
        warm.finish()
        server.stop()
        stopped = time.monotonic()
        away = Load(gatehouse, "away").start(800)
        away.finish()
        assert away.statuses == {200: 800}
        stranger = gatehouse.chat(key="gh-" + "x" * 43)
        assert stranger.status == 503
        assert stranger.headers["retry-after"]
        ready = gatehouse.ask(method="GET", path="/readyz")
        assert (ready.status, ready.json()["database"]) == (200, "away")
        time.sleep(max(OUTAGE - (time.monotonic() - stopped), 0))
        assert gatehouse.chat().status == 200
        server.start()
        assert set(accounted(warm).values()) == {"finished"}
        assert len(accounted(away)) == 800
        assert within(10, lambda: gatehouse.chat(key="gh-" + "x" * 43).status == 401)


def test_a_server_started_while_the_database_is_away_is_not_ready_until_it_is_back(yard):
    with (
        postgres.running() as server,
        yard.made(Kind("postgres", 2), on=server) as gatehouse,
    ):
        server.stop()
        gatehouse.launch()
        assert within(20, lambda: answers(gatehouse))
        assert gatehouse.ask(method="GET", path="/readyz").status == 503
        assert gatehouse.ask(method="GET", path="/healthz").status == 200
        assert gatehouse.chat().status == 503
        server.start()
        gatehouse.wait_until_ready()
        assert gatehouse.chat().status == 200


def answers(gatehouse):
    with contextlib.suppress(OSError):
        return gatehouse.ask(method="GET", path="/healthz").status
    return False


def test_calls_survive_the_death_of_the_ingester(yard, kind):
    with yard.started(kind) as gatehouse:
        load = Load(gatehouse, "ingest").start(900)
        killed = []
        for goal in (150, 400, 650):
            load.wait_until_answered(goal)
            killed.append(the_ingester(gatehouse, killed))
            os.kill(killed[-1], signal.SIGKILL)
        load.finish()
        outcomes = accounted(load)
        assert len(load.answered) == 900
        assert set(outcomes.values()) == {"finished"}
        assert the_ingester(gatehouse, killed)


def the_ingester(gatehouse, but=()):
    """The one process that runs, once those that find it running have ended."""

    def found():
        return [pid for pid in processes.of(gatehouse.data, "ingest_logs") if pid not in but]

    assert within(15, lambda: len(found()) == 1), "No ingester runs."
    return found()[0]


def test_the_ingester_outlives_the_server_until_all_is_in_the_database(yard, kind):
    with yard.started(kind) as gatehouse:
        load = Load(gatehouse, "last").start(300)
        load.finish()
        assert gatehouse.stop(20), "Some process did not end by itself."
        assert len(accounted(load, seconds=1)) == 300
        assert list((gatehouse.data / "journal").glob("*.journal")) == []


# A disk of 40 MB takes two segments of 16 MB. Mounted in a namespace of the server's own, it needs no
# clearing up; without the rights of root a namespace of users lends them.
NAMESPACE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
MOUNT = 'mount -t tmpfs -o size=40m,mode=700 tmpfs "$DATA_DIR/journal" && exec "$@"'


def can_mount():
    tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    return tried.returncode == 0


@pytest.mark.skipif(
    "CI" not in os.environ and not can_mount(), reason="this machine lets nobody mount a small disk"
)
def test_calls_survive_a_full_disk(yard):
    with yard.made(Kind("sqlite", 1)) as gatehouse:
        (gatehouse.data / "journal").mkdir(mode=0o700, exist_ok=True)
        gatehouse.start([*NAMESPACE, "sh", "-c", MOUNT, "sh"])
        journal = Path(f"/proc/{gatehouse.master.pid}/root{gatehouse.data}/journal")
        answered, refused = {ask_much(gatehouse).headers["x-portkey-trace-id"]}, []
        ingester = the_ingester(gatehouse)
        os.kill(ingester, signal.SIGSTOP)
        running = begin_stream(gatehouse)
        fill(journal / "filler")
        while not refused and len(answered) < 400:
            answer = ask_much(gatehouse)
            if answer.status == 200:
                answered.add(answer.headers["x-portkey-trace-id"])
            else:
                refused.append(answer)
        assert len(answered) > 20, "The room that was allocated was not used."
        assert refused
        assert refused[0].status == 503
        assert refused[0].json()["status"] == "failure"
        assert refused[0].headers["retry-after"]
        assert running()[-1] == "[DONE]"
        os.kill(ingester, signal.SIGCONT)
        (journal / "filler").unlink()
        assert within(10, lambda: gatehouse.chat().status == 200)
        assert within(20, lambda: answered <= {row["trace_id"] for row in gatehouse.rows()})
        rows = [row for row in gatehouse.rows() if row["trace_id"] in answered]
        assert len(rows) == len(answered)
        assert {row["outcome"] for row in rows} == {"finished"}
        assert gatehouse.row("through-it-all")["outcome"] == "finished"


def ask_much(gatehouse):
    """A call with a body of 200 KB."""
    return gatehouse.chat("x" * 200_000, headers={"x-portkey-trace-id": new_trace()})


def begin_stream(gatehouse):
    """A stream that goes on while the disk is full; returns what gives its events."""
    told = []

    def read():
        body = question("[[events 60]] [[pace 0.1]]", stream=True)
        headers = {"x-portkey-trace-id": "through-it-all"}
        with gatehouse.opened(body, virtual_key="openai-sandbox", headers=headers) as response:
            told.extend(events(response))

    thread = threading.Thread(target=read)
    thread.start()
    time.sleep(0.5)

    def ended():
        thread.join(30)
        return told

    return ended


def fill(path):
    """Use up the disk, to the last byte."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 4096)


HOSTILE = {
    "metadata": ({"x-portkey-metadata": json.dumps({"a\0b": "c\0d", "e": "\ud800", "f": "g" * 5000})}, {}),
    "prompt": ({}, {"messages": [{"role": "user", "content": "a\0b \ud800 \u2028"}]}),
    "model": ({}, {"model": "sandbox\0model" + "x" * 3000}),
    "names": ({"x-portkey-span-name": "x" * 5000, "x-portkey-span-id": "\xe9\xff"}, {}),
    "deep": ({}, {"nonsense": json.loads("[" * 200 + "]" * 200)}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_text_that_no_database_takes_is_a_row_like_any_other(gatehouse, what):
    headers, body = HOSTILE[what]
    trace, after = new_trace(), new_trace()
    gatehouse.ask(
        question() | body, virtual_key="openai-sandbox", headers={"x-portkey-trace-id": trace} | headers
    )
    gatehouse.chat(headers={"x-portkey-trace-id": after})
    assert gatehouse.row(after)["outcome"] == "finished"
    assert gatehouse.row(trace)["outcome"] in ("finished", "failed")
    assert list((gatehouse.data / "journal" / "refused").glob("*")) == []
