"""A PostgreSQL for tests: one of our own from pgserver's wheel, else the server `TEST_DATABASE_URL` names.

`Own` is started in a directory of its own on a free port and can be stopped and started again. `Given`
belongs to somebody else, so what tests stop is a relay in front of it: to who connects it looks the same.
"""

import contextlib
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

LAX = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200"]


def start() -> "Own | Given":
    """A running server. The caller ends it with `close`."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        return Given(url)
    return Own()


class Server:
    """What tests ask of either."""

    def url(self, database: str) -> str:
        """The URL of `database`, as `DATABASE_URL` takes it."""
        raise NotImplementedError

    def create(self, database: str, template: str = "template0") -> str:
        """A new database, a copy of `template`; its URL. One of the same name is dropped first."""
        with psycopg.connect(self.admin_url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove `database`, whoever is connected."""
        with psycopg.connect(self.admin_url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def admin_url(self) -> str:
        """A database that is always there, from which others are made."""
        return self.url("postgres")


class Own(Server):
    """A cluster under a temporary directory; PostgreSQL refuses to run as root, so root lends it `nobody`."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="gatehouse-postgres-"))
        self.user = "nobody" if os.geteuid() == 0 else None
        self.programs = programs(self.home, self.user)
        self.port = free_port()
        self._own(self.home)
        self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()

    @property
    def data(self) -> Path:
        return self.home / "data"

    def url(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, or start it again; returns when it takes connections."""
        options = [*LAX, "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.home)]
        log = self.home / "log"
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", log, "-o", " ".join(options), "start")

    def stop(self) -> None:
        """Stop it as a crash would: no checkpoint, connections cut."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        """Stop it and remove all it wrote."""
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.home)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        with (self.home / "setup.log").open("ab") as log:
            subprocess.run(command, user=self.user, cwd=self.home, stdout=log, stderr=log, check=True)

    def _own(self, path: Path) -> None:
        if self.user:
            os.chown(path, pwd.getpwnam(self.user).pw_uid, -1)


def programs(home: Path, user: str | None) -> Path:
    """Where initdb and its like are: in the wheel, or in a copy of it that `user` may read."""
    found = wheel() / "bin"
    with contextlib.suppress(PermissionError):
        subprocess.run([found / "initdb", "--version"], user=user, stdout=subprocess.DEVNULL, check=True)
        return found
    shutil.copytree(found.parent, home / "programs", symlinks=True)
    return home / "programs" / "bin"


def wheel() -> Path:
    """Where pgserver's wheel keeps PostgreSQL. It is not imported: that warns, and makes directories."""
    from importlib.util import find_spec

    spec = find_spec("pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("No pgserver here (it has no wheel for this Python): set TEST_DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]) / "pginstall"


class Given(Server):
    """Somebody else's server, behind a relay. Its user may create databases."""

    def __init__(self, url: str) -> None:
        self.given = urlsplit(url)
        self.port = free_port()
        self.start()

    def url(self, database: str) -> str:
        user = self.given.netloc.rpartition("@")[0]
        netloc = f"{user}@127.0.0.1:{self.port}" if user else f"127.0.0.1:{self.port}"
        return urlunsplit((self.given.scheme, netloc, f"/{database}", self.given.query, ""))

    def admin_url(self) -> str:
        return self.url(self.given.path.strip("/") or "postgres")

    def start(self) -> None:
        """Let connections through, again."""
        self.relay = Relay(self.port, (self.given.hostname or "127.0.0.1", self.given.port or 5432))

    def stop(self) -> None:
        """Cut every connection and refuse new ones."""
        self.relay.close()

    def close(self) -> None:
        self.stop()


class Relay:
    """Bytes to and fro between a port of ours and another server."""

    def __init__(self, port: int, target: tuple[str, int]) -> None:
        self.target, self.open = target, set[socket.socket]()
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                self.open |= {near, far}
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    def close(self) -> None:
        for each in (self.listener, *self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until either end closes, then close both."""
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def free_port() -> int:
    """A port nobody listens on, below those the kernel gives to outgoing connections.

    A server that is killed and started again must find its port free.
    """
    while True:
        port = random.randint(15000, 32000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextlib.contextmanager
def running() -> Iterator["Own | Given"]:
    """A server for as long as the block lasts."""
    server = start()
    try:
        yield server
    finally:
        server.close()


def main() -> None:
    """For bench/log_pages.py, which is no test: a server until standard input ends, its URL on a line."""
    with running() as server:
        name = f"gatehouse_bench_{os.getpid()}"
        print(server.create(name), flush=True)
        sys.stdin.read()
        server.drop(name)


if __name__ == "__main__":
    main()
