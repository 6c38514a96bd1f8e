"""Clients that read or write too slowly, providers that write too fast: none costs anybody else a thing."""

import contextlib
import json
import socket
import time

import pytest

from tests.own_provider import DONE, OPENING, SSE, chunk
from tests.servers import CHAT, SANDBOX_KEY, Kind, new_trace, question

pytestmark = [pytest.mark.server, pytest.mark.alone]

BOUND = 300  # ms the loop may be held on a machine that others share; unmended it is seconds


@pytest.fixture(scope="module")
def quick(yard):
    """One worker on SQLite whose provider may be silent for two seconds, and a body as long under way."""
    kind = Kind("sqlite", 1)
    with yard.started(kind, BETWEEN_EVENTS_SECONDS="2", FIRST_BYTE_SECONDS="3") as gatehouse:
        gatehouse.chat()
        yield gatehouse


def tick(gatehouse):
    headers = {"authorization": f"Bearer {SANDBOX_KEY}"}
    return gatehouse.ask(method="GET", path="/sandbox/tick", key="", headers=headers).json()


def sent(gatehouse, client, virtual_key, body, trace="", length=None):
    raw = json.dumps(body).encode()
    headers = gatehouse.headers(virtual_key) | {
        "x-portkey-trace-id": trace or new_trace(),
        "host": "localhost",
    }
    lines = [f"POST {CHAT} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, f"content-length: {len(raw) if length is None else length}"])
    client.sendall(head.encode() + b"\r\n\r\n" + raw)


def read_all(client):
    received = b""
    while part := client.recv(65536):
        received += part
        if received.endswith(b"0\r\n\r\n"):
            break
    return received


def test_a_client_that_reads_late_gets_all_of_it(quick, own):
    """Its own slowness is no silence of the provider's."""
    events = [chunk("x" * 2000) for _ in range(4000)]

    def talkative(exchange):
        exchange.send(SSE + OPENING)
        for event in events:
            exchange.send(event)
        exchange.send(DONE)

    body, trace = question(stream=True) | {"model": own.learn(talkative)}, new_trace()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(60)
        client.connect(("127.0.0.1", quick.port))
        sent(quick, client, "openai-own", body, trace)
        time.sleep(4)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received = read_all(client)
    assert received.count(b'"content"') >= len(events)
    assert b"[DONE]" in received
    assert quick.row(trace)["outcome"] == "finished"


def test_a_provider_that_writes_as_fast_as_it_can_leaves_the_others_their_turns(quick, own):
    def torrent(exchange):
        exchange.send(SSE + OPENING)
        until = time.monotonic() + 4
        many = chunk("word ").encode() * 500
        while time.monotonic() < until:
            exchange.socket.sendall(many)
        exchange.send(DONE)

    body = question(stream=True) | {"model": own.learn(torrent)}
    tick(quick)
    with socket.create_connection(("127.0.0.1", quick.port), timeout=60) as client:
        sent(quick, client, "openai-own", body)
        received = 0
        while part := client.recv(1 << 20):
            received += len(part)
            if part.endswith(b"0\r\n\r\n"):
                break
    told = tick(quick)
    assert received > 1 << 20
    assert told["worst_ms"] < BOUND


def test_a_refused_body_is_not_read_to_its_end(quick):
    tick(quick)
    with socket.create_connection(("127.0.0.1", quick.port), timeout=20) as client:
        head = f"POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000000\r\n\r\n"
        client.sendall(head.encode())
        taken = 0
        with contextlib.suppress(ConnectionError):
            while taken < 256 << 20:
                taken += client.send(bytes(1 << 20))
    assert taken < 64 << 20
    assert tick(quick)["worst_ms"] < BOUND


def test_a_body_that_does_not_arrive_is_given_up(quick):
    trace = new_trace()
    with socket.create_connection(("127.0.0.1", quick.port), timeout=20) as client:
        began = time.monotonic()
        sent(quick, client, "openai-sandbox", question(), trace, length=10_000)
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408")
        assert 2.5 < time.monotonic() - began < 10
    assert (quick.row(trace)["outcome"], quick.row(trace)["status"]) == ("refused", 408)


def test_a_client_that_leaves_in_the_middle_of_its_body_has_left(quick):
    trace = new_trace()
    with socket.create_connection(("127.0.0.1", quick.port), timeout=20) as client:
        sent(quick, client, "openai-sandbox", question(), trace, length=10_000)
    assert quick.row(trace)["outcome"] == "abandoned"


def test_an_answers_header_that_cannot_be_sent_costs_that_call_alone(quick, own):
    def odd(exchange):
        exchange.send("HTTP/1.1 200 OK\r\nx-odd: a\x01b\r\ncontent-length: 2\r\n\r\n{}")

    trace = new_trace()
    headers = {"x-portkey-trace-id": trace}
    answer = quick.chat(virtual_key="openai-own", model=own.learn(odd), headers=headers)
    assert answer.status == 500
    assert "html" not in answer.headers["content-type"]
    assert quick.row(trace)["outcome"] == "failed"
