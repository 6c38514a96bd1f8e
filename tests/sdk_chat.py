"""What every Python SDK must be able to do; a client is whatever has `chat.completions`.

portkey-ai and openai differ in how they are told who calls and whom: each has its own test module, which
gives its client to these checks.
"""

import json
from typing import Any

import pytest

from tests.asks import ASKED, MODEL, WEATHER, user


def a_whole_answer(client: Any, finish: str = "stop") -> Any:
    answer = client.chat.completions.create(model=MODEL, messages=[user("Hello there")])
    choice = answer.choices[0]
    assert "Hello there" in choice.message.content
    assert choice.message.role == "assistant"
    assert choice.finish_reason == finish
    assert answer.usage.prompt_tokens > 0
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    return answer


def a_stream_says_the_same(client: Any, finish: str = "stop") -> None:
    asked = [user("Count slowly [[events 12]]")]
    whole = client.chat.completions.create(model=MODEL, messages=asked)
    chunks = list(client.chat.completions.create(model=MODEL, messages=asked, stream=True))
    told = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in told) == whole.choices[0].message.content
    assert [choice.finish_reason for choice in told if choice.finish_reason] == [finish]
    assert len([choice for choice in told if choice.delta.content]) == 12


def usage_in_a_stream_is_told_only_on_request(client: Any) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": [user("Hello")], "stream": True}
    untold = list(client.chat.completions.create(**asked))
    told = list(client.chat.completions.create(**asked, stream_options={"include_usage": True}))
    assert not any(getattr(chunk, "usage", None) for chunk in untold)
    assert told[-1].usage.total_tokens > 0


def a_tool_is_called_and_its_result_used(client: Any, finish: str = "tool_calls") -> None:
    messages: list[Any] = [user(ASKED)]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert first.choices[0].finish_reason == finish
    (call,) = first.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}
    messages.append(first.choices[0].message.model_dump(exclude_none=True))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "rain, 12 degrees"})
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert "rain, 12 degrees" in second.choices[0].message.content


def a_streamed_tool_call_is_the_whole_one(client: Any) -> None:
    asked: dict[str, Any] = {"model": MODEL, "messages": [user(ASKED)], "tools": [WEATHER]}
    (whole,) = client.chat.completions.create(**asked).choices[0].message.tool_calls
    deltas = [
        delta
        for chunk in client.chat.completions.create(**asked, stream=True)
        for choice in chunk.choices
        for delta in choice.delta.tool_calls or []
    ]
    assert {delta.index for delta in deltas} == {0}
    assert deltas[0].id == whole.id
    assert deltas[0].function.name == "get_weather"
    arguments = "".join(delta.function.arguments or "" for delta in deltas)
    assert json.loads(arguments) == json.loads(whole.function.arguments)


def an_error_of_the_provider_is_the_sdks_own(
    client: Any, classes: dict[int, type[Exception]], stream: bool
) -> None:
    for status, raised in classes.items():
        with pytest.raises(raised) as caught:
            client.chat.completions.create(
                model=MODEL, messages=[user(f"[[status {status}]]")], stream=stream
            )
        assert caught.value.status_code == status
        assert caught.value.response.headers["x-portkey-trace-id"]
