"""Load on a contestant: wrk for whole answers, bench/streams.py for streams. Bounded in number and time."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parent / "post.lua"
PATH = "/v1/chat/completions"
TEXT = "What is the weather in Oslo this morning, and will it change before the evening? Be brief, please."


@dataclass(frozen=True, slots=True)
class Calls:
    """What wrk saw: calls answered with 2xx, those that were not, calls per second and times in ms."""

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


def body(*, stream: bool) -> str:
    asked: dict[str, Any] = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "system", "content": "You are a helpful assistant."}],
        "temperature": 0.2,
    }
    asked["messages"].append({"role": "user", "content": TEXT})
    return json.dumps(asked | ({"stream": True} if stream else {}))


def calls(port: int, headers: Mapping[str, str], *, connections: int, seconds: int, core: int) -> Calls:
    """Whole answers on so many connections, each with one call after the other."""
    env = {**os.environ, "BENCH_BODY": body(stream=False), "BENCH_HEADERS": joined(headers)}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT)]
    command.append(f"http://127.0.0.1:{port}{PATH}")
    said = on_core(core, command, env, seconds + 60)
    told = json.loads(said.rpartition("RESULT ")[2])
    failed = told["refused"] + told["broken"]
    answered = told["calls"] - told["refused"]
    return Calls(answered, failed, answered / told["seconds"], told["p50"], told["p99"])


def streams(
    port: int, path: str, headers: Mapping[str, str], *, number: int, seconds: float, core: int
) -> Streams:
    """So many streams at a time, each followed by another, begun within `seconds` and read to their end."""
    plan = {
        "port": port,
        "path": path,
        "headers": dict(headers),
        "body": body(stream=True),
        "number": number,
        "seconds": seconds,
    }
    env = {**os.environ, "BENCH_PLAN": json.dumps(plan)}
    said = on_core(core, [sys.executable, "-m", "bench.streams"], env, seconds + 120)
    return Streams(**json.loads(said))


def joined(headers: Mapping[str, str]) -> str:
    return "\n".join(f"{name}\t{value}" for name, value in headers.items())


def on_core(core: int, command: list[str], env: dict[str, str], seconds: float) -> str:
    done = subprocess.run(
        command,
        env=env,
        cwd=SCRIPT.parent.parent,
        capture_output=True,
        text=True,
        timeout=seconds,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def missing() -> str:
    return "" if shutil.which("wrk") else "wrk (Debian: apt install wrk)"


def version() -> str:
    if missing():
        return "none"
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return (said.stdout + said.stderr).split()[1]
