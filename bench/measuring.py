"""One run: the contestants started, warmed, measured in turn, and the crowd of streams at the end.

Gatehouse failing a call or a stream ends the run. A peer that cannot be had, does not start or fails is left
out of what follows, with the reason; 1,000 streams it may fail and stay.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench import load
from bench.contestants import Contestant, LeftOut, gatehouse
from bench.found import Found
from bench.litellm import litellm
from bench.load import Calls, Streams
from bench.portkey import portkey
from bench.processes import TICK, NotUp, Processes
from bench.upstream import Nginx

CONNECTIONS = 16
CROWD = 1000
AT_ONCE = 16  # streams at a time while their CPU is counted: so few that nobody reads two events at once
INGESTED_WITHIN = 60.0  # seconds to wait at most for the log to catch up
SETTLED_WITHIN = 10.0  # seconds to wait at most for calls that the end of the load cut off
OURS = "gatehouse"
Start = Callable[[Processes, Nginx, Path, int], Contestant]
CONTESTANTS: dict[str, Start] = {OURS: gatehouse, "portkey": portkey, "litellm": litellm}
Seen = TypeVar("Seen")


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


class Bench:
    """One run. `server` and `other` are the two cores; `left_out` says which peers are, and why."""

    def __init__(
        self, processes: Processes, nginx: Nginx, folder: Path, pace: Pace, *, server: int, other: int
    ) -> None:
        self.processes = processes
        self.nginx = nginx
        self.folder = folder
        self.pace = pace
        self.server = server
        self.other = other
        self.left_out: dict[str, str] = {}

    def run(self, names: Sequence[str]) -> tuple[list[Found], Streams]:
        """What was found of those named, and what nginx alone delivers."""
        started = (self.start(name) for name in names)
        found = self.each([Found(contestant) for contestant in started if contestant], self.warm)
        for _ in range(self.pace.rounds):
            found = self.each(found, self.round)[::-1]
        found.sort(key=lambda each: names.index(each.contestant.name))
        for each in found:
            self.drain(each)
        alone = self.crowd(self.nginx.port, "/paced" + load.PATH, {}, load.MODEL)
        for each in found:
            self.crowd_on(each)
        return found, alone

    def start(self, name: str) -> Contestant | None:
        say(f"{name} starts; the first time a peer is installed, which may take minutes")
        try:
            return CONTESTANTS[name](self.processes, self.nginx, self.folder / name, self.server)
        except (LeftOut, NotUp) as error:
            self.leave_out(name, error)
            return None

    def each(self, found: list[Found], act: Callable[[Found], None]) -> list[Found]:
        """Those that came through it."""
        through = []
        for each in found:
            try:
                act(each)
                through.append(each)
            except load.Failed as error:
                self.leave_out(each.contestant.name, error)
        return through

    def leave_out(self, name: str, error: Exception) -> None:
        if name == OURS:
            raise error
        self.processes.stop(name)
        self.left_out[name] = str(error).partition("\n")[0]
        say(f"{name} is left out: {error}\n{self.processes.said(name)[-2000:]}")

    def warm(self, each: Found) -> None:
        """Calls and streams for some seconds; memory is looked at before, after one call."""
        gateway = each.contestant
        load.once(gateway.port, gateway.headers["chat"], model=gateway.model("chat"))
        each.asked += 1
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
        each.call.append(seconds / busy.begun)
        streams, seconds = self.spent(each, lambda: self.streams(each, self.pace.streams))
        each.stream.append(seconds / streams.finished)
        self.drain(each)
        each.single.append(self.calls(each, 1, self.pace.single))
        say(f"round {len(each.call)}: {each.contestant.name} {each.call[-1] * 1e6:.0f} µs a call")

    def spent(self, each: Found, act: Callable[[], Seen]) -> tuple[Seen, float]:
        """What was seen, and the CPU seconds the serving processes spent on it."""
        self.settled(each)
        before = self.processes.cpu(each.contestant.name)["server"]
        seen = act()
        return seen, self.settled(each) - before

    def settled(self, each: Found) -> float:
        """Wait until the serving processes have done what was begun; the CPU seconds they have spent."""
        ends = time.monotonic() + SETTLED_WITHIN
        spent, now = -1.0, self.processes.cpu(each.contestant.name)["server"]
        while now - spent > 2 / TICK and time.monotonic() < ends:
            time.sleep(0.2)
            spent, now = now, self.processes.cpu(each.contestant.name)["server"]
        return now

    def calls(self, each: Found, connections: int, seconds: int) -> Calls:
        gateway = each.contestant
        seen = load.calls(
            gateway.port,
            gateway.headers["chat"],
            model=gateway.model("chat"),
            connections=connections,
            seconds=seconds,
            core=self.other,
        )
        if seen.failed or not seen.answered:
            raise load.Failed(f"it answered {seen.answered} calls and failed {seen.failed}")
        each.asked += seen.answered
        return seen

    def streams(self, each: Found, seconds: float) -> Streams:
        gateway = each.contestant
        seen = load.streams(
            gateway.port,
            load.PATH,
            gateway.headers["events"],
            model=gateway.model("events"),
            number=AT_ONCE,
            seconds=seconds,
            core=self.other,
        )
        if seen.broken or seen.lost or not seen.finished:
            raise load.Failed(f"it broke {seen.broken} streams and lost {seen.lost} events")
        each.asked += seen.finished
        return seen

    def crowd_on(self, each: Found) -> None:
        """1,000 streams on a contestant, which may be more than a peer can."""
        gateway = each.contestant
        try:
            each.crowd = self.crowd(gateway.port, load.PATH, gateway.headers["paced"], gateway.model("paced"))
        except load.Failed as error:
            if gateway.name == OURS:
                raise
            say(f"{gateway.name} cannot: {error}")
        else:
            each.asked += each.crowd.finished
        each.peak = self.processes.memory(gateway.name, peak=True)
        self.drain(each)

    def crowd(self, port: int, path: str, headers: Mapping[str, str], model: str) -> Streams:
        say(f"{CROWD} streams at 10 events a second, on port {port}")
        seconds = self.pace.crowd
        return load.streams(port, path, headers, model=model, number=CROWD, seconds=seconds, core=self.other)

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
