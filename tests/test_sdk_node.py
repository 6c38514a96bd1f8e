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


TEXTS = {
    "openai-sandbox": [{"model": "gpt-3.5-turbo-instruct"}],
    "anthropic-sandbox": [
        {"model": "claude-2", "max_tokens": 250},
        {"model": "claude-sonnet-4-5", "max_tokens": 250},
    ],
}
THINKERS = {"openai-sandbox": "gpt-5", "anthropic-sandbox": "claude-sonnet-4-5"}


@pytest.fixture(scope="module", params=["portkey", "openai"])
def sdk(request):
    return request.param


@pytest.fixture(scope="module")
def played(gatehouse, sdk):
    """What the SDK's scenarios came to, by virtual key."""
    keys = {
        sandbox: {
            "model": MODEL,
            "thinker": THINKERS[sandbox],
            "texts": TEXTS[sandbox],
            "passes": sandbox == "openai-sandbox",
        }
        for sandbox in SANDBOXES
    }
    asked = {"baseURL": f"{gatehouse.url}/v1", "apiKey": gatehouse.api_key, "keys": keys}
    done = subprocess.run(
        ["node", f"{sdk}.mjs", json.dumps(asked)],
        cwd=NODE,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=SANDBOXES)
def sandbox(request):
    return request.param


@pytest.fixture
def told(played, sandbox):
    return played[sandbox]


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


def test_texts_are_completed_as_documented(told, sandbox):
    for asked in TEXTS[sandbox]:
        answer = told["texts"][asked["model"]]["whole"]
        assert (answer["object"], answer["model"]) == ("text_completion", asked["model"])
        assert "You said: Say this is a test" in answer["choices"][0]["text"]


def test_a_streamed_completion_says_the_same(told):
    for answer in told["texts"].values():
        (whole,), said = answer["whole"]["choices"], choices(answer["chunks"])
        assert "".join(choice["text"] for choice in said) == whole["text"]
        assert [c["finish_reason"] for c in said if c["finish_reason"]] == [whole["finish_reason"]]


def test_several_tools_are_called_at_once_streamed_or_not(told):
    calls = told["tools"]["whole"]["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["get_weather", "get_time"]
    deltas = [d for c in choices(told["tools"]["chunks"]) for d in c["delta"].get("tool_calls") or []]
    for index, call in enumerate(calls):
        own = [delta for delta in deltas if delta["index"] == index]
        arguments = "".join(delta["function"].get("arguments") or "" for delta in own)
        assert own[0]["id"] == call["id"]
        assert json.loads(arguments) == json.loads(call["function"]["arguments"])


def test_a_tool_can_be_forced_and_all_forbidden(told):
    (call,) = told["tools"]["forced"]["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_time"
    assert not told["tools"]["forbidden"]["choices"][0]["message"].get("tool_calls")


def test_images_and_documents_arrive(told):
    said = told["attachments"]["choices"][0]["message"]["content"]
    assert "[image] (https://example.com/a.png) [image] (image/png, 68 bytes)" in said
    assert "[document] (application/pdf, 58 bytes)" in said


def test_an_answer_fits_the_schema(told):
    fitting = json.loads(told["fitting"]["choices"][0]["message"]["content"])
    assert {name: type(value) for name, value in fitting.items()} == {"name": str, "people": int}


def test_thoughts_are_told_where_the_provider_tells_them_and_counted(told, sandbox):
    thoughts = [choice["delta"].get("reasoning_content") or "" for choice in choices(told["thinking"])]
    assert bool("".join(thoughts)) == (sandbox == "anthropic-sandbox")
    assert told["thinking"][-1]["usage"]["completion_tokens"] > 10


def test_vectors_are_numbers_whatever_the_sdk_asks_for(told, sandbox):
    if sandbox == "anthropic-sandbox":
        assert told["vectors"]["failure"]["name"] == "InternalServerError"
        return
    assert told["vectors"]["failure"] is None
    usual, floats = (told["vectors"][form]["data"] for form in ("", "float"))
    assert [len(item["embedding"]) for item in usual] == [8, 8]
    for one, other in zip(usual, floats, strict=True):
        assert one["embedding"] == pytest.approx(other["embedding"])


def test_a_providers_models_are_listed(told, sandbox):
    known = {"openai-sandbox": "gpt-4o-mini", "anthropic-sandbox": "claude-2.1"}
    assert {"id": known[sandbox], "object": "model"} in told["lists"]


def test_images_sound_and_moderations_pass_through(played):
    told = played["openai-sandbox"]["passing"]
    assert told["image"]["data"][0]["b64_json"].startswith("iVBOR")
    assert told["sound"] > 400
    assert told["moderated"]["results"][0]["flagged"] is False


def test_files_pass_through(played, sdk):
    told = played["openai-sandbox"]["passing"]
    assert (told["kept"]["filename"], told["kept"]["bytes"]) == ("a.jsonl", 3)
    assert told["deleted"]["deleted"] is True
    assert (told["missing"]["name"], told["missing"]["status"]) == ("NotFoundError", 404)
    if sdk == "openai":
        assert told["content"] == f"This is {told['kept']['id']}.\n"


def test_responses_pass_through_whole_and_streamed(played):
    told = played["openai-sandbox"]["passing"]
    assert told["response"]["output"][0]["content"][0]["text"].startswith("You said: Hello")
    assert (told["events"][0], told["events"][-1]) == ("response.created", "response.completed")
