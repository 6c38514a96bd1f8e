"""`make bench`: Gatehouse beside its peers, behind each the same nginx, in one run on one machine.

The server under test has one core, the load and nginx another. Every contestant is warmed, then measured
in turn for a few rounds, of which the one with the lowest CPU counts: other work on the machine only ever
adds. At the end, 1,000 slow streams at once, against what nginx alone delivers to the same load. What is
found is printed, and written into docs/benchmarks.md between two marks.

`--quick` takes two short rounds, to see where one stands; `--only gatehouse` leaves the peers out, and
`--print` the document as it is.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench import contestants, load, report, upstream
from bench.contestants import ROOT, Contestant
from bench.load import Calls, Streams
from bench.processes import Processes

CONNECTIONS = 16
CROWD = 1000
AT_ONCE = 16  # streams at a time while their CPU is counted: so few that nobody reads two events at once
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gatehouse-bench"
Seen = TypeVar("Seen")
INGESTED_WITHIN = 60.0  # seconds to wait at most for the log to catch up


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take: seconds, and a number of rounds."""

    warm: int
    rounds: int
    calls: int
    single: int
    streams: float
    crowd: float


FULL = Pace(warm=10, rounds=5, calls=8, single=4, streams=8, crowd=25)
QUICK = Pace(warm=4, rounds=2, calls=4, single=2, streams=4, crowd=12)


@dataclass
class Found:
    """What was measured of one contestant. CPU in seconds for one call, stream or row."""

    contestant: Contestant
    call: list[float] = field(default_factory=list)
    stream: list[float] = field(default_factory=list)
    busy: list[Calls] = field(default_factory=list)
    single: list[Calls] = field(default_factory=list)
    crowd: Streams | None = None
    idle: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)
    asked: int = 0
    rows: int = 0
    started: tuple[int, float] = (0, 0.0)  # rows, and seconds the ingester had spent, when it was warm
    ingested: float | None = None
    row: float | None = None


def main() -> int:
    wanted = options()
    if lacking := missing():
        print(f"The benchmark needs {lacking}.", file=sys.stderr)
        return 1
    pace = QUICK if wanted.quick else FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and take away what was started
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as name, Processes(Path(name)) as processes:
        server, other = sorted(os.sched_getaffinity(0))[:2]
        bench = Bench(processes, Path(name), pace, server=server, other=other)
        found, alone = bench.run(wanted.only)
        complaints(found, processes)
    table = report.table(found, alone, quick=wanted.quick)
    print(table)
    if not wanted.print:
        report.write(ROOT / "docs" / "benchmarks.md", table)
    return 0


def complaints(found: list["Found"], processes: Processes) -> None:
    """Show the end of what a contestant logged, if it complained."""
    for each in found:
        said = processes.log(each.contestant.name).read_text(errors="replace")
        if "Traceback" in said or "ERROR" in said:
            say(f"{each.contestant.name} complained:\n{said[-3000:]}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--only", choices=("gatehouse", "portkey"), help="leave the other out")
    parser.add_argument("--print", action="store_true", help="print, and leave docs/benchmarks.md as it is")
    return parser.parse_args()


def missing() -> str:
    """What the benchmark cannot do without."""
    if not Path("/proc/self/stat").exists():
        return "Linux: it counts CPU in /proc"
    if len(os.sched_getaffinity(0)) < 2:
        return "two cores, one for the server and one for the load"
    return " and ".join(lack for lack in (upstream.missing(), load.missing()) if lack)


class Bench:
    """One run. `server` and `other` are the two cores."""

    def __init__(self, processes: Processes, folder: Path, pace: Pace, *, server: int, other: int) -> None:
        self.processes = processes
        self.folder = folder
        self.pace = pace
        self.server = server
        self.other = other
        (folder / "nginx").mkdir()
        self.nginx = upstream.Nginx(processes, folder / "nginx", other)

    def run(self, only: str | None) -> tuple[list[Found], Streams]:
        found = [Found(contestant) for contestant in self.contestants(only)]
        for each in found:
            self.warm(each)
        for number in range(self.pace.rounds):
            for each in found if number % 2 == 0 else reversed(found):
                self.round(each)
                say(f"round {number + 1}: {each.contestant.name} {each.call[-1] * 1e6:.0f} µs a call")
        for each in found:
            self.drain(each)
        alone = self.crowd(self.nginx.port, "/paced" + load.PATH, {})
        for each in found:
            each.crowd = self.crowd(each.contestant.port, load.PATH, each.contestant.headers["paced"])
            each.peak = self.processes.memory(each.contestant.name, peak=True)
            each.asked += each.crowd.finished
            self.drain(each)
        return found, alone

    def contestants(self, only: str | None) -> list[Contestant]:
        started = []
        if only != "portkey":
            say("Gatehouse starts")
            folder = self.folder / "gatehouse"
            started.append(contestants.gatehouse(self.processes, self.nginx, folder, self.server))
        if only != "gatehouse":
            if lacking := contestants.portkey_missing():
                say(f"Portkey's gateway is left out: it needs {lacking} (Debian: apt install nodejs npm).")
                return started
            say("Portkey's gateway starts")
            started.append(contestants.portkey(self.processes, self.nginx, CACHE / "portkey", self.server))
        return started

    def warm(self, each: Found) -> None:
        """Calls and streams for some seconds; memory is looked at before, after one call."""
        self.calls(each, 1, 1)
        time.sleep(1)
        each.idle = self.processes.memory(each.contestant.name)
        self.calls(each, CONNECTIONS, self.pace.warm)
        self.streams(each, self.pace.streams / 2)
        self.drain(each)
        each.started = (each.rows, self.processes.cpu(each.contestant.name)["ingester"])
        each.ingested = None

    def round(self, each: Found) -> None:
        busy, seconds = self.spent(each, lambda: self.calls(each, CONNECTIONS, self.pace.calls))
        each.busy.append(busy)
        each.call.append(seconds / busy.answered)
        streams, seconds = self.spent(each, lambda: self.streams(each, self.pace.streams))
        each.stream.append(seconds / streams.finished)
        self.drain(each)
        each.single.append(self.calls(each, 1, self.pace.single))

    def spent(self, each: Found, act: Callable[[], Seen]) -> tuple[Seen, float]:
        """What was seen, and the CPU seconds the serving processes spent meanwhile."""
        before = self.processes.cpu(each.contestant.name)["server"]
        seen = act()
        return seen, self.processes.cpu(each.contestant.name)["server"] - before

    def calls(self, each: Found, connections: int, seconds: int) -> Calls:
        gateway = each.contestant
        headers = gateway.headers["chat"]
        seen = load.calls(gateway.port, headers, connections=connections, seconds=seconds, core=self.other)
        if seen.failed or not seen.answered:
            raise RuntimeError(f"{gateway.name} failed {seen.failed} of {seen.answered + seen.failed} calls.")
        each.asked += seen.answered
        return seen

    def streams(self, each: Found, seconds: float) -> Streams:
        gateway = each.contestant
        headers = gateway.headers["events"]
        seen = load.streams(
            gateway.port, load.PATH, headers, number=AT_ONCE, seconds=seconds, core=self.other
        )
        if seen.broken or seen.lost or not seen.finished:
            raise RuntimeError(f"{gateway.name} broke {seen.broken} streams and lost {seen.lost} events.")
        each.asked += seen.finished
        return seen

    def crowd(self, port: int, path: str, headers: Mapping[str, str]) -> Streams:
        say(f"{CROWD} streams at 10 events a second, on port {port}")
        return load.streams(port, path, headers, number=CROWD, seconds=self.pace.crowd, core=self.other)

    def drain(self, each: Found) -> None:
        """Wait until every call is a row; note how long it took at most, and what a row cost by and large."""
        if each.contestant.folder is None:
            return
        began = time.monotonic()
        while time.monotonic() - began < INGESTED_WITHIN:
            each.rows = each.contestant.rows()
            if each.rows >= each.asked:
                each.ingested = max(each.ingested or 0.0, time.monotonic() - began)
                break
            time.sleep(0.1)
        rows, seconds = each.started
        if each.rows > rows:
            each.row = (self.processes.cpu(each.contestant.name)["ingester"] - seconds) / (each.rows - rows)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
