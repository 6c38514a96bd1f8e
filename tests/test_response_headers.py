"""What every reply carries beside its body, whoever wrote it."""

import pytest

from tests.servers import CHAT, new_trace, question

pytestmark = pytest.mark.server

SANDBOXES = ["openai-sandbox", "anthropic-sandbox"]


def told(answer):
    """The gateway's headers of an answer, each once."""
    found = [(n.lower().removeprefix("x-portkey-"), v) for n, v in answer.headers.items()]
    ours = [(name, value) for name, value in found if name in NAMES]
    assert len(ours) == len(dict(ours))
    return dict(ours)


NAMES = {"last-used-option-index", "cache-status", "trace-id", "retry-attempt-count", "provider"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "directive", ["", "[[status 400]]", "[[status 401]]", "[[status 503]]", "[[garbage]]"]
)
@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_an_answer_of_a_provider_says_how_it_came_about(gatehouse, sandbox, directive, stream):
    trace = new_trace()
    answer = gatehouse.chat(
        directive or "Hello", virtual_key=sandbox, stream=stream, headers={"x-portkey-trace-id": trace}
    )
    headers = told(answer)
    assert headers["trace-id"] == trace
    assert headers["provider"] == sandbox.removesuffix("-sandbox")
    assert headers["last-used-option-index"] == "config"
    assert headers["cache-status"] == "DISABLED"
    assert headers["retry-attempt-count"] == "0"


def test_a_trace_id_of_ours_is_the_id_of_the_row(gatehouse):
    trace = gatehouse.chat().headers["x-portkey-trace-id"]
    assert str(gatehouse.row(trace)["id"]).replace("-", "") == trace.replace("-", "")


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "/v1/nothing/here", "method": "GET"},
        {"path": "/v1/nothing/here", "method": "GET", "key": ""},
        {"path": CHAT, "method": "GET"},
        {"path": CHAT, "key": ""},
        {"path": CHAT, "key": "gh-" + "x" * 43, "body": question()},
        {"path": CHAT, "body": b"{"},
        {"path": CHAT, "body": question(), "virtual_key": "nobodys"},
        {"path": CHAT, "body": question()},
        {"path": "/v1/virtual-keys", "method": "GET"},
        {"path": "/v1/virtual-keys", "method": "GET", "key": ""},
    ],
)
def test_a_refusal_carries_a_trace_id_and_is_json(gatehouse, asked):
    answer = gatehouse.ask(**asked)
    assert answer.status >= 400
    assert answer.headers["x-portkey-trace-id"]
    assert answer.headers["content-type"].startswith("application/json")
    assert isinstance(answer.json(), dict)


def test_the_trace_id_of_the_client_comes_back_on_a_refusal(gatehouse):
    trace = new_trace()
    answer = gatehouse.ask(b"{", headers={"x-portkey-trace-id": trace})
    assert answer.headers["x-portkey-trace-id"] == trace


def test_a_stream_is_announced_as_nothing_but_a_stream(gatehouse):
    """Python's SDK takes the type for a stream only without a charset."""
    answer = gatehouse.chat(stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["content-length"] is None


def test_a_whole_answer_says_its_length(gatehouse):
    answer = gatehouse.chat()
    assert int(answer.headers["content-length"]) == len(answer.body)
