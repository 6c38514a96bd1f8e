"""Portkey's and OpenAI's SDKs for Node, run in node against the real server: tests/node/.

The packages are those of tests/node/package-lock.json (`npm ci --prefix tests/node`).
"""

import json
import subprocess

import pytest

from tests.asks import MODEL, SANDBOXES
from tests.servers import ROOT

NODE = ROOT / "tests" / "node"
CLASSES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    429: "RateLimitError",
    500: "InternalServerError",
}

pytestmark = [pytest.mark.server, pytest.mark.node]


@pytest.fixture(scope="session", params=SANDBOXES)
def sandbox(request):
    return request.param


@pytest.fixture(scope="session", params=["portkey", "openai"])
def sdk(request):
    return request.param


@pytest.fixture(scope="session")
def told(gatehouse, sandbox, sdk):
    """What the SDK's scenarios came to."""
    asked = {
        "baseURL": f"{gatehouse.url}/v1",
        "apiKey": gatehouse.api_key,
        "virtualKey": sandbox,
        "model": MODEL,
    }
    done = subprocess.run(
        ["node", f"{sdk}.mjs", json.dumps(asked)],
        cwd=NODE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def native(sdk, sandbox):
    """Portkey's SDK asks for reasons in the provider's own words, which for Anthropic are others."""
    words = {"stop": "end_turn", "tool_calls": "tool_use"}
    return words if (sdk, sandbox) == ("portkey", "anthropic-sandbox") else {word: word for word in words}


def choices(chunks):
    return [choice for chunk in chunks for choice in chunk["choices"]]


def test_a_whole_answer(told, native):
    answer = told["whole"]
    assert "Hello there" in answer["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == native["stop"]
    assert answer["usage"]["total_tokens"] > 0


def test_a_stream_says_the_same(told, native):
    said = choices(told["streamed"])
    whole = told["counted"]["choices"][0]["message"]["content"]
    assert "".join(choice["delta"].get("content") or "" for choice in said) == whole
    assert [choice["finish_reason"] for choice in said if choice["finish_reason"]] == [native["stop"]]
    assert len([choice for choice in said if choice["delta"].get("content")]) == 12


def test_a_tool_is_called_and_its_result_used(told, native):
    choice = told["calling"]["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == native["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city"}
    assert "rain, 12 degrees" in told["concluded"]["choices"][0]["message"]["content"]


def test_a_streamed_tool_call_is_the_whole_one(told):
    (whole,) = told["calling"]["choices"][0]["message"]["tool_calls"]
    deltas = [
        d for choice in choices(told["callingStreamed"]) for d in choice["delta"].get("tool_calls") or []
    ]
    assert deltas[0]["id"] == whole["id"]
    arguments = "".join(d["function"].get("arguments") or "" for d in deltas)
    assert json.loads(arguments) == json.loads(whole["function"]["arguments"])


def test_an_error_of_the_provider_is_the_sdks_own(told):
    for status, name in CLASSES.items():
        for failure in (told["failures"][str(status)], told["failures"][f"{status} streamed"]):
            assert (failure["name"], failure["status"]) == (name, status)


def test_an_unknown_key_is_an_authentication_error(told):
    assert told["stranger"]["name"] == "AuthenticationError"
    assert "Invalid API Key" in told["stranger"]["message"]
