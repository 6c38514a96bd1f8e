"""What a run found, as a table in Markdown beside the bars of the design, and its place in the docs."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import load, upstream
from bench.load import Streams

if TYPE_CHECKING:
    from bench.run import Found

BEGIN = "<!-- what `make bench` found: begin -->"
END = "<!-- what `make bench` found: end -->"
Row = tuple[str, dict[str, str], str, bool | None]


def table(found: "Sequence[Found]", alone: Streams, *, quick: bool) -> str:
    """The whole report of a run."""
    names = [each.contestant.name for each in found]
    lines = [machine(found, quick=quick), ""]
    lines.append(f"| | {' | '.join(named(name) for name in names)} | the bar | |")
    lines.append("|---" * (len(names) + 3) + "|")
    for label, values, bar, met in rows(found, alone):
        cells = " | ".join(values.get(name, "-") for name in names)
        verdict = "" if met is None else "met" if met else "**missed**"
        lines.append(f"| {label} | {cells} | {bar} | {verdict} |")
    delivered = f"{alone.events_per_second:,.0f} events/s, 99 % within {alone.p99:.0f} ms"
    lines += ["", f"nginx alone delivers to the same load of 1,000 streams: {delivered}."]
    return "\n".join(lines)


def named(name: str) -> str:
    return {"gatehouse": "Gatehouse", "portkey": "Portkey's gateway"}.get(name, name)


def machine(found: "Sequence[Found]", *, quick: bool) -> str:
    contestants = ", ".join(f"{named(e.contestant.name)} {e.contestant.version}" for e in found)
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{processor()}, {os.cpu_count()} cores",
        f"Python {platform.python_version()}",
        f"Node {node()}",
        f"nginx {upstream.version()}",
        f"wrk {load.version()}",
        contestants,
    ]
    return f"{'A quick run: ' if quick else ''}{'; '.join(parts)}."


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def node() -> str:
    try:
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return said.stdout.strip().removeprefix("v")


def rows(found: "Sequence[Found]", alone: Streams) -> list[Row]:
    by = {each.contestant.name: each for each in found}
    call = {name: min(each.call) * 1e6 for name, each in by.items()}
    stream = {name: min(each.stream) * 1e3 for name, each in by.items()}
    single = {name: min(c.p50 for c in each.single) for name, each in by.items()}
    listed: list[Row] = [
        (
            "CPU for one chat call, serving processes",
            written(call, "{:,.0f} µs"),
            "≤ 0.7 of Portkey's",
            judged(ratio(call), 0.7),
        ),
        ("  as a ratio", ratio_cell(call), "", None),
        (
            "16 busy connections, calls a second",
            {name: f"{max(c.per_second for c in each.busy):,.0f}" for name, each in by.items()},
            "",
            None,
        ),
        (
            "  their p50 and p99",
            {name: latencies(each) for name, each in by.items()},
            "",
            None,
        ),
        (
            "one connection, p50",
            written(single, "{:.2f} ms"),
            "≤ 0.9 ms",
            judged(single.get("gatehouse"), 0.9),
        ),
        (
            "CPU for one stream of 50 events",
            written(stream, "{:.1f} ms"),
            "≤ 5.5 ms and ≤ 0.5 of Portkey's",
            both(judged(stream.get("gatehouse"), 5.5), judged(ratio(stream), 0.5)),
        ),
        ("  as a ratio", ratio_cell(stream), "", None),
    ]
    listed += crowd_rows(found, alone)
    if ours := by.get("gatehouse"):
        listed += own_rows(ours)
    return [*listed, memory_row(found)]


def written(values: dict[str, float], form: str) -> dict[str, str]:
    return {name: form.format(value) for name, value in values.items()}


def latencies(each: "Found") -> str:
    best = min(each.busy, key=lambda calls: calls.p50)
    return f"{best.p50:.1f}, {best.p99:.1f} ms"


def ratio(values: dict[str, float]) -> float | None:
    if "gatehouse" in values and "portkey" in values:
        return values["gatehouse"] / values["portkey"]
    return None


def ratio_cell(values: dict[str, float]) -> dict[str, str]:
    share = ratio(values)
    return {} if share is None else {"gatehouse": f"{share:.2f}", "portkey": "1"}


def judged(value: float | None, most: float) -> bool | None:
    return None if value is None else value <= most


def both(one: bool | None, other: bool | None) -> bool | None:
    known = [each for each in (one, other) if each is not None]
    return all(known) if known else None


def crowd_rows(found: "Sequence[Found]", alone: Streams) -> list[Row]:
    """1,000 streams at 10 events a second."""
    seen = {each.contestant.name: each.crowd for each in found if each.crowd is not None}
    ours = seen.get("gatehouse")
    share = {name: c.events_per_second / alone.events_per_second for name, c in seen.items()}
    peak = {each.contestant.name: each.peak["server"] for each in found if each.peak}
    return [
        (
            "1,000 streams at 10 events/s: delivered of what nginx alone delivers",
            {name: f"{c.events_per_second:,.0f}/s, {share[name]:.0%}" for name, c in seen.items()},
            "as many",
            None if ours is None else share["gatehouse"] >= 0.98,
        ),
        (
            "  events lost, streams broken",
            {name: f"{c.lost}, {c.broken}" for name, c in seen.items()},
            "none",
            None if ours is None else not (ours.lost or ours.broken),
        ),
        (
            "  99 % of events on within",
            {name: f"{c.p99:,.0f} ms" for name, c in seen.items()},
            "50 ms",
            None if ours is None else ours.p99 <= 50,
        ),
        ("  memory then", written(peak, "{:.0f} MB"), "≤ 150 MB", judged(peak.get("gatehouse"), 150)),
    ]


def own_rows(ours: "Found") -> list[Row]:
    """What only Gatehouse does: a row for each call."""
    within = "not all" if ours.ingested is None or ours.rows < ours.asked else f"{ours.ingested:.1f} s"
    row = None if ours.row is None else ours.row * 1e6
    return [
        (
            "every call a row",
            {"gatehouse": f"{ours.rows:,} of {ours.asked:,}, within {within} of the last"},
            "within 2 s",
            ours.rows >= ours.asked and ours.ingested is not None and ours.ingested <= 2,
        ),
        (
            "CPU to ingest a row",
            {"gatehouse": "-" if row is None else f"{row:.0f} µs"},
            "≤ 120 µs",
            judged(row, 120),
        ),
        (
            "first answer after the start",
            {"gatehouse": f"{ours.contestant.first:.1f} s"},
            "≤ 3 s",
            ours.contestant.first <= 3,
        ),
    ]


def memory_row(found: "Sequence[Found]") -> Row:
    cells, met = {}, None
    for each in found:
        server, ingester = each.idle["server"], each.idle["ingester"]
        cells[each.contestant.name] = f"{server:.0f} MB" + (f", ingester {ingester:.0f}" if ingester else "")
        if each.contestant.name == "gatehouse":
            met = server <= 100 and ingester <= 70
    return "memory idle", cells, "worker ≤ 100 MB, ingester ≤ 70", met


def write(path: Path, found: str) -> None:
    """Put what was found between the two marks of the document."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{found}\n\n{END}{after}")
