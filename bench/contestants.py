"""What a contestant is, and Gatehouse as one: as it would run in production, but with one worker. SQLite,
its key and its virtual keys stored, every call authenticated and on record.

The peers it is compared with are bench/portkey.py and bench/litellm.py. Each stands in front of the same
nginx, with one serving process.
"""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench import load
from bench.processes import Processes, answers, free_port
from bench.upstream import KINDS, Nginx

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "gatehouse-bench"


class LeftOut(Exception):
    """A peer cannot be had here; its first line says why."""


@dataclass
class Contestant:
    """A running gateway. `headers` are those of a call, and `models` what it calls the model, by kind of
    upstream; `first` the seconds from its start to its first answer."""

    name: str
    port: int
    headers: Mapping[str, Mapping[str, str]]
    first: float
    version: str
    folder: Path | None = None
    models: Mapping[str, str] = field(default_factory=dict)

    def model(self, kind: str) -> str:
        return self.models.get(kind, load.MODEL)

    def rows(self) -> int:
        """Calls that its log in the database holds."""
        if self.folder is None:
            return 0
        with closing(sqlite3.connect(f"file:{self.folder / 'logs.sqlite3'}?mode=ro", uri=True)) as log:
            [[rows]] = log.execute("SELECT count(*) FROM logs_requestlog")
        return int(rows)


def gatehouse(processes: Processes, nginx: Nginx, folder: Path, core: int) -> Contestant:
    folder.mkdir(mode=0o700)
    port = free_port()
    env = gatehouse_settings(folder, port)
    for database in ("default", "logs"):
        run(env, "manage.py", "migrate", "--database", database)
    key = run(env, "manage.py", "create_api_key", "bench")
    for kind in KINDS:
        command = ["create_virtual_key", f"bench-{kind}", "--provider", "openai", "--slug", f"bench-{kind}"]
        run(env, "manage.py", *command, "--custom-host", nginx.url(kind), "--key-env", "BENCH_SECRET")
    gunicorn = [sys.executable, "-m", "gunicorn"]
    started = processes.start("gatehouse", gunicorn, core=core, env=env, cwd=str(ROOT))
    first = answers(started, port, "/readyz")
    headers = {kind: {"x-portkey-api-key": key, "x-portkey-virtual-key": f"bench-{kind}"} for kind in KINDS}
    return Contestant("gatehouse", port, headers, first, changelog_version(), folder)


def gatehouse_settings(folder: Path, port: int) -> dict[str, str]:
    """The environment of a Gatehouse that keeps everything in `folder`, whatever this one is set to."""
    ours = {line.partition("=")[0].lstrip("# ") for line in (ROOT / ".env.example").read_text().splitlines()}
    return {name: value for name, value in os.environ.items() if name not in ours} | {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'gatehouse.sqlite3'}",
        "LOG_DATABASE_URL": f"sqlite:///{folder / 'logs.sqlite3'}",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
        "GRACE_SECONDS": "2",
        "SECRET_KEY": "only-for-a-benchmark-on-loopback-0123456789abcdef",
        "CREDENTIAL_KEYS": "YmVuY2htYXJrLW9uLWxvb3BiYWNrLTAxMjM0NTY3ODk=",
        "BENCH_SECRET": "sk-bench",
    }


def run(env: dict[str, str], *command: str) -> str:
    """What a Python command of ours prints."""
    said = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    if said.returncode:
        raise RuntimeError(f"{' '.join(command[:2])} failed:\n{said.stderr[-2000:]}")
    return said.stdout.strip()


def changelog_version() -> str:
    """The newest version the changelog names, and the commit where there is a repository."""
    released = re.search(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return " ".join(part for part in (released[1] if released else "", commit) if part) or "unversioned"


def install(what: str, command: list[str], cwd: Path, *, seconds: float) -> None:
    """Run the installer of a peer. Raises LeftOut with the end of what it said."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise LeftOut(f"{what} was not installed within {seconds:.0f} s") from error
    if done.returncode:
        raise LeftOut(f"{what} could not be installed\n{done.stderr[-2000:]}")
