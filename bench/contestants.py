"""The gateways that are compared, each in front of the same nginx, each with one serving process.

Gatehouse runs as it would in production, with one worker: SQLite, its key and its virtual keys stored, every
call authenticated and on record. Portkey's gateway is told host and key in headers and keeps nothing.
"""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Processes, answers, free_port
from bench.upstream import Nginx

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("chat", "events", "paced")
PORTKEY = "1.15.2"
# Without these, its streams answer 500 under Node.
PINNED = {"hono": "4.9.7", "@hono/node-server": "1.13.5", "@hono/node-ws": "1.2.0"}
# Portkey's gateway listens everywhere; here it listens on loopback.
LOOPBACK = """
const { Server } = require("net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  const called = rest.find((one) => typeof one === "function");
  return listen.call(this, Number(port), "127.0.0.1", called);
};
"""


@dataclass
class Contestant:
    """A running gateway. `headers` are those of a call, by kind of upstream; `first` the seconds from its
    start to its first answer."""

    name: str
    port: int
    headers: Mapping[str, Mapping[str, str]]
    first: float
    version: str
    folder: Path | None = None

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
    processes.start("gatehouse", [sys.executable, "-m", "gunicorn"], core=core, env=env, cwd=str(ROOT))
    first = answers(port, "/readyz")
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


def portkey(processes: Processes, nginx: Nginx, cache: Path, core: int) -> Contestant:
    installed = install_portkey(cache)
    guard = cache / "loopback.cjs"
    guard.write_text(LOOPBACK)
    port = free_port()
    command = ["node", "--require", str(guard), str(installed), f"--port={port}", "--headless"]
    env = {**os.environ, "NODE_ENV": "production"}
    processes.start("portkey", command, core=core, env=env)
    first = answers(port, "/")
    common = {"x-portkey-provider": "openai", "authorization": "Bearer sk-bench"}
    headers = {kind: {**common, "x-portkey-custom-host": nginx.url(kind)} for kind in KINDS}
    return Contestant("portkey", port, headers, first, PORTKEY)


def install_portkey(cache: Path) -> Path:
    """Where its server is, after npm has installed it once with the versions that work."""
    wanted = json.dumps(
        {"private": True, "dependencies": {"@portkey-ai/gateway": PORTKEY}, "overrides": PINNED}
    )
    server = cache / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    manifest = cache / "package.json"
    if server.exists() and manifest.read_text() == wanted:
        return server
    cache.mkdir(parents=True, exist_ok=True)
    manifest.write_text(wanted)
    command = ["npm", "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=cache, capture_output=True, text=True, timeout=300)
    if done.returncode or not server.exists():
        raise RuntimeError(f"npm could not install @portkey-ai/gateway:\n{done.stderr[-2000:]}")
    return server


def portkey_missing() -> str:
    lacking = [name for name in ("node", "npm") if not shutil.which(name)]
    return " and ".join(lacking)
