"""The admin's pages of the request log over a million rows, with streams on the same worker meanwhile.

    python -m bench.log_pages                        on SQLite
    python -m bench.log_pages --database postgres    on PostgreSQL, as the tests start it
    python -m bench.log_pages --rows 100000          in less time

Each page is asked for five times, of a gateway with one worker as in production. Of its times the lowest
counts, since other work on the machine only adds to them, and the worst is told. Beside it stands how late
the worker's loop was at worst while the page was made, and how late the events of the streams. Everything is
removed afterwards. What is found is printed, in Markdown.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import django

from bench import load
from bench.contestants import ROOT, gatehouse_settings
from bench.measuring import say
from bench.paced import Streams
from bench.processes import Processes, answers, free_port

ROWS = 1_000_000
STREAMS = 20
TIMES = 5
EXPORTED = 100_000  # rows
BAR_MS, BAR_LATE_MS = 300, 50
ALONE = 5.0  # seconds
SETTLES = 0.15  # seconds until events that were held up have come
LIST = "/admin/logs/requestlog/"


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of one page. Times in milliseconds; `note` is what else is to be said of it."""

    name: str
    times: list[float]
    loop_late: float
    events_late: float
    note: str = ""


@dataclass
class Site:
    """A running gateway to visit, as a user of the admin who has signed in."""

    port: int
    cookie: str
    sandbox_key: str
    streams: Streams = field(init=False)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.request("GET", path, headers=headers or {"cookie": self.cookie})
        return connection.getresponse()

    def read(self, path: str) -> tuple[float, int]:
        """Seconds until all of the page was there, and its bytes. Raises Refused."""
        began = time.perf_counter()
        with contextlib.closing(self.get(path)) as answer:
            size = len(answer.read())
        if answer.status != 200:
            raise Refused(f"{path}: {answer.status}")
        return time.perf_counter() - began, size

    def loop_late(self) -> float:
        """Milliseconds by which the worker's loop was late at worst since the last question."""
        with contextlib.closing(
            self.get("/sandbox/tick", {"authorization": f"Bearer {self.sandbox_key}"})
        ) as told:
            return float(json.loads(told.read())["worst_ms"])

    @contextlib.contextmanager
    def watched(self) -> Iterator[list[float]]:
        """Two numbers of milliseconds, when the block is over: how late the loop was, and the events."""
        time.sleep(SETTLES)
        self.loop_late(), self.streams.worst()
        late: list[float] = []
        yield late
        time.sleep(SETTLES)
        late += [self.loop_late(), self.streams.worst() * 1000]


class Refused(Exception):
    """A page answered otherwise than with 200."""


def main() -> int:
    wanted = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and take away what was started
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatehouse-bench-")))
        processes = stack.enter_context(Processes(folder))
        (folder / "data").mkdir(mode=0o700)
        environment = gatehouse_settings(folder / "data", free_port()) | {"SANDBOX": "1"}
        if wanted.database == "postgres":
            url = stack.enter_context(postgres())
            environment |= {"DATABASE_URL": url, "LOG_DATABASE_URL": url}
        visits = list(measured(processes, environment, wanted.rows))
        complaints = processes.said("gatehouse")
    print(table(visits, wanted))
    if "Traceback" in complaints:
        say(f"gatehouse complained:\n{complaints[-3000:]}")
    return 0


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.log_pages", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    return parser.parse_args(words)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database, in a server that ends with the block."""
    command = [sys.executable, "-m", "tests.postgres"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        yield server.stdout.readline().strip()
        server.stdin.close()


def measured(processes: Processes, environment: Mapping[str, str], rows: int) -> Iterator[Visit]:
    """Each page's visit. This process is set up as a Django of its own on the same databases."""
    os.environ.clear()
    os.environ.update(environment)
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.settings"
    django.setup()
    from bench import log_asked, log_site  # their models want Django set up

    began = time.monotonic()
    made, visitor = log_site.make(rows)
    say(f"{rows:,} rows were made in {time.monotonic() - began:.0f} s")
    port = int(environment["PORT"])
    core = min(os.sched_getaffinity(0))
    gunicorn = [sys.executable, "-m", "gunicorn"]
    started = processes.start("gatehouse", gunicorn, core=core, env=dict(environment), cwd=str(ROOT))
    answers(started, port, "/readyz")
    site = Site(port, visitor.cookie, visitor.sandbox_key)
    load.once(port, visitor.headers, model="sandbox-model")
    with Streams(port, visitor.headers, STREAMS) as site.streams:
        yield from visits(site, made.call, log_asked.queries(made))
        for kind in ("csv", "jsonl"):
            yield exported(site, processes, kind, made.since(EXPORTED))


def visits(site: Site, call: str, queries: Mapping[str, Mapping[str, str]]) -> Iterator[Visit]:
    """Every page. One is made for nothing before, since the first makes the worker read its templates."""
    lists = {name: f"{LIST}?{urlencode(query)}" for name, query in queries.items()}
    for path in (LIST, f"{LIST}{call}/change/"):
        site.read(path)
    yield alone(site)
    for name, path in lists.items():
        yield visited(site, f"list: {name}", path)
    for name, path in {"a call": f"{call}/change/", **BESIDE}.items():
        yield visited(site, name, LIST + path)


BESIDE = {"models without a price": "unpriced/", "the journal's health": "journal/"}


def alone(site: Site) -> Visit:
    """How late everything is when no page is asked for: what the machine itself adds."""
    with site.watched() as late:
        time.sleep(ALONE)
    return Visit("nothing but the streams", [], *late)


def visited(site: Site, name: str, path: str) -> Visit:
    with site.watched() as late:
        seen = [site.read(path) for _ in range(TIMES)]
    times = [seconds * 1000 for seconds, _ in seen]
    say(f"{name}: {min(times):.0f} to {max(times):.0f} ms")
    return Visit(name, times, *late, note=f"{seen[-1][1] / 1024:.0f} KiB")


def exported(site: Site, processes: Processes, kind: str, since: datetime) -> Visit:
    """All calls since then, and by how much the worker grew at most meanwhile."""
    query = urlencode({"as": kind, "since": since.isoformat()})
    forget_peak(processes)
    before = processes.memory("gatehouse")["server"]
    with site.watched() as late:
        began = time.perf_counter()
        with contextlib.closing(site.get(f"{LIST}export/?{query}")) as answer:
            lines = sum(part.count(b"\n") for part in iter(lambda: answer.read(1 << 16), b""))
        took = time.perf_counter() - began
    grown = processes.memory("gatehouse", peak=True)["server"] - before
    note = f"{lines:,} lines in {took:.0f} s; the worker grew by {grown:.1f} MB from {before:.0f}"
    say(f"export: {note}")
    return Visit(f"export, {kind}", [], *late, note=note)


def forget_peak(processes: Processes) -> None:
    for pid in processes.of("gatehouse"):
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc_pid_clear_refs(5)


def table(visits: Sequence[Visit], wanted: argparse.Namespace) -> str:
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}; {wanted.rows:,} rows on {wanted.database}, {STREAMS} streams beside.",
        "",
        "| page | lowest of 5, ms | worst, ms | loop late at worst, ms | events late at worst, ms | |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.name} | {least_and_worst(each.times)} | {each.loop_late:.0f} | {each.events_late:.0f} |"
        f" {each.note} |"
        for each in visits
    ]
    return "\n".join(lines)


def least_and_worst(times: Sequence[float]) -> str:
    return f"{min(times):.0f} | {max(times):.0f}" if times else "- | -"


if __name__ == "__main__":
    sys.exit(main())
