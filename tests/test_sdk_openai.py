"""OpenAI's SDK for Python: the gateway's key as its API key, the virtual key in a header or in the model."""

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from tests import sdk_chat
from tests.asks import MODEL, SANDBOXES, user
from tests.servers import Gatehouse

pytestmark = pytest.mark.server

ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
}


def make(gatehouse: Gatehouse, key: str | None = None, **headers: str) -> OpenAI:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return OpenAI(
        api_key=key or gatehouse.api_key, base_url=f"{gatehouse.url}/v1", default_headers=told, max_retries=0
    )


@pytest.fixture(params=SANDBOXES)
def client(gatehouse: Gatehouse, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    with make(gatehouse, x_portkey_virtual_key=request.param) as client:
        yield client


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_the_virtual_key_may_be_named_before_the_model(gatehouse, sandbox):
    with make(gatehouse) as client:
        answer = client.chat.completions.create(model=f"@{sandbox}/{MODEL}", messages=[user("Hello")])
    assert answer.choices[0].message.content
    assert answer.model == MODEL


def test_a_whole_answer(client):
    sdk_chat.a_whole_answer(client)


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
    with (
        make(gatehouse, "gh-" + "x" * 43, x_portkey_virtual_key="openai-sandbox") as client,
        pytest.raises(openai.AuthenticationError, match="Invalid API Key"),
    ):
        client.chat.completions.create(model=MODEL, messages=[user("Hello")])


def test_an_error_amid_a_stream_is_raised(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=[user("[[events 9]] [[error-event 6]]")], stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)


def test_a_stream_cut_short_is_raised(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=[user("[[events 9]] [[cut 6]]")], stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)
