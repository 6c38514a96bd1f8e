"""Portkey's SDKs and saved configs, against the real server: made, listed, retrieved, changed, deleted."""

import json
import subprocess

import httpx
import pytest
from portkey_ai import Portkey

from tests.servers import ROOT, Gatehouse

NODE = ROOT / "tests" / "node"
VERBS = ("create", "read", "update", "delete", "list")
ONE = {"provider": "@openai-sandbox", "requestTimeout": 5000}
TWO = {
    "strategy": {"mode": "loadbalance"},
    "targets": [{"provider": "@openai-sandbox", "weight": 0.7}, {"virtual_key": "anthropic-sandbox"}],
}

pytestmark = pytest.mark.server


@pytest.fixture
def token(gatehouse: Gatehouse) -> str:
    """Of a key that may do all with configs."""
    scopes = [argument for verb in VERBS for argument in ("--scope", f"configs.{verb}")]
    return gatehouse.manage("create_api_key", "configs", *scopes)


def test_python(gatehouse: Gatehouse, token: str) -> None:
    base_url = f"{gatehouse.url}/v1"
    with httpx.Client(base_url=base_url) as connections:
        configs = Portkey(api_key=token, base_url=base_url, http_client=connections).configs
        made = configs.create(name="From Python", config=TWO, is_default=0)
        assert made.object == "config"
        slug = str(made.slug)
        assert slug.startswith("pc-from-p-")
        assert slug in [row["slug"] for row in configs.list().data or []]
        retrieved = configs.retrieve(slug=slug)
        assert (retrieved.name, retrieved.version_id) == ("From Python", made.version_id)
        assert json.loads(str(retrieved.config)) == TWO
        changed = configs.update(slug=slug, name="Renamed", config=ONE)
        after = configs.retrieve(slug=slug)
        assert after.version_id == changed.version_id != made.version_id
        assert (after.name, json.loads(str(after.config))) == ("Renamed", ONE)
        assert configs.update(slug=slug, status="archived").version_id == changed.version_id
        with pytest.raises(Exception, match=r"path: strategy,mode, message: Invalid 'mode' value"):
            configs.update(slug=slug, config={"strategy": {"mode": "none"}, "targets": [{"retry": {}}]})
        configs.delete(slug=slug)
        assert slug not in [row["slug"] for row in configs.list().data or []]


@pytest.mark.node
def test_node(gatehouse: Gatehouse, token: str) -> None:
    asked = {"baseURL": f"{gatehouse.url}/v1", "apiKey": token, "one": ONE, "two": TWO}
    command = ["node", "configs.mjs", json.dumps(asked)]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["made"]["object"] == "config"
    assert told["made"]["slug"] in [row["slug"] for row in told["listed"]["data"]]
    assert json.loads(told["retrieved"]["config"]) == TWO
    assert told["deleted"] in ({}, None)
    assert json.loads(told["after"]["config"]) == ONE
    assert told["after"]["version_id"] == told["changed"]["version_id"] != told["made"]["version_id"]
    assert told["after"]["name"] == "Renamed"
    assert told["wrong"]["status"] == 400
    assert "path: strategy,mode, message: Invalid 'mode' value" in told["wrong"]["message"]
