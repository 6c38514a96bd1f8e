"""The threads that configs of requests are compiled in: a workspace leaves one of them to the others."""

import os
import subprocess
import sys
from pathlib import Path

from django.test import Client

from configs import compiling
from configs.tree import Tree
from keys.models import ApiKey

ROOT = Path(__file__).resolve().parent.parent

FLOODED = """
from gevent import monkey
monkey.patch_all()
import gevent
from configs.aside import aside, slots

release = monkey.get_original("threading", "Event")()
flood = [gevent.spawn(aside, release.wait, of="greedy") for _ in range(20)]
gevent.sleep(0.05)
told = gevent.with_timeout(20, aside, lambda: "done", of="other")
print(told, sum(each.ready() for each in flood))
release.set()
gevent.joinall(flood)
failing = gevent.spawn(aside, lambda: 1 / 0, of="greedy")
gevent.joinall([failing])
print(type(failing.exception).__name__, slots.waiting, slots.shares)
"""


def test_a_flood_of_one_workspace_holds_up_no_other() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FLOODED],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
        env=os.environ,
    )
    assert told.stdout == "done 0\nZeroDivisionError {} {}\n", told.stderr[-2_000:]


def test_a_config_of_a_request_is_compiled_for_the_workspace_of_its_key(
    client: Client, token: str, api_key: ApiKey, monkeypatch
) -> None:
    whose: list[str] = []

    def compiled(text: str, *, of: str = "") -> Tree:
        whose.append(of)
        raise compiling.NotJSON("x")

    monkeypatch.setattr(compiling, "compiled", compiled)
    headers = {"x-portkey-api-key": token, "x-portkey-config": "{}"}
    answer = client.post("/v1/chat/completions", {"model": "m"}, "application/json", headers=headers)
    assert answer.status_code == 400
    assert whose == [str(api_key.workspace_id)]
