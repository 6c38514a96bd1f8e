"""The recipes of docs/configs.md, run against the sandbox as they stand there."""

import json
import re
from typing import Any

import pytest
import requests

from tests.servers import ROOT, Gatehouse

pytestmark = pytest.mark.server

TEXT = (ROOT / "docs" / "configs.md").read_text()
RECIPE = re.compile(r"^```json\n(.*?)^```\n\n(.*?)$", re.MULTILINE | re.DOTALL)
RECIPES = RECIPE.findall(TEXT)
TITLES = [
    re.findall(r"^### (.*)$", TEXT[: found.start()], re.MULTILINE)[-1] for found in RECIPE.finditer(TEXT)
]


def asked(gatehouse: Gatehouse, config: Any, metadata: str = "{}") -> requests.Response:
    headers = {
        "x-portkey-api-key": gatehouse.api_key,
        "x-portkey-config": json.dumps(config),
        "x-portkey-metadata": metadata,
    }
    messages = [{"role": "user", "content": "Hello there", "name": "ann"}]
    body = {"model": "gpt-4o-mini", "messages": messages, "user": "ann"}
    return requests.post(f"{gatehouse.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def test_there_is_a_recipe_for_every_strategy():
    modes = {json.loads(config).get("strategy", {}).get("mode") for config, _ in RECIPES}
    assert modes == {None, "fallback", "loadbalance", "conditional"}
    assert len(RECIPES) >= 12


@pytest.mark.parametrize(("config", "promised"), RECIPES, ids=TITLES)
def test_a_recipe_does_what_it_promises(gatehouse, config, promised):
    metadata = next(iter(re.findall(r"`(\{.*?\})`", promised)), "{}")
    answer = asked(gatehouse, json.loads(config), metadata)
    told = answer.headers
    assert told["x-portkey-last-used-option-index"] in re.findall(r"`(config[^`]*)`", promised)
    assert answer.status_code == int(next(iter(re.findall(r"with (\d+)", promised)), 200)), answer.text
    assert told["x-portkey-retry-attempt-count"] == re.findall(r"after (-?\d+) retries", promised)[0]
    named = re.findall(r"`(openai|anthropic)`", promised)
    assert not named or told["x-portkey-provider"] == named[0]
    if "from the cache" in promised:
        again = [asked(gatehouse, json.loads(config), metadata) for _ in range(4)]  # each worker has its own
        assert again[-1].headers["x-portkey-cache-status"] == "HIT"
        assert again[-1].content == answer.content
