"""The four clocks, the hold and the grace, on a server whose clocks run short."""

import contextlib
import json
import signal
import socket
import threading
import time

import pytest

from tests.own_provider import DONE, OPENING, SSE, chunk, saying, silent
from tests.servers import events, new_trace, question, text_of

pytestmark = [pytest.mark.server, pytest.mark.timed]

CLOCKS = {
    "CONNECT_SECONDS": "0.6",
    "FIRST_BYTE_SECONDS": "1.2",
    "BETWEEN_EVENTS_SECONDS": "1.0",
    "WHOLE_CALL_SECONDS": "4",
    "STREAM_HOLD_SECONDS": "0.5",
    "GRACE_SECONDS": "2",
}
SLACK = 1.5  # seconds: a shared machine is no stopwatch


@pytest.fixture(scope="module")
def hasty(yard, kind):
    with yard.started(kind, **CLOCKS) as gatehouse:
        yield gatehouse


def ask(gatehouse, body, **headers):
    """The answer, the row's trace id and how long it took."""
    trace, begun = new_trace(), time.monotonic()
    answer = gatehouse.ask(body, virtual_key="openai-own", headers={"x-portkey-trace-id": trace} | headers)
    return answer, trace, time.monotonic() - begun


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_provider_silent_for_ever_is_408(hasty, own, stream):
    body = question(stream=stream) | {"model": own.learn(silent)}
    answer, trace, took = ask(hasty, body)
    assert answer.status == 408
    assert answer.json()["error"]["message"]
    assert 1.1 < took < 1.2 + SLACK
    row = hasty.row(trace)
    assert (row["outcome"], row["status"]) == ("failed", 408)
    assert own.asked(body["model"]).gone.wait(2)


def test_a_request_timeout_of_the_client_is_408(hasty, own):
    body = question() | {"model": own.learn(silent)}
    answer, trace, took = ask(hasty, body, **{"x-portkey-request-timeout": "300"})
    assert answer.status == 408
    assert 0.25 < took < 1.1
    assert hasty.row(trace)["status"] == 408


def test_a_request_timeout_runs_only_until_the_headers(hasty, own):
    def slow_reader(exchange):
        exchange.send(SSE + OPENING + chunk("Hel"))
        time.sleep(0.6)
        exchange.send(chunk("lo") + chunk(finish="stop") + DONE)

    body = question(stream=True) | {"model": own.learn(slow_reader)}
    with hasty.opened(
        body, virtual_key="openai-own", headers={"x-portkey-request-timeout": "300"}
    ) as response:
        told = list(events(response))
    assert text_of(told) == "Hello"
    assert told[-1] == "[DONE]"


def test_a_host_that_cannot_be_connected_to_is_an_error_in_time(hasty, yard):
    """A full backlog: the kernel drops what would connect, so that nothing comes back at all."""
    with contextlib.ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        slug = f"deaf-{new_trace()[-8:]}"
        host = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        create_virtual_key(hasty, slug, host)
        begun = time.monotonic()
        answer = hasty.ask(question(), virtual_key=slug)
        took = time.monotonic() - begun
    assert answer.status in (408, 503)
    assert answer.json()["error"]["message"]
    assert took < 0.6 * 3 + SLACK


def create_virtual_key(gatehouse, slug, host):
    gatehouse.environment["TEST_SECRET"] = "sk-nobody"
    gatehouse.manage(
        "create_virtual_key", slug, "--provider", "openai", "--slug", slug, "--key-env", "TEST_SECRET",
        "--custom-host", host,
    )  # fmt: skip


def test_a_refused_connection_is_an_error_of_the_gateway_and_not_of_the_client(hasty):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    slug = f"gone-{new_trace()[-8:]}"
    create_virtual_key(hasty, slug, f"http://127.0.0.1:{port}/v1")
    answer, trace, _ = ask_key(hasty, slug)
    assert answer.status in (500, 502, 503)
    assert hasty.row(trace)["outcome"] == "failed"


def ask_key(gatehouse, slug):
    trace = new_trace()
    answer = gatehouse.ask(question(), virtual_key=slug, headers={"x-portkey-trace-id": trace})
    return answer, trace, None


def test_a_stream_that_stalls_is_given_up(hasty, own):
    body = question(stream=True) | {"model": own.learn(saying(OPENING, chunk("Hel")))}
    answer, trace, took = ask(hasty, body)
    told = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    assert answer.status == 200
    assert "[DONE]" not in told
    assert json.loads(told[-1])["error"]["message"]
    assert 0.9 < took < 1.0 + SLACK
    row = hasty.row(trace)
    assert row["outcome"] in ("truncated", "failed")
    assert row["error_message"]
    assert own.asked(body["model"]).gone.wait(2)


def dripping(line):
    """A stream that is never silent and never done."""

    def manner(exchange):
        exchange.send(SSE + OPENING + chunk("Hel"))
        with contextlib.suppress(OSError):
            for _ in range(100):
                exchange.send(line)
                time.sleep(0.1)
        exchange.left = time.monotonic()
        exchange.gone.set()

    return manner


def test_keep_alive_comments_are_no_progress(hasty, own):
    body = question(stream=True) | {"model": own.learn(dripping(": keep-alive\n\n"))}
    answer, _, took = ask(hasty, body)
    assert b"[DONE]" not in answer.body
    assert 0.9 < took < 1.0 + SLACK
    assert own.asked(body["model"]).gone.wait(2)


def test_a_call_has_an_end_even_while_it_makes_progress(hasty, own):
    body = question(stream=True) | {"model": own.learn(dripping(chunk(".")))}
    answer, trace, took = ask(hasty, body)
    assert b"[DONE]" not in answer.body
    assert 3.5 < took < 4 + SLACK
    assert hasty.row(trace)["outcome"] in ("truncated", "failed")
    assert own.asked(body["model"]).gone.wait(2)


def test_a_whole_answer_that_drips_has_an_end_too(hasty, own):
    def drip(exchange):
        exchange.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                exchange.send(" ")
                time.sleep(0.1)
        exchange.gone.set()

    body = question() | {"model": own.learn(drip)}
    answer, trace, took = ask(hasty, body)
    assert answer.status >= 400
    assert took < 4 + SLACK
    assert hasty.row(trace)["outcome"] == "failed"
    assert own.asked(body["model"]).gone.wait(2)


def test_a_stream_held_too_long_goes_out_as_it_is(hasty, own):
    """The headers come after the hold although there is no content yet; the content follows."""

    def hesitant(exchange):
        exchange.send(SSE + OPENING)
        time.sleep(0.9)
        exchange.send(chunk("Hello") + chunk(finish="stop") + DONE)

    body, begun = question(stream=True) | {"model": own.learn(hesitant)}, time.monotonic()
    with hasty.opened(body, virtual_key="openai-own") as response:
        held = time.monotonic() - begun
        told = list(events(response))
    assert 0.4 < held < 0.88
    assert text_of(told) == "Hello"


def test_a_stop_lets_calls_finish_and_interrupts_what_is_left(yard, kind, own):
    with yard.started(
        kind, **CLOCKS | {"BETWEEN_EVENTS_SECONDS": "60", "WHOLE_CALL_SECONDS": "60"}
    ) as leaving:
        short, endless = new_trace(), new_trace()
        body = question("[[events 10]] [[pace 0.1]]", stream=True)
        finished, stuck = [], []
        silence = question(stream=True) | {"model": own.learn(saying(OPENING, chunk("Hel")))}
        threads = [
            threading.Thread(target=collect, args=[leaving, body, "openai-sandbox", short, finished]),
            threading.Thread(target=collect, args=[leaving, silence, "openai-own", endless, stuck]),
        ]
        for thread in threads:
            thread.start()
        own.asked(silence["model"])
        time.sleep(0.3)
        begun = time.monotonic()
        leaving.master.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        took = time.monotonic() - begun
        assert finished[-1] == "[DONE]"
        assert json.loads(stuck[-1])["error"]["message"]
        assert 1.5 < took < 2 + 2 * SLACK
        assert leaving.stop(15), "Some process did not end by itself."
        assert leaving.row(short)["outcome"] == "finished"
        assert leaving.row(endless)["outcome"] == "interrupted"


def collect(gatehouse, body, virtual_key, trace, told):
    with gatehouse.opened(body, virtual_key=virtual_key, headers={"x-portkey-trace-id": trace}) as response:
        told.extend(events(response))
