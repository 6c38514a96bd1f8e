"""Portkey's open-source gateway, by npm. It is told host and key in headers, and keeps nothing."""

import json
import os
import shutil
from pathlib import Path

from bench.contestants import CACHE, Contestant, LeftOut, install
from bench.processes import Processes, answers, free_port
from bench.upstream import KINDS, Nginx

VERSION = "1.15.2"
# Without these, its streams answer 500 under Node.
PINNED = {"hono": "4.9.7", "@hono/node-server": "1.13.5", "@hono/node-ws": "1.2.0"}
# It listens everywhere; here it listens on loopback.
LOOPBACK = """
const { Server } = require("net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (port, ...rest) {
  const called = rest.find((one) => typeof one === "function");
  return listen.call(this, Number(port), "127.0.0.1", called);
};
"""
INSTALLED_WITHIN = 300.0  # seconds


def portkey(processes: Processes, nginx: Nginx, folder: Path, core: int) -> Contestant:
    """Start it. Raises LeftOut where it cannot be had, NotUp if it does not answer."""
    installed = installation(CACHE / "portkey")
    folder.mkdir()
    guard = folder / "loopback.cjs"
    guard.write_text(LOOPBACK)
    port = free_port()
    command = ["node", "--require", str(guard), str(installed), f"--port={port}", "--headless"]
    env = {**os.environ, "NODE_ENV": "production"}
    first = answers(processes.start("portkey", command, core=core, env=env), port, "/")
    common = {"x-portkey-provider": "openai", "authorization": "Bearer sk-bench"}
    headers = {kind: {**common, "x-portkey-custom-host": nginx.url(kind)} for kind in KINDS}
    return Contestant("portkey", port, headers, first, VERSION)


def installation(cache: Path) -> Path:
    """Where its server is, after npm has installed it once with the versions that work."""
    if lacking := " and ".join(name for name in ("node", "npm") if not shutil.which(name)):
        raise LeftOut(f"it needs {lacking} (Debian: apt install nodejs npm)")
    wanted = json.dumps(
        {"private": True, "dependencies": {"@portkey-ai/gateway": VERSION}, "overrides": PINNED}
    )
    server = cache / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    manifest = cache / "package.json"
    if server.exists() and manifest.read_text() == wanted:
        return server
    cache.mkdir(parents=True, exist_ok=True)
    manifest.write_text(wanted)
    command = ["npm", "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    install("@portkey-ai/gateway", command, cache, seconds=INSTALLED_WITHIN)
    return server
