"""Starting processes on a core of their own, what they have cost, and their end. Linux: reads /proc.

Whatever is started carries a mark in its environment, and so do its children, however they were started:
by it they are found, counted and ended.
"""

import http.client
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Collection
from pathlib import Path
from types import TracebackType

MARK = "GATEHOUSE_BENCH"
TICK = os.sysconf("SC_CLK_TCK")  # per second, the unit of /proc's CPU times
PATIENCE = 60.0  # seconds for a server's first answer, if nothing else is said
GRACE = 10.0  # seconds to end in good order


class NotUp(Exception):
    """A server that was started does not answer."""


class Processes:
    """What this run has started, by name; leaving the context ends it all."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.run = uuid.uuid4().hex
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self.started.values(), self.run)

    def start(
        self, name: str, command: list[str], *, core: int, env: dict[str, str] | None = None, cwd: str = "."
    ) -> subprocess.Popen[bytes]:
        """Start `command` under `name`; it and its children may run on `core` alone."""
        environment = {**(os.environ if env is None else env), MARK: f"{self.run}/{name}"}
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=cwd,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )
        self.started[name] = process
        return process

    def stop(self, name: str) -> None:
        """End what was started under `name`, if anything was."""
        end([process for started, process in self.started.items() if started == name], f"{self.run}/{name}")

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def said(self, name: str) -> str:
        """What a process and its children have said, if it was started."""
        return self.log(name).read_text(errors="replace") if self.log(name).exists() else ""

    def of(self, name: str) -> list[int]:
        """The processes started under `name`, and their children."""
        return marked(f"{self.run}/{name}")

    def cpu(self, name: str) -> dict[str, float]:
        """Seconds of CPU so far by role: `ingester` for that of the log, `server` for everything else."""
        spent = {"server": 0.0, "ingester": 0.0}
        for pid in self.of(name):
            spent[role(pid)] += cpu(pid)
        return spent

    def memory(self, name: str, *, peak: bool = False) -> dict[str, float]:
        """Resident MB of the largest process of each role, now or at its highest."""
        held = {"server": 0.0, "ingester": 0.0}
        for pid in self.of(name):
            held[role(pid)] = max(held[role(pid)], resident(pid, peak=peak))
        return held


def end(processes: Collection[subprocess.Popen[bytes]], mark: str) -> None:
    """End them, in good order if they will, and what else carries the mark: children that outlive them."""
    for process in processes:
        process.terminate()
    ends = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(ends - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pid in marked(mark):
        os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """Processes whose environment carries the mark."""
    wanted = f"{MARK}={mark}".encode()
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if wanted in read(path)]


def read(path: Path) -> bytes:
    """A file of /proc; nothing once its process is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def role(pid: int) -> str:
    return "ingester" if b"ingest_logs" in read(Path(f"/proc/{pid}/cmdline")) else "server"


def cpu(pid: int) -> float:
    """Seconds of CPU of a process, and of those children that have ended."""
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICK


def resident(pid: int, *, peak: bool) -> float:
    wanted = b"VmHWM:" if peak else b"VmRSS:"
    for line in read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(wanted):
            return int(line.split()[1]) / 1024
    return 0.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def answers(process: subprocess.Popen[bytes], port: int, path: str, *, within: float = PATIENCE) -> float:
    """Wait for a 200 from `path`; seconds it took. Raises NotUp."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if process.poll() is not None:
            raise NotUp(f"it ended with {process.returncode} before it answered")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.monotonic() - began
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    raise NotUp(f"it did not answer within {within:.0f} s")
