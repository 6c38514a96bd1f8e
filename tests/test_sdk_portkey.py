"""Portkey's own SDK for Python, unchanged, with nothing but the base URL changed."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from portkey_ai import Portkey
from portkey_ai._vendor import openai  # the client of its chat, whose errors its users catch

from tests import sdk_chat
from tests.asks import MODEL, SANDBOXES, user
from tests.servers import Gatehouse, new_trace

pytestmark = pytest.mark.server

ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}


# Portkey's SDKs ask for answers that need not be strictly OpenAI's: reasons stay the provider's own.
NATIVE = {
    "openai-sandbox": {"stop": "stop", "tool_calls": "tool_calls"},
    "anthropic-sandbox": {"stop": "end_turn", "tool_calls": "tool_use"},
}


@pytest.fixture
def make(gatehouse: Gatehouse) -> Iterator[Callable[..., Portkey]]:
    """A client, told whatever more is given; its connections are closed with the test."""
    with httpx.Client() as connections:

        def made(**told: Any) -> Portkey:
            options = {"api_key": gatehouse.api_key, "base_url": f"{gatehouse.url}/v1"} | told
            return Portkey(http_client=connections, **options)

        yield made


@pytest.fixture(params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def client(make: Callable[..., Portkey], sandbox: str) -> Portkey:
    return make(virtual_key=sandbox)


def test_the_virtual_key_may_be_named_as_the_provider(make, sandbox):
    sdk_chat.a_whole_answer(make(provider=f"@{sandbox}"), NATIVE[sandbox]["stop"])


def test_the_virtual_key_may_be_named_before_the_model(make, sandbox):
    answer = make().chat.completions.create(model=f"@{sandbox}/{MODEL}", messages=[user("Hello")])
    assert answer.choices[0].message.content
    assert answer.get_headers()["provider"] == sandbox.removesuffix("-sandbox")


def test_a_whole_answer(client, sandbox):
    answer = sdk_chat.a_whole_answer(client, NATIVE[sandbox]["stop"])
    told = answer.get_headers()
    assert told["trace-id"]
    assert told["retry-attempt-count"] == "0"
    assert told["cache-status"] == "DISABLED"
    assert told["last-used-option-index"] == "config"


def test_a_stream_says_the_same(client, sandbox):
    sdk_chat.a_stream_says_the_same(client, NATIVE[sandbox]["stop"])


def test_strict_answers_are_in_openais_words(make, sandbox):
    client = make(virtual_key=sandbox, strict_open_ai_compliance=True)
    sdk_chat.a_whole_answer(client)
    sdk_chat.a_stream_says_the_same(client)
    sdk_chat.a_tool_is_called_and_its_result_used(client)


def test_usage_in_a_stream_is_told_only_on_request(client):
    sdk_chat.usage_in_a_stream_is_told_only_on_request(client)


def test_a_tool_is_called_and_its_result_used(client, sandbox):
    sdk_chat.a_tool_is_called_and_its_result_used(client, NATIVE[sandbox]["tool_calls"])


def test_a_streamed_tool_call_is_the_whole_one(client):
    sdk_chat.a_streamed_tool_call_is_the_whole_one(client)


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_the_provider_is_the_sdks_own(client, stream):
    sdk_chat.an_error_of_the_provider_is_the_sdks_own(client, ERRORS, stream)


def test_an_unknown_key_is_an_authentication_error(make):
    client = make(api_key="gh-" + "x" * 43, virtual_key="openai-sandbox")
    with pytest.raises(openai.AuthenticationError, match="Invalid API Key"):
        client.chat.completions.create(model=MODEL, messages=[user("Hello")])


def test_an_unknown_virtual_key_is_a_bad_request(make):
    client = make(virtual_key="nobodys")
    with pytest.raises(openai.BadRequestError, match="nobodys"):
        client.chat.completions.create(model=MODEL, messages=[user("Hello")])


def test_a_call_without_a_model_is_a_bad_request(client):
    """The SDK fills in `portkey-default`, which means no model."""
    with pytest.raises(openai.BadRequestError, match=r"[Mm]odel"):
        client.chat.completions.create(messages=[user("Hello")])


def test_what_the_sdk_says_of_itself_and_of_the_call_is_recorded(gatehouse, client):
    trace = new_trace()
    asked = client.with_options(trace_id=trace, metadata={"_user": "ann", "team": "blue"})
    asked.chat.completions.create(model=MODEL, messages=[user("Hello")])
    row = gatehouse.row(trace)
    assert row["sdk"].startswith("portkey-")
    assert row["outcome"] == "finished"
    assert gatehouse.query(
        "SELECT key, value FROM logs_logmetadata WHERE log = ? ORDER BY key", row["id"]
    ) == [
        {"key": "_user", "value": "ann"},
        {"key": "team", "value": "blue"},
    ]
