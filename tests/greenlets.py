"""Runs a piece of a test in a process that gevent has patched, as a worker is."""

import contextlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BEFORE = """
import gevent.monkey
gevent.monkey.patch_all()
import json, sys, time
import gevent
def tell(value):
    print(json.dumps(value), flush=True)
"""


@contextlib.contextmanager
def started(code: str, *arguments: object) -> "Iterator[subprocess.Popen[str]]":
    """The process, until the block ends; what it tells comes out of `heard`, one value for each `tell`."""
    with subprocess.Popen(
        [
            sys.executable,
            "-X",
            "dev",
            "-W",
            "error",
            "-c",
            BEFORE + textwrap.dedent(code),
            *map(str, arguments),
        ],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: "subprocess.Popen[str]", seconds: float = 60) -> list[Any]:
    """All it told, once it has ended well."""
    said, complaints = process.communicate(timeout=seconds)
    assert process.returncode == 0, complaints
    return [json.loads(line) for line in said.splitlines()]


def told(code: str, *arguments: object) -> list[Any]:
    with started(code, *arguments) as process:
        return heard(process)
