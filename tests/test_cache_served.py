"""The cache in the real sharing: shared by workers through Redis, and read by an SDK like live answers."""

import json
import time
from typing import Any

import pytest
from openai import OpenAI

from tests.asks import ASKED, SANDBOXES, WEATHER, user
from tests.servers import KINDS, Gatehouse, Yard, events, new_trace, question, text_of

pytestmark = pytest.mark.server

CACHED = {"x-portkey-config": json.dumps({"cache": {"mode": "simple"}})}


def namespace() -> dict[str, str]:
    """A part of the cache that nobody else uses."""
    return CACHED | {"x-portkey-cache-namespace": new_trace()}


def settled(sharing: Gatehouse, headers: dict[str, str], **asked: Any) -> None:
    """Ask until the answer comes out of the cache: it is written while the client has it already."""
    until = time.monotonic() + 10
    while sharing.chat(headers=headers, **asked).headers["x-portkey-cache-status"] != "HIT":
        assert time.monotonic() < until


def test_an_answer_that_one_worker_kept_is_every_workers(sharing: Gatehouse) -> None:
    headers, trace = namespace(), new_trace()
    first = sharing.chat("Good day", headers=headers)
    assert first.headers["x-portkey-cache-status"] == "MISS"
    settled(sharing, headers, text="Good day")
    answers = [sharing.chat("Good day", headers=headers | {"x-portkey-trace-id": trace})]
    answers += [sharing.chat("Good day", headers=headers) for _ in range(20)]
    assert {answer.headers["x-portkey-cache-status"] for answer in answers} == {"HIT"}
    assert {answer.body for answer in answers} == {first.body}
    row = sharing.row(trace)
    assert (row["cache_status"], row["outcome"], row["total_tokens"]) == ("HIT", "finished", 0)
    assert float(row["cost"]) == 0
    assert row["cache_age"] >= 0


@pytest.mark.parametrize("virtual_key", SANDBOXES)
def test_a_stream_out_of_the_cache_says_the_same(sharing: Gatehouse, virtual_key: str) -> None:
    headers, asked = namespace(), question("Count slowly [[events 12]]", stream=True)
    told = []
    for _ in range(2):
        with sharing.opened(asked, virtual_key=virtual_key, headers=headers) as answer:
            told.append(list(events(answer)))
        settled(sharing, headers, text="Count slowly [[events 12]]", virtual_key=virtual_key)
    assert text_of(told[0]) == text_of(told[1])
    assert told[1][-1] == "[DONE]"
    whole = sharing.chat("Count slowly [[events 12]]", headers=headers, virtual_key=virtual_key)
    assert whole.json()["choices"][0]["message"]["content"] == text_of(told[0])


@pytest.mark.parametrize("virtual_key", SANDBOXES)
@pytest.mark.parametrize("streamed_first", [True, False])
def test_openais_sdk_reads_a_replay_as_it_reads_a_live_answer(
    sharing: Gatehouse, virtual_key: str, streamed_first: bool
) -> None:
    headers = namespace() | {"x-portkey-virtual-key": virtual_key}
    asked: dict[str, Any] = {"model": "sandbox-model", "messages": [user(ASKED)], "tools": [WEATHER]}
    with OpenAI(base_url=f"{sharing.url}/v1", api_key=sharing.api_key, default_headers=headers) as client:
        said = [streamed(client, asked), whole(client, asked)] if streamed_first else [whole(client, asked)]
        settled(sharing, headers | {"x-portkey-virtual-key": virtual_key}, **settling(asked, virtual_key))
        said += [streamed(client, asked), whole(client, asked)]
    assert len(said[0]["calls"]) == 1
    assert all(each == said[0] for each in said)


def settling(asked: dict[str, Any], virtual_key: str) -> dict[str, Any]:
    return {"text": ASKED, "virtual_key": virtual_key, "tools": asked["tools"]}


def whole(client: OpenAI, asked: dict[str, Any]) -> dict[str, Any]:
    return in_short(client.chat.completions.create(**asked))


def streamed(client: OpenAI, asked: dict[str, Any]) -> dict[str, Any]:
    with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
        return in_short(stream.get_final_completion())


def in_short(answer: Any) -> dict[str, Any]:
    """What counts of a completion. How arguments are spaced is the provider's."""
    (choice,) = answer.choices
    calls = [
        (call.id, call.function.name, json.loads(call.function.arguments))
        for call in choice.message.tool_calls or ()
    ]
    return {
        "content": choice.message.content or None,
        "calls": calls,
        "finish": choice.finish_reason,
        "tokens": answer.usage.total_tokens,
    }


def test_a_server_without_its_redis_answers_and_keeps_by_itself(yard: Yard) -> None:
    away = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    with yard.started(KINDS["sqlite-1-worker"], **away) as sharing:
        headers = namespace()
        assert sharing.chat(headers=headers).headers["x-portkey-cache-status"] == "MISS"
        settled(sharing, headers, text="Hello")


TURN_ON = """
from cache.models import SemanticCache
from keys.changes import changing
from keys.models import VirtualKey
key = VirtualKey.objects.get(slug="openai-sandbox")
row = SemanticCache(workspace=key.workspace, virtual_key=key)
row.full_clean()
with changing(row):
    row.save()
"""


def test_a_question_in_other_words_is_answered_by_every_worker(sharing: Gatehouse) -> None:
    """The same text, told as a part, is another question; by its embedding it is the same."""
    sharing.python(TURN_ON)
    headers = namespace() | {"x-portkey-config": json.dumps({"cache": {"mode": "semantic"}})}
    trace, text = new_trace(), new_trace()
    assert asked(sharing, headers, trace, text) == "SEMANTIC MISS"
    assert [each["path"] for each in json.loads(attempts(sharing.row(trace)))] == ["cache", "config"]
    until = time.monotonic() + 10
    while asked(sharing, headers, trace := new_trace(), [{"type": "text", "text": text}]) == "SEMANTIC MISS":
        assert time.monotonic() < until
    row = sharing.row(trace)
    assert (row["cache_status"], row["total_tokens"]) == ("SEMANTIC HIT", 0)
    assert 0 < float(row["cost"]) < 1e-6  # what the embedding cost
    assert row["cache_similarity"] > 0.99


def asked(sharing: Gatehouse, headers: dict[str, str], trace: str, content: Any) -> str:
    """What the cache made of a question."""
    body = {"model": "sandbox-model", "messages": [{"role": "user", "content": content}]}
    named = headers | {"x-portkey-trace-id": trace}
    answer = sharing.ask(body, virtual_key="openai-sandbox", headers=named)
    assert answer.status == 200
    return str(answer.headers["x-portkey-cache-status"])


def attempts(row: dict[str, Any]) -> str:
    """SQLite gives JSON as its text."""
    told = row["attempts"]
    return told if isinstance(told, str) else json.dumps(told)
