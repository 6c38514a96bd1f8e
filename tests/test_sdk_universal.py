"""What chat can do on either provider in the same words, through portkey-ai and openai.

Plain answers, streams and errors are tests/sdk_chat.py's.
"""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from tests.asks import SANDBOXES, WEATHER, user
from tests.sdk_clients import CLIENTS
from tests.servers import Gatehouse

pytestmark = pytest.mark.server

MODELS = {"openai-sandbox": "gpt-5-mini", "anthropic-sandbox": "claude-sonnet-4-5"}
OLDER = "claude-3-haiku-20240307"  # knows no schemas
TIME = {"type": "function", "function": WEATHER["function"] | {"name": "get_time"}}
BOTH: dict[str, Any] = {"tools": [WEATHER, TIME]}
ASKING = [user("Use both tools for Berlin")]
PICTURE = f"data:image/png;base64,{base64.b64encode(bytes(68)).decode()}"
PAPER = f"data:application/pdf;base64,{base64.b64encode(bytes(58)).decode()}"

Ask = Callable[..., Any]


class City(BaseModel):
    name: str
    people: int


FITTING = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "strict": True,
        "schema": City.model_json_schema() | {"additionalProperties": False},
    },
}


@pytest.fixture(scope="module", params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=CLIENTS)
def client(gatehouse: Gatehouse, sandbox: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    with CLIENTS[request.param](gatehouse, sandbox) as client:
        yield client


@pytest.fixture
def ask(client: Any, sandbox: str) -> Ask:
    """The answer to messages, or to a text or the parts of one message."""

    def asked(said: Any, **more: Any) -> Any:
        messages = said if isinstance(said, list) and "role" in said[0] else [user(said)]
        return client.chat.completions.create(**{"model": MODELS[sandbox], "messages": messages} | more)

    return asked


def deltas(stream: Any) -> list[Any]:
    return [choice.delta for chunk in stream for choice in chunk.choices]


def calls(answer: Any) -> list[Any]:
    return list(answer.choices[0].message.tool_calls or [])


def names(answer: Any) -> list[str]:
    return [call.function.name for call in calls(answer)]


def test_several_tools_are_called_at_once(ask):
    assert names(ask(ASKING, **BOTH)) == ["get_weather", "get_time"]
    assert names(ask(ASKING, **BOTH, parallel_tool_calls=False)) == ["get_weather"]


def test_several_streamed_calls_are_the_whole_ones(ask):
    pieces = [call for d in deltas(ask(ASKING, **BOTH, stream=True)) for call in d.tool_calls or []]
    for index, whole in enumerate(calls(ask(ASKING, **BOTH))):
        own = [piece for piece in pieces if piece.index == index]
        assert (own[0].id, own[0].function.name) == (whole.id, whole.function.name)
        arguments = "".join(piece.function.arguments or "" for piece in own)
        assert json.loads(arguments) == json.loads(whole.function.arguments)


def test_the_results_of_several_calls_are_used(ask):
    message = ask(ASKING, **BOTH).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name}: fine"}
        for call in message.tool_calls
    ]
    answer = ask([*ASKING, message.model_dump(exclude_none=True), *results], **BOTH)
    assert "get_weather: fine" in answer.choices[0].message.content
    assert "get_time: fine" in answer.choices[0].message.content


def test_a_tool_can_be_forced(ask):
    one = {"type": "function", "function": {"name": "get_time"}}
    assert names(ask("Hello", **BOTH, tool_choice=one)) == ["get_time"]
    assert names(ask("Hello", **BOTH, tool_choice="required")) == ["get_weather"]


def test_tools_can_be_forbidden(ask):
    answer = ask(ASKING, **BOTH, tool_choice="none")
    assert not calls(answer)
    assert "Use both tools" in answer.choices[0].message.content


def test_images_arrive_by_link_and_as_base64(ask):
    links = [{"type": "image_url", "image_url": {"url": url}} for url in ("https://example.com/a", PICTURE)]
    said = ask([{"type": "text", "text": "Look"}, *links]).choices[0].message.content
    assert "Look [image] (https://example.com/a) [image] (image/png, 68 bytes)" in said


def test_a_document_arrives(ask):
    paper = {"type": "file", "file": {"filename": "a.pdf", "file_data": PAPER}}
    said = ask([{"type": "text", "text": "Read"}, paper]).choices[0].message.content
    assert "Read [document] (application/pdf, 58 bytes)" in said


def test_an_answer_fits_a_schema_streamed_or_not(ask, sandbox):
    for model in (MODELS[sandbox], *([OLDER] if sandbox == "anthropic-sandbox" else [])):
        asked = {"model": model, "response_format": FITTING}
        whole = ask("Berlin", **asked).choices[0].message
        City.model_validate_json(whole.content)
        assert not whole.tool_calls
        streamed = "".join(delta.content or "" for delta in deltas(ask("Berlin", **asked, stream=True)))
        assert json.loads(streamed) == json.loads(whole.content)


def test_a_class_can_be_the_schema(client, sandbox):
    answer = client.chat.completions.parse(
        model=MODELS[sandbox], messages=[user("Berlin")], response_format=City
    )
    assert isinstance(answer.choices[0].message.parsed, City)


def test_an_effort_makes_it_think(ask, sandbox):
    plain, answer = ask("Hello"), ask("Hello", reasoning_effort="low")
    assert answer.usage.completion_tokens > plain.usage.completion_tokens
    thoughts = getattr(answer.choices[0].message, "reasoning_content", None) or ""
    streamed = deltas(ask("Hello", reasoning_effort="low", stream=True))
    assert "".join(getattr(delta, "reasoning_content", None) or "" for delta in streamed) == thoughts
    if sandbox == "anthropic-sandbox":
        assert "I shall say so" in thoughts
    else:
        details = answer.usage.completion_tokens_details
        assert dict(details)["reasoning_tokens"] > 0


def test_thoughts_go_back_signed_with_the_result_of_a_tool(ask, sandbox):
    asking = [user("Use the tool get_weather for Berlin")]
    first = ask(asking, tools=[WEATHER], reasoning_effort="low").choices[0].message
    (call,) = first.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    after = [*asking, first.model_dump(exclude_none=True), result, user("[[echo]]")]
    sent = json.loads(ask(after, reasoning_effort="low").choices[0].message.content)
    if sandbox == "anthropic-sandbox":
        thought, used = sent["messages"][1]["content"]
        assert thought["signature"].startswith("Eq")
        assert "I shall say so" in thought["thinking"]
        assert (used["type"], used["id"]) == ("tool_use", call.id)
    else:
        assert sent["messages"][1]["tool_calls"][0]["id"] == call.id


def test_what_came_from_a_cache_is_counted(ask):
    marked = {"type": "text", "text": "word " * 1200, "cache_control": {"type": "ephemeral"}}
    usage = ask([{"role": "system", "content": [marked]}, user("Hello")]).usage
    assert 0 < dict(usage.prompt_tokens_details)["cached_tokens"] < usage.prompt_tokens


def test_an_answer_ends_at_a_stop_word(ask):
    answer = ask("Hello", stop=["said"])
    assert answer.choices[0].message.content.strip() == "You"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
