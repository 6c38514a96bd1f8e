"""Pass-through on the whole server: the client's own spelling, any bytes, and connections that break."""

import http.client
import json
import time

import pytest

from tests.own_provider import MESSAGE_START, SSE, TEXT_START, saying, silent, text_delta
from tests.servers import SANDBOX_KEY, new_trace

pytestmark = [pytest.mark.server, pytest.mark.timed]

MESSAGES = "/v1/messages"
ENDLESS = bytes(range(256)) * 4096  # 1 MiB


def asking(model, **fields):
    return json.dumps({"model": model, **fields}).encode()


def test_path_query_and_body_arrive_as_the_client_wrote_them(gatehouse):
    path = "/v1/echo/a%2Fb/%C3%A9?x=%20+&y=[1]&z"
    body = b"\x00\xff not JSON at all"
    answer = gatehouse.ask(
        body, path=path, virtual_key="openai-sandbox", headers={"content-type": "audio/x-odd"}
    )
    arrived = answer.json()
    assert arrived["path"].endswith("/v1/echo/a%2Fb/%C3%A9")
    assert (arrived["method"], arrived["query"]) == ("POST", "x=%20+&y=[1]&z")
    assert arrived["headers"]["content-type"] == "audio/x-odd"
    assert arrived["headers"]["authorization"] == "present"
    assert SANDBOX_KEY not in answer.body.decode()
    assert arrived["encoding"] == "base64"


def test_what_is_large_flows_and_holds_nobody_up(gatehouse, own):
    def pouring(exchange):
        head = f"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: {24 * len(ENDLESS)}\r\n\r\n"
        exchange.send(head)
        for _ in range(24):
            exchange.send(ENDLESS)

    model, trace = own.learn(pouring), new_trace()
    ticking = {"authorization": f"Bearer {SANDBOX_KEY}"}
    gatehouse.ask(method="GET", path="/sandbox/tick", key="", headers=ticking)
    with gatehouse.opened(
        asking(model), path="/v1/videos", virtual_key="openai-own", headers={"x-portkey-trace-id": trace}
    ) as response:
        received = 0
        while piece := response.read(1 << 16):
            assert piece == (ENDLESS * 2)[received % len(ENDLESS) :][: len(piece)]
            received += len(piece)
    assert received == 24 * len(ENDLESS)
    told = gatehouse.ask(method="GET", path="/sandbox/tick", key="", headers=ticking).json()
    assert told["worst_ms"] < 250
    assert gatehouse.row(trace)["outcome"] == "finished"


@pytest.mark.parametrize("media", ["text/event-stream", "application/octet-stream"])
def test_where_the_provider_breaks_off_so_do_we(gatehouse, own, media):
    def breaking(exchange):
        exchange.send(SSE.replace("text/event-stream", f"{media}\r\ncontent-length: 5000"))
        exchange.send(MESSAGE_START + TEXT_START + text_delta("Hel"))
        time.sleep(0.1)

    model, trace = own.learn(breaking), new_trace()
    with (
        gatehouse.opened(
            asking(model, stream=True),
            path=MESSAGES,
            virtual_key="anthropic-own",
            headers={"x-portkey-trace-id": trace},
        ) as response,
        pytest.raises(http.client.IncompleteRead) as broken,
    ):
        response.read()
    assert broken.value.partial.decode() == MESSAGE_START + TEXT_START + text_delta("Hel")
    row = gatehouse.row(trace)
    assert (row["outcome"], row["fn"], row["status"]) == ("truncated", "proxy", 200)


@pytest.mark.parametrize("manner", [silent, saying(MESSAGE_START, TEXT_START, text_delta("Hel"))])
def test_a_client_that_leaves_ends_the_call(gatehouse, own, manner):
    model, trace = own.learn(manner), new_trace()
    client = http.client.HTTPConnection("127.0.0.1", gatehouse.port, timeout=20)
    headers = gatehouse.headers("anthropic-own") | {"x-portkey-trace-id": trace}
    client.request("POST", MESSAGES, asking(model, stream=True), headers)
    exchange = own.asked(model)
    if manner is not silent:
        assert client.getresponse().read1(10)
    client.close()
    left = time.monotonic()
    assert exchange.gone.wait(3)
    assert exchange.left - left < 2
    assert gatehouse.row(trace)["outcome"] == "abandoned"


def test_a_stream_reaches_the_client_event_by_event_and_is_priced(gatehouse, own):
    def end(exchange):
        time.sleep(0.3)
        exchange.send(
            'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
            '"usage":{"output_tokens":1000}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
        )

    opening = MESSAGE_START.replace('"model": "m"', '"model": "claude-sonnet-4-5"') + TEXT_START
    model, trace = own.learn(saying(opening + text_delta("Hel"), end=end)), new_trace()
    began = time.monotonic()
    with gatehouse.opened(
        asking(model, stream=True),
        path=MESSAGES,
        virtual_key="anthropic-own",
        headers={"x-portkey-trace-id": trace},
    ) as response:
        first = response.read1(65536)
        assert time.monotonic() - began < 0.3
        assert b"Hel" in first
        assert b"message_stop" in response.read()
    row = gatehouse.row(trace)
    assert (row["outcome"], row["model_answered"], row["finish"]) == (
        "finished",
        "claude-sonnet-4-5",
        "end_turn",
    )
    assert (row["input_tokens"], row["output_tokens"]) == (3, 1000)
    assert 0.0150 < float(row["cost"]) < 0.0151


def test_a_large_upload_with_a_virtual_key_in_its_model_goes_on_without_it(gatehouse):
    body = b'{ "input": "%s", "model": "@openai-sandbox/m" }' % (b"x" * 800_000)
    answer = gatehouse.ask(body, path="/v1/echo")
    assert answer.status == 200
    assert answer.json()["body"].encode() == body.replace(b"@openai-sandbox/", b"")
