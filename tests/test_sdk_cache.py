"""The cache of a config through Portkey's SDKs, in Python and in Node, as its documentation has it.

https://portkey.ai/docs/product/ai-gateway/cache-simple-and-semantic. The questions follow one
another, since each finds what those before it left; with two workers, these share a Redis.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.asks import MODEL, user
from tests.config_examples import CLAUDE, DOWN, OPEN, STREAM, fallback, key, model
from tests.sdk_playing import SDKS, Came, Step, clients_of, in_steps
from tests.servers import Gatehouse, new_trace

pytestmark = pytest.mark.server

TRIES = 200  # of what is to be a hit: an answer is written while its client has it already
JSON = dict[str, Any]
SIMPLE: JSON = {"mode": "simple"}
KEPT = key(OPEN, cache=SIMPLE)
EVERYWHERE = fallback(model(OPEN, DOWN), model(CLAUDE), cache=SIMPLE)
PER_TARGET = fallback(model(OPEN, DOWN), model(CLAUDE, cache={"mode": "simple", "max_age": 200}))


@dataclass(frozen=True)
class Question:
    """One call, and the `cache-status` it is to have. `index` is of the target that answers."""

    status: str
    config: JSON
    told: JSON = field(default_factory=dict)
    body: JSON = field(default_factory=dict)
    said: str = "Hello"
    index: str = "config"
    code: int = 200


NAMESPACE: JSON = {"cache_namespace": "user-123"}
ANN: JSON = {"metadata": {"_user": "ann"}}
REFRESH: JSON = {"cache_force_refresh": True}
SECOND = "config.targets[1]"
QUESTIONS = {
    "without a word of the cache": Question("DISABLED", key(OPEN)),
    "for the first time": Question("MISS", KEPT),
    "again": Question("HIT", KEPT),
    "again, as a stream": Question("HIT", KEPT, body=STREAM),
    "laid over whom the model names": Question("HIT", {"cache": SIMPLE}, body={"model": f"{OPEN}/{MODEL}"}),
    "with one parameter more": Question("MISS", KEPT, body={"temperature": 0.5}),
    "of another provider": Question("MISS", key(CLAUDE, cache=SIMPLE)),
    "in a namespace": Question("MISS", KEPT, NAMESPACE),
    "in it again": Question("HIT", KEPT, NAMESPACE),
    "with metadata": Question("MISS", KEPT, ANN),
    "with them again": Question("HIT", KEPT, ANN),
    "in the namespace, with metadata": Question("HIT", KEPT, NAMESPACE | ANN),
    "anew": Question("REFRESH", KEPT, REFRESH),
    "after that": Question("HIT", KEPT),
    "a stream": Question("MISS", KEPT, body=STREAM, said="[[events 12]]"),
    "the stream again": Question("HIT", KEPT, body=STREAM, said="[[events 12]]"),
    "the stream as a whole": Question("HIT", KEPT, said="[[events 12]]"),
    "another's stream": Question("MISS", key(CLAUDE, cache=SIMPLE), body=STREAM, said="[[events 12]]"),
    "another's stream as a whole": Question("HIT", key(CLAUDE, cache=SIMPLE), said="[[events 12]]"),
    "an error": Question("MISS", KEPT, said="[[status 400]]", code=400),
    "the error again": Question("MISS", KEPT, said="[[status 400]]", code=400),
    "for all targets": Question("MISS", EVERYWHERE, said="For all", index=SECOND),
    "for all targets again": Question("HIT", EVERYWHERE, said="For all", index=SECOND),
    "for one target": Question("MISS", PER_TARGET, said="For one", index=SECOND),
    "for one target again": Question("HIT", PER_TARGET, said="For one", index=SECOND),
}
SAME = (  # questions with the same answer
    ("for the first time", "again", "again, as a stream", "in it again", "with them again", "after that"),
    ("a stream", "the stream again", "the stream as a whole"),
    ("another's stream", "another's stream as a whole"),
    ("for all targets", "for all targets again"),
)


@pytest.fixture(scope="module", params=SDKS)
def played(request: pytest.FixtureRequest, sharing: Gatehouse) -> dict[str, Came]:
    """What came of each question. What is said is new, so that nothing of it is known."""
    new = new_trace()
    steps = [
        Step(
            trace=f"{new}-{number}",
            told={"config": each.config} | each.told,
            body={"model": MODEL, "messages": [user(f"{each.said} {new}")], "user": "u"} | each.body,
            awaited=each.status,
            tries=TRIES if each.status == "HIT" else 1,
        )
        for number, each in enumerate(QUESTIONS.values())
    ]
    with clients_of(sharing) as clients:
        return dict(zip(QUESTIONS, in_steps(request.param, clients, steps), strict=True))


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_cache_says_what_it_did(played, name):
    question, came = QUESTIONS[name], played[name]
    told = came["headers"]
    assert (came["status"], told["cache-status"]) == (question.code, question.status), came
    assert told["last-used-option-index"] == question.index
    assert told["retry-attempt-count"] == "0"
    assert told["provider"] == ("anthropic" if CLAUDE in str(question.config) else "openai")


@pytest.mark.parametrize("names", SAME, ids=[names[0] for names in SAME])
def test_what_is_kept_is_told_again_whole_or_streamed(played, names):
    first, *others = (played[name] for name in names)
    assert first["text"]
    assert {each["text"] for each in others} == {first["text"]}
    assert {each["finish"] for each in others} == {first["finish"]}


def test_the_row_of_a_hit_tells_that_nobody_was_asked(sharing, played):
    came = played["again"]["headers"]
    row = sharing.row(came["trace-id"])
    assert (row["cache_status"], row["outcome"], row["option_index"]) == ("HIT", "finished", "config")
    assert (row["total_tokens"], float(row["cost"])) == (0, 0)
    assert row["cache_age"] >= 0
    assert not row["rescued"]
