"""`make bench`: Gatehouse beside its peers, behind each the same nginx, in one run on one machine.

The server under test has one core, the load and nginx another. Every contestant is warmed, then measured
in turn for a few rounds, of which the one with the lowest CPU counts: other work on the machine only ever
adds. At the end, 1,000 slow streams at once, against what nginx alone delivers to the same load. What is
found is printed, and written into docs/benchmarks.md between two marks.

`--quick` takes two short rounds, to see where one stands; `--only gatehouse portkey` leaves the others out,
and `--print` the document as it is.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import load, report, upstream
from bench.contestants import ROOT
from bench.found import Found
from bench.measuring import CONTESTANTS, FULL, QUICK, Bench, say
from bench.processes import Processes


def main() -> int:
    wanted = options()
    if lacking := missing():
        print(f"The benchmark needs {lacking}.", file=sys.stderr)
        return 1
    pace = QUICK if wanted.quick else FULL
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and take away what was started
    with tempfile.TemporaryDirectory(prefix="gatehouse-bench-") as name, Processes(Path(name)) as processes:
        server, other = sorted(os.sched_getaffinity(0))[:2]
        nginx = upstream.Nginx(processes, Path(name, "nginx"), other)
        bench = Bench(processes, nginx, Path(name), pace, server=server, other=other)
        found, alone = bench.run([name for name in CONTESTANTS if name in wanted.only])
        complaints(found, processes)
    table = report.table(found, alone, quick=wanted.quick, left_out=bench.left_out)
    print(table)
    if not wanted.print:
        report.write(ROOT / "docs" / "benchmarks.md", table)
    return 0


def complaints(found: Sequence[Found], processes: Processes) -> None:
    """Show the end of what a contestant logged, if it complained."""
    for each in found:
        said = processes.said(each.contestant.name)
        if "Traceback" in said or "ERROR" in said:
            say(f"{each.contestant.name} complained:\n{said[-3000:]}")


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    names = list(CONTESTANTS)
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="leave the others out")
    parser.add_argument("--print", action="store_true", help="print, and leave docs/benchmarks.md as it is")
    return parser.parse_args(words)


def missing() -> str:
    """What the benchmark cannot do without."""
    if not Path("/proc/self/stat").exists():
        return "Linux: it counts CPU in /proc"
    if len(os.sched_getaffinity(0)) < 2:
        return "two cores, one for the server and one for the load"
    return " and ".join(lack for lack in (upstream.missing(), load.missing()) if lack)


if __name__ == "__main__":
    sys.exit(main())
