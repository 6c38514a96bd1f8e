"""What a run found, as a table in Markdown beside the bars of the design, and its place in the docs."""

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import load, upstream
from bench.found import Found
from bench.load import Streams

BEGIN = "<!-- what `make bench` found: begin -->"
END = "<!-- what `make bench` found: end -->"
Row = tuple[str, dict[str, str], str, bool | None]


def table(found: Sequence[Found], alone: Streams, *, quick: bool, left_out: Mapping[str, str]) -> str:
    """The whole report of a run. `left_out` says why a contestant is not in it."""
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
    for name, why in left_out.items():
        lines += ["", f"{named(name)} was left out: {why}."]
    return "\n".join(lines)


def named(name: str) -> str:
    return {"gatehouse": "Gatehouse", "portkey": "Portkey's gateway", "litellm": "LiteLLM's proxy"}[name]


def machine(found: Sequence[Found], *, quick: bool) -> str:
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


def rows(found: Sequence[Found], alone: Streams) -> list[Row]:
    by = {each.contestant.name: each for each in found}
    listed = [*call_rows(by), *stream_rows(by), *crowd_rows(by, alone)]
    if ours := by.get("gatehouse"):
        listed += own_rows(ours)
    return [*listed, first_row(by), memory_row(found)]


def call_rows(by: Mapping[str, Found]) -> Iterator[Row]:
    """Whole answers: CPU, and calls a second and times on 16 connections and on one."""
    call = {name: min(each.call) * 1e6 for name, each in by.items()}
    single = {name: min(c.p50 for c in each.single) for name, each in by.items()}
    yield "CPU for one chat call, serving processes", written(call, "{:,.0f} µs"), "", None
    yield from ratio_row(call, "portkey", 0.7)
    yield from ratio_row(call, "litellm", 1 / 20)
    per_second = {name: max(c.per_second for c in each.busy) for name, each in by.items()}
    yield "16 busy connections, calls a second", written(per_second, "{:,.0f}"), "", None
    yield "  their p50 and p99", {name: latencies(each) for name, each in by.items()}, "", None
    met = judged(single.get("gatehouse"), 0.9)
    yield "one connection, p50", written(single, "{:.2f} ms"), "≤ 0.9 ms", met


def stream_rows(by: Mapping[str, Found]) -> Iterator[Row]:
    """Streams of 50 events, 16 at a time: CPU."""
    stream = {name: min(each.stream) * 1e3 for name, each in by.items()}
    met = judged(stream.get("gatehouse"), 5.5)
    yield "CPU for one stream of 50 events", written(stream, "{:.1f} ms"), "≤ 5.5 ms", met
    yield from ratio_row(stream, "portkey", 0.5)


def written(values: Mapping[str, float], form: str) -> dict[str, str]:
    return {name: form.format(value) for name, value in values.items()}


def ratio_row(values: Mapping[str, float], peer: str, most: float) -> Iterator[Row]:
    """Everyone's figure as a share of a peer's, if that took part; `most` is what Gatehouse's may be."""
    if peer in values:
        shares = {name: value / values[peer] for name, value in values.items()}
        met = judged(shares.get("gatehouse"), most)
        cells = {name: share(value) for name, value in shares.items()}
        yield f"  as a ratio of {named(peer).split()[0]}", cells, f"≤ {share(most)}", met


def share(value: float) -> str:
    """A ratio as one reads it: 1/17.3 of something much larger, 0.683 or 12.5 of others."""
    return f"1/{1 / value:.3g}" if value <= 0.1 else f"{value:.3g}"


def latencies(each: Found) -> str:
    best = min(each.busy, key=lambda calls: calls.p50)
    return f"{best.p50:.1f}, {best.p99:.1f} ms"


def judged(value: float | None, most: float) -> bool | None:
    return None if value is None else value <= most


def crowd_rows(by: Mapping[str, Found], alone: Streams) -> Iterator[Row]:
    """1,000 streams at 10 events a second. Of who cannot, only the memory is told."""
    cannot = {name: why for name, each in by.items() if (why := unable(each.crowd))}
    seen = {name: each.crowd for name, each in by.items() if each.crowd and name not in cannot}
    ours = by["gatehouse"].crowd if "gatehouse" in by else None
    part = {name: c.events_per_second / alone.events_per_second for name, c in seen.items()}
    yield (
        "1,000 streams at 10 events/s: delivered of what nginx alone delivers",
        {name: f"{c.events_per_second:,.0f}/s, {part[name]:.0%}" for name, c in seen.items()} | cannot,
        "as many",
        None if ours is None else part.get("gatehouse", 0) >= 0.98,
    )
    yield (
        "  events lost, streams broken",
        {name: f"{c.lost}, {c.broken}" for name, c in seen.items()},
        "none",
        None if ours is None else not (ours.lost or ours.broken),
    )
    yield (
        "  99 % of events on within",
        {name: f"{c.p99:,.0f} ms" for name, c in seen.items()},
        "50 ms",
        None if ours is None else ours.p99 <= 50,
    )
    peak = {name: each.peak["server"] for name, each in by.items() if each.peak}
    yield "  memory then", written(peak, "{:.0f} MB"), "≤ 150 MB", judged(peak.get("gatehouse"), 150)


def unable(crowd: Streams | None) -> str:
    """Says so of a crowd most of which broke; nothing of any other."""
    if crowd is None:
        return "cannot"
    all_of_them = crowd.finished + crowd.broken
    return f"cannot: {crowd.broken:,} of {all_of_them:,} broke" if crowd.broken > crowd.finished else ""


def own_rows(ours: Found) -> list[Row]:
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
    ]


def first_row(by: Mapping[str, Found]) -> Row:
    first = {name: each.contestant.first for name, each in by.items()}
    met = judged(first.get("gatehouse"), 3)
    return "first answer after the start", written(first, "{:.1f} s"), "≤ 3 s", met


def memory_row(found: Sequence[Found]) -> Row:
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
