"""Anthropic's SDK for Python: all it asks passes through to a virtual key of Anthropic's, both ways as it is.

What is asked once is asked of both base URLs, with and without /v1, by either of the SDK's two ways to send a
key; the request log is looked at once, when all of it has been asked.
"""

from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import Anthropic

from tests.asks import ASKED, WEATHER, user
from tests.sdk_clients import anthropic_client, failed
from tests.servers import Gatehouse, new_trace, within

pytestmark = pytest.mark.server

SANDBOX = "anthropic-sandbox"
MODEL = "claude-sonnet-5-5"
BASES = ["", "/v1"]
TOOL = {
    "name": "get_weather",
    "description": "The weather somewhere",
    "input_schema": WEATHER["function"]["parameters"],
}


@pytest.fixture(scope="module", params=BASES, ids=["without-v1", "with-v1"])
def base(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def client(gatehouse: Gatehouse, base: str) -> Iterator[Anthropic]:
    with anthropic_client(gatehouse, SANDBOX, base) as client:
        yield client


def asked(text: str = "Hello there", **more: Any) -> Any:
    return {"model": MODEL, "max_tokens": 1000, "messages": [user(text)]} | more


@pytest.mark.parametrize("credential", ["api_key", "auth_token"])
def test_a_key_is_taken_either_way(gatehouse, base, credential):
    with anthropic_client(gatehouse, SANDBOX, base, credential) as client:
        message = client.messages.create(**asked())
    assert message.content[0].text.startswith("You said: Hello there")
    assert (message.type, message.stop_reason, message.model) == ("message", "end_turn", MODEL)
    assert message.usage.input_tokens > 0


def test_the_virtual_key_may_be_named_before_the_model(gatehouse):
    with anthropic_client(gatehouse) as client:
        message = client.messages.create(**asked(model=f"@{SANDBOX}/{MODEL}"))
    assert message.model == MODEL


def test_a_stream_says_the_same(client):
    whole = client.messages.create(**asked())
    with client.messages.stream(**asked()) as stream:
        texts = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(texts) == whole.content[0].text
    assert len(texts) > 5
    assert (final.id, final.stop_reason) == (whole.id, whole.stop_reason)
    assert final.usage.output_tokens == whole.usage.output_tokens


def test_a_tool_is_called_and_its_result_used(client):
    first = client.messages.create(**asked(ASKED), tools=[TOOL])
    (use,) = first.content
    assert (first.stop_reason, use.name, set(use.input)) == ("tool_use", "get_weather", {"city"})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "rain, 12 degrees"}
    messages = [
        user(ASKED),
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = client.messages.create(**asked(messages=messages), tools=[TOOL])
    assert "rain, 12 degrees" in second.content[0].text


def test_a_streamed_tool_call_is_the_whole_one(client):
    whole = client.messages.create(**asked(ASKED), tools=[TOOL])
    with client.messages.stream(**asked(ASKED), tools=[TOOL]) as stream:
        assert stream.get_final_message().content == whole.content


def test_thoughts_come_signed(client):
    thought, text = client.messages.create(**asked(), thinking={"type": "adaptive"}).content
    assert (thought.type, text.type) == ("thinking", "text")
    assert thought.signature


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.APIStatusError),
    ],
)
def test_an_error_of_the_provider_is_the_sdks_own(client, status, raised):
    text = f"[[status {status}]] [[retry-after 7]]"
    for stream in (False, True):
        with pytest.raises(raised) as caught:
            client.messages.create(**asked(text), stream=stream)
        assert caught.value.status_code == status
        assert caught.value.body["type"] == "error"
        assert caught.value.response.headers["retry-after"] == "7"


def test_an_error_amid_a_stream_is_raised(client):
    with (
        pytest.raises(anthropic.APIStatusError, match="overloaded"),
        client.messages.stream(**asked("[[events 9]] [[error-event 6]]")) as stream,
    ):
        list(stream)


def test_a_stream_cut_short_is_not_taken_for_a_whole_one(client):
    with (
        pytest.raises(httpx2.RemoteProtocolError),  # the SDK hands it on as it is
        client.messages.stream(**asked("[[events 9]] [[cut 6]]")) as stream,
    ):
        list(stream)


def test_a_key_of_nobodys_is_an_authentication_error(gatehouse, base):
    stranger = Anthropic(api_key="gh-" + "x" * 43, base_url=f"{gatehouse.url}{base}", max_retries=0)
    with stranger, pytest.raises(anthropic.AuthenticationError, match="Invalid API Key"):
        stranger.messages.create(**asked())


def test_tokens_are_counted(client):
    counted = client.messages.count_tokens(model=MODEL, messages=[user("x" * 40)])
    assert counted.input_tokens == 10


def test_models_are_listed_and_found(client):
    names = [model.id for model in client.models.list(limit=3)]
    assert len(names) == len(set(names)) > 3
    assert client.models.retrieve(names[0]).id == names[0]
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("unheard-of")


SCENARIOS: dict[str, Callable[[Anthropic], Any]] = {
    "whole": lambda client: client.messages.create(**asked()),
    "streamed": lambda client: list(client.messages.create(**asked(), stream=True)),
    "cached": lambda client: client.messages.create(
        **asked(system=[{"type": "text", "text": "word " * 100, "cache_control": {"type": "ephemeral"}}])
    ),
    "counted": lambda client: client.messages.count_tokens(model=MODEL, messages=[user("Hello there")]),
    "failed": lambda client: failed(
        anthropic.RateLimitError, lambda: client.messages.create(**asked("[[status 429]]"))
    ),
}
FACTS = ("fn", "endpoint", "model", "model_answered", "stream", "status", "outcome", "finish")
MESSAGES = ("proxy", "/v1/messages", MODEL)
RECORDED = {
    "whole": (*MESSAGES, MODEL, False, 200, "finished", "end_turn"),
    "streamed": (*MESSAGES, MODEL, True, 200, "finished", "end_turn"),
    "cached": (*MESSAGES, MODEL, False, 200, "finished", "end_turn"),
    "counted": ("proxy", "/v1/messages/count_tokens", MODEL, "", False, 200, "finished", ""),
    "failed": (*MESSAGES, "", False, 429, "failed", ""),
}


@pytest.fixture(scope="module")
def rows(gatehouse: Gatehouse) -> dict[str, dict[str, Any]]:
    """The row of each scenario."""
    trace = new_trace()
    with anthropic_client(gatehouse, SANDBOX) as client:
        for name, play in SCENARIOS.items():
            play(client.with_options(default_headers={"x-portkey-trace-id": f"{trace}-{name}"}))
    assert within(15, lambda: len(gatehouse.traces(trace)) == len(SCENARIOS))
    return {name: gatehouse.row(f"{trace}-{name}") for name in SCENARIOS}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_passed_through_is_on_record(rows, name):
    row = rows[name]
    assert tuple(row[fact] for fact in FACTS) == RECORDED[name]
    assert (row["provider"], row["virtual_key"]) == ("anthropic", SANDBOX)
    assert row["sdk"].startswith("Anthropic/Python")


def test_what_it_took_is_on_record_as_the_answer_told_it(rows):
    whole, streamed, cached = (rows[name] for name in ("whole", "streamed", "cached"))
    tokens = ("usage_source", "input_tokens", "output_tokens", "total_tokens")
    assert [whole[name] for name in tokens] == [streamed[name] for name in tokens]
    assert whole["usage_source"] == "provider"
    assert whole["total_tokens"] == whole["input_tokens"] + whole["output_tokens"] > 10
    assert min(cached["cache_read_tokens"], cached["cache_write_tokens"]) > 10
    assert whole["cost"] == streamed["cost"] > 0
    assert rows["failed"]["error_type"] == "rate_limit_error"
