"""What /proc tells of the processes a test started: by their DATA_DIR, never by a name alone."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def of(data: Path, naming: str = "") -> list[int]:
    """The living processes with this DATA_DIR in their environment and `naming` in their command."""
    return [pid for pid, command in living(data) if naming in command]


def living(data: Path) -> Iterator[tuple[int, str]]:
    mark = f"DATA_DIR={data}\0".encode()
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes() + b"\0" and not ended(entry):
                yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()


def ended(entry: Path) -> bool:
    """Whether all that is left of the process is a line for its parent to read."""
    return (entry / "stat").read_text().rpartition(") ")[2].startswith(("Z", "X"))


def kill(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def wait_until_none(data: Path, seconds: float) -> bool:
    """Whether the last of them ended in time."""
    until = time.monotonic() + seconds
    while of(data):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def serving(data: Path, server_port: int, client_port: int) -> int | None:
    """The process that holds the server's end of the connection between two ports of 127.0.0.1."""
    inode = socket_inode(server_port, client_port)
    for pid in of(data):
        with contextlib.suppress(OSError):
            for link in (PROC / str(pid) / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if link.readlink().name == f"socket:[{inode}]":
                        return pid
    return None


def socket_inode(server_port: int, client_port: int) -> str | None:
    near, far = f"0100007F:{server_port:04X}", f"0100007F:{client_port:04X}"
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1] == near and fields[2] == far:
            return fields[9]
    return None
