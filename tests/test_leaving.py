"""Clients that leave: what they asked for is given up within two seconds, and the record says so.

The provider is the one inside the test process, since only there can it be seen when it was hung up on.
"""

import contextlib
import json
import socket
import struct
import time

import pytest

from tests.own_provider import (
    MESSAGE_START,
    OPENING,
    TEXT_START,
    chunk,
    leaving,
    saying,
    silent,
    text_delta,
)
from tests.servers import CHAT, events, new_trace, question

pytestmark = [pytest.mark.server, pytest.mark.timed]

SECONDS = 2.0
SPEAKING = {
    "openai-own": saying(OPENING, chunk("Hel"), chunk("lo")),
    "anthropic-own": saying(MESSAGE_START, TEXT_START, text_delta("Hel"), text_delta("lo")),
}


@contextlib.contextmanager
def connected(gatehouse, virtual_key, body, trace):
    """A bare connection on which the call has been sent and nothing was read."""
    headers = gatehouse.headers(virtual_key) | {"x-portkey-trace-id": trace, "host": "localhost"}
    raw = json.dumps(body).encode()
    head = [
        f"POST {CHAT} HTTP/1.1",
        *(f"{n}: {v}" for n, v in headers.items()),
        f"content-length: {len(raw)}",
    ]
    with socket.create_connection(("127.0.0.1", gatehouse.port), timeout=20) as client:
        client.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + raw)
        yield client


def hang_up(client):
    client.close()


def reset(client):
    """As a client that is killed with unread bytes."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def hung_up_on(exchange, since):
    """Whether the provider lost its caller in time; with half a second for who is slow to notice here."""
    return exchange.gone.wait(SECONDS + 0.5) and exchange.left - since <= SECONDS


@pytest.mark.parametrize("leave", [hang_up, reset])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("virtual_key", SPEAKING)
def test_a_client_that_leaves_a_silent_provider_ends_the_call(gatehouse, own, virtual_key, stream, leave):
    trace, body = new_trace(), question(stream=stream) | {"model": own.learn(silent)}
    with connected(gatehouse, virtual_key, body, trace) as client:
        exchange = own.asked(body["model"])
        leave(client)
        left = time.monotonic()
    assert hung_up_on(exchange, left)
    row = gatehouse.row(trace)
    assert row["outcome"] == "abandoned"
    assert row["stream"] in (stream, int(stream))
    assert own.times_asked(body["model"]) == 1


@pytest.mark.parametrize("virtual_key", SPEAKING)
def test_a_client_that_leaves_amid_a_stream_ends_the_call(gatehouse, own, virtual_key):
    trace, body = new_trace(), question(stream=True) | {"model": own.learn(SPEAKING[virtual_key])}
    with connected(gatehouse, virtual_key, body, trace) as client:
        received = b""
        while b"lo" not in received:
            received += client.recv(65536)
        exchange = own.asked(body["model"])
        client.close()
        left = time.monotonic()
    assert hung_up_on(exchange, left)
    row = gatehouse.row(trace)
    assert row["outcome"] == "abandoned"
    assert row["status"] == 200
    assert row["usage_source"] in ("provider", "estimated")
    assert row["output_tokens"] > 0


def test_a_client_that_leaves_before_the_hold_is_over_ends_the_call(gatehouse, own):
    trace, body = new_trace(), question(stream=True) | {"model": own.learn(saying(OPENING))}
    with connected(gatehouse, "openai-own", body, trace) as client:
        exchange = own.asked(body["model"])
        time.sleep(0.3)  # the opening is on its way
        client.close()
        left = time.monotonic()
    assert hung_up_on(exchange, left)
    assert gatehouse.row(trace)["outcome"] == "abandoned"


def test_a_client_that_stays_keeps_its_call(gatehouse, own):
    """The other side of it: a quiet client is not one that left."""

    def slow(exchange):
        time.sleep(SECONDS + 1)
        exchange.reply(200, json.dumps(ANSWER))

    trace = new_trace()
    answer = gatehouse.ask(
        question() | {"model": own.learn(slow)},
        virtual_key="openai-own",
        headers={"x-portkey-trace-id": trace},
    )
    assert answer.status == 200
    assert gatehouse.row(trace)["outcome"] == "finished"


ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def broken(exchange):
    exchange.reset()


@pytest.mark.parametrize("end", [leaving, broken], ids=["closed", "reset"])
@pytest.mark.parametrize("virtual_key", SPEAKING)
def test_a_stream_cut_short_ends_in_an_error_and_is_truncated(gatehouse, own, virtual_key, end):
    spoken = {
        "openai-own": saying(OPENING, chunk("Hel"), chunk("lo"), end=end),
        "anthropic-own": saying(MESSAGE_START, TEXT_START, text_delta("Hel"), text_delta("lo"), end=end),
    }
    trace, body = new_trace(), question(stream=True) | {"model": own.learn(spoken[virtual_key])}
    with gatehouse.opened(body, virtual_key=virtual_key, headers={"x-portkey-trace-id": trace}) as response:
        assert response.status == 200
        told = list(events(response))
    assert "[DONE]" not in told
    assert json.loads(told[-1])["error"]["message"]
    row = gatehouse.row(trace)
    assert row["outcome"] == "truncated"
    assert row["error_message"]


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize("virtual_key", SPEAKING)
def test_an_error_before_the_first_content_is_a_real_status(gatehouse, own, virtual_key):
    error = {
        "error": {"message": "Too much of it", "type": "rate_limit_exceeded", "code": "rate_limit_exceeded"}
    }
    spoken = {
        "openai-own": saying(OPENING, f"data: {json.dumps(error)}\n\n", end=leaving),
        "anthropic-own": saying(
            MESSAGE_START, ": ping\n\n", f"event: error\ndata: {json.dumps(OVERLOADED)}\n\n", end=leaving
        ),
    }
    trace, body = new_trace(), question(stream=True) | {"model": own.learn(spoken[virtual_key])}
    answer = gatehouse.ask(body, virtual_key=virtual_key, headers={"x-portkey-trace-id": trace})
    assert answer.status == {"openai-own": 429, "anthropic-own": 529}[virtual_key]
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["error"]["message"]
    row = gatehouse.row(trace)
    assert (row["outcome"], row["status"]) == ("failed", answer.status)


def test_a_stream_that_ends_before_any_content_is_an_error(gatehouse, own):
    model = own.learn(saying(OPENING, end=leaving))
    trace = new_trace()
    answer = gatehouse.ask(
        question(stream=True) | {"model": model},
        virtual_key="openai-own",
        headers={"x-portkey-trace-id": trace},
    )
    assert answer.status >= 500
    assert answer.json()["error"]["message"]
    assert gatehouse.row(trace)["outcome"] in ("failed", "truncated")
