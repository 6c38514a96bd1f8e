"""Load on a contestant: wrk for whole answers, bench/streams.py for streams. Bounded in number and time."""

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parent / "post.lua"
PATH = "/v1/chat/completions"
MODEL = "gpt-4o-mini"
FIRST_WITHIN = 60.0  # seconds
TEXT = "What is the weather in Oslo this morning, and will it change before the evening? Be brief, please."


class Failed(Exception):
    """The load did not come through, or not whole."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What wrk saw: calls begun (the end of the load cuts off one on each connection), answered with 2xx,
    answered otherwise or broken; answered per second; times in ms."""

    begun: int
    answered: int
    failed: int
    per_second: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Streams:
    """What came of streams: finished whole, events lost of finished ones, streams that broke; events per
    second at full load; by how many ms events were late."""

    finished: int
    lost: int
    broken: int
    events_per_second: float
    p50: float
    p99: float
    worst: float


def body(*, stream: bool, model: str = MODEL) -> str:
    asked: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": "You are a helpful assistant."}],
        "temperature": 0.2,
    }
    asked["messages"].append({"role": "user", "content": TEXT})
    return json.dumps(asked | ({"stream": True} if stream else {}))


def once(port: int, headers: Mapping[str, str], *, model: str) -> None:
    """One whole answer, which may take its time, as a server's first does. Raises Failed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=FIRST_WITHIN)
    sent = {"content-type": "application/json", **headers}
    with closing(connection):
        try:
            connection.request("POST", PATH, body(stream=False, model=model), sent)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"it did not answer its first call: {error}") from error
    if answer.status != 200:
        raise Failed(f"it answered its first call with {answer.status}\n{said[:2000]!r}")


def calls(
    port: int, headers: Mapping[str, str], *, model: str, connections: int, seconds: int, core: int
) -> Calls:
    """Whole answers on so many connections, each with one call after the other. Raises Failed."""
    env = {**os.environ, "BENCH_BODY": body(stream=False, model=model), "BENCH_HEADERS": joined(headers)}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
    command.append(f"http://127.0.0.1:{port}{PATH}")
    said = on_core(core, command, env, seconds + 60)
    told = json.loads(said.rpartition("RESULT ")[2])
    failed = told["refused"] + told["broken"]
    answered = told["calls"] - told["refused"]
    begun = told["calls"] + told["broken"] + connections
    return Calls(begun, answered, failed, answered / told["seconds"], told["p50"], told["p99"])


def streams(
    port: int, path: str, headers: Mapping[str, str], *, model: str, number: int, seconds: float, core: int
) -> Streams:
    """So many streams at a time, each followed by another, begun within `seconds` and read to their end.
    Raises Failed."""
    plan = {
        "port": port,
        "path": path,
        "headers": dict(headers),
        "body": body(stream=True, model=model),
        "number": number,
        "seconds": seconds,
    }
    env = {**os.environ, "BENCH_PLAN": json.dumps(plan)}
    said = on_core(core, [sys.executable, "-m", "bench.streams"], env, seconds + 120)
    return Streams(**json.loads(said))


def joined(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}\t{value}" for name, value in headers.items())


def on_core(core: int, command: list[str], env: dict[str, str], seconds: float) -> str:
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=SCRIPT.parent.parent,
            capture_output=True,
            text=True,
            timeout=seconds,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{command[0]} did not end within {seconds:.0f} s") from error
    if done.returncode:
        raise Failed(f"{command[0]} failed\n{done.stderr[-2000:]}")
    return done.stdout


def missing() -> str:
    return "" if shutil.which("wrk") else "wrk (Debian: apt install wrk)"


def version() -> str:
    if missing():
        return "none"
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).split()[1]
