"""LiteLLM's proxy, in a virtual environment of its own: the versions of bench/litellm.lock, by their hashes.

One worker, no database, no callbacks: it keeps nothing. It has a master key, without which it refuses to
start, so every call is authenticated, by comparing it with that one key. It looks nothing up on the network,
and sees nothing of this environment, in which some of its many variables (DATABASE_URL) might stand.
"""

import hashlib
import json
import os
import re
import secrets
import sys
from pathlib import Path
from typing import Any

from bench.contestants import CACHE, Contestant, install
from bench.processes import Processes, answers, free_port
from bench.upstream import KINDS, Nginx

LOCK = Path(__file__).resolve().parent / "litellm.lock"
INSTALLED_WITHIN = 1200.0  # seconds: 740 MB in some 120 packages
STARTED_WITHIN = 180.0  # seconds
SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",  # reads no .env
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # the one it brings along
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
}


def litellm(processes: Processes, nginx: Nginx, folder: Path, core: int) -> Contestant:
    """Start it. Raises LeftOut where it cannot be had, NotUp if it does not answer."""
    program = installation(CACHE / "litellm")
    folder.mkdir()
    config = folder / "config.yaml"
    key = f"sk-{secrets.token_hex(32)}"
    config.write_text(json.dumps(configuration(nginx, key)))  # which is YAML, too
    port = free_port()
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), **SETTINGS}
    started = processes.start("litellm", command(program, config, port), core=core, env=env, cwd=str(folder))
    first = answers(started, port, "/health/liveliness", within=STARTED_WITHIN)
    headers = {kind: {"authorization": f"Bearer {key}"} for kind in KINDS}
    return Contestant(
        "litellm", port, headers, first, version(), models={kind: model(kind) for kind in KINDS}
    )


def installation(cache: Path) -> Path:
    """Its command, after pip has installed it once. Wheels alone: nothing of theirs runs while it does."""
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    mark = cache / "installed"
    program = cache / "bin" / "litellm"
    if program.exists() and mark.exists() and mark.read_text() == wanted:
        return program
    cache.parent.mkdir(parents=True, exist_ok=True)
    environment = [sys.executable, "-m", "venv", "--clear", str(cache)]
    install("its environment", environment, cache.parent, seconds=INSTALLED_WITHIN)
    pip = [str(cache / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
    install(f"litellm {version()}", pip + locked, cache, seconds=INSTALLED_WITHIN)
    mark.write_text(wanted)
    return program


def version() -> str:
    """The one that the lock names."""
    [named] = re.findall(r"^litellm==(\S+)", LOCK.read_text(), re.MULTILINE)
    return str(named)


def configuration(nginx: Nginx, key: str) -> dict[str, Any]:
    """Its config: a model for each kind of upstream."""
    return {
        "model_list": [
            {
                "model_name": model(kind),
                "litellm_params": {
                    "model": "openai/gpt-4o-mini",
                    "api_base": nginx.url(kind),
                    "api_key": "sk-bench",
                },
            }
            for kind in KINDS
        ],
        "general_settings": {"master_key": key},
    }


def model(kind: str) -> str:
    return f"bench-{kind}"


def command(program: Path, config: Path, port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port)]
    return [str(program), "--config", str(config), *where, "--num_workers", "1"]
