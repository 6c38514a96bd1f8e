"""Portkey's own SDK for Python, unchanged, with nothing but the base URL changed."""

import portkey_ai
import pytest
from portkey_ai import Portkey

from tests import sdk_chat
from tests.asks import MODEL, SANDBOXES, user
from tests.servers import Gatehouse, new_trace

pytestmark = pytest.mark.server

ERRORS = {
    400: portkey_ai.BadRequestError,
    401: portkey_ai.AuthenticationError,
    429: portkey_ai.RateLimitError,
    500: portkey_ai.InternalServerError,
}


def make(gatehouse: Gatehouse, **who: str) -> Portkey:
    options = {"api_key": gatehouse.api_key} | who
    return Portkey(base_url=f"{gatehouse.url}/v1", **options)


@pytest.fixture(params=SANDBOXES)
def client(gatehouse: Gatehouse, request: pytest.FixtureRequest) -> Portkey:
    return make(gatehouse, virtual_key=request.param)


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_the_virtual_key_may_be_named_as_the_provider(gatehouse, sandbox):
    sdk_chat.a_whole_answer(make(gatehouse, provider=f"@{sandbox}"))


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_the_virtual_key_may_be_named_before_the_model(gatehouse, sandbox):
    answer = make(gatehouse).chat.completions.create(model=f"@{sandbox}/{MODEL}", messages=[user("Hello")])
    assert answer.choices[0].message.content
    assert answer.get_headers()["provider"] == sandbox.removesuffix("-sandbox")


def test_a_whole_answer(client):
    answer = sdk_chat.a_whole_answer(client)
    told = answer.get_headers()
    assert told["trace-id"]
    assert told["retry-attempt-count"] == "0"
    assert told["cache-status"] == "DISABLED"
    assert told["last-used-option-index"] == "config"


def test_a_stream_says_the_same(client):
    sdk_chat.a_stream_says_the_same(client)


def test_usage_in_a_stream_is_told_only_on_request(client):
    sdk_chat.usage_in_a_stream_is_told_only_on_request(client)


def test_a_tool_is_called_and_its_result_used(client):
    sdk_chat.a_tool_is_called_and_its_result_used(client)


def test_a_streamed_tool_call_is_the_whole_one(client):
    sdk_chat.a_streamed_tool_call_is_the_whole_one(client)


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_the_provider_is_the_sdks_own(client, stream):
    sdk_chat.an_error_of_the_provider_is_the_sdks_own(client, ERRORS, stream)


def test_an_unknown_key_is_an_authentication_error(gatehouse):
    client = make(gatehouse, api_key="gh-" + "x" * 43, virtual_key="openai-sandbox")
    with pytest.raises(portkey_ai.AuthenticationError, match="Invalid API Key"):
        client.chat.completions.create(model=MODEL, messages=[user("Hello")])


def test_an_unknown_virtual_key_is_a_bad_request(gatehouse):
    client = make(gatehouse, virtual_key="nobodys")
    with pytest.raises(portkey_ai.BadRequestError, match="nobodys"):
        client.chat.completions.create(model=MODEL, messages=[user("Hello")])


def test_a_call_without_a_model_is_a_bad_request(client):
    """The SDK fills in `portkey-default`, which means no model."""
    with pytest.raises(portkey_ai.BadRequestError, match=r"[Mm]odel"):
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
