"""What the sandbox does to a connection can only be seen through a real server."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox_site import KEY

pytestmark = [pytest.mark.server, pytest.mark.timed]
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A gunicorn with one gevent worker, as the gateway runs, serving the sandbox alone."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "--bind", f"fd://{fd}"]
        command += ["--no-control-socket", "--graceful-timeout", "1", "tests.sandbox_site:application"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        server = subprocess.Popen(
            command, cwd=tmp_path_factory.mktemp("served"), env=environment, pass_fds=[fd]
        )
        try:
            yield listening.getsockname()[1]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(20)


def asked(port: int, text: str, *, stream: bool = False) -> socket.socket:
    """A connection on which a chat question has been put."""
    messages = [{"role": "user", "content": text}]
    body = json.dumps({"model": "m", "stream": stream, "messages": messages}).encode()
    head = "POST /sandbox/openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += f"Authorization: Bearer {KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(head.encode() + body)
    return connection


def received(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head and the body as they came, to the end of the connection."""
    data = b""
    with connection:
        while piece := connection.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    return head.lower(), body


def test_a_cut_stream_has_no_last_chunk(port: int):
    head, body = received(asked(port, "[[cut 2]]", stream=True))
    assert b"transfer-encoding: chunked" in head
    assert body.count(b"data: ") == 2
    assert not body.endswith(b"0\r\n\r\n")


def test_a_cut_answer_is_shorter_than_it_said(port: int):
    head, body = received(asked(port, "[[cut 1]]"))
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    assert 0 < len(body) < length


def test_an_answer_cut_at_its_beginning_is_nothing(port: int):
    assert received(asked(port, "[[cut 0]]", stream=True)) == (b"", b"")


@pytest.mark.parametrize("stream", [True, False])
def test_an_unchunked_answer_ends_with_its_connection(port: int, stream: bool):
    head, body = received(asked(port, "[[unchunked]]", stream=stream))
    assert head.startswith(b"http/1.1 200 ok")
    assert b"connection: close" in head
    assert b"chunked" not in head
    assert b"content-length" not in head
    assert body.startswith(b"data: {" if stream else b"{")
    assert body.endswith(b"data: [DONE]\n\n" if stream else b"}")


def test_characters_arrive_cut(port: int):
    connection = asked(port, "[[split-utf8]] [[unchunked]]", stream=True)
    broken = 0
    with connection:
        while piece := connection.recv(65536):
            try:
                piece.decode()
            except UnicodeDecodeError:
                broken += 1
    assert broken >= 2


@pytest.mark.parametrize("text, events", [("[[silence]]", 0), ("[[silence 1]]", 1)])
def test_silence_lasts_until_the_client_leaves(port: int, text: str, events: int):
    connection = asked(port, text, stream=True)
    connection.settimeout(0.5)
    assert until_silent(connection).count(b"data: ") == events
    connection.settimeout(5)
    connection.shutdown(socket.SHUT_WR)
    assert received(connection) == (b"", b"")  # closed from the other side, too


def until_silent(connection: socket.socket) -> bytes:
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
    except TimeoutError:
        return data
    raise AssertionError("The connection was closed.")


def test_pauses_are_kept_and_do_not_hold_the_worker(port: int):
    ticks(port)
    began = time.monotonic()
    connections = [asked(port, "[[delay 0.3]] [[pace 0.02]] [[events 10]]", stream=True) for _ in range(10)]
    bodies = [received_chunked(connection) for connection in connections]
    took = time.monotonic() - began
    assert all(body.count(b"data: ") == 13 for body in bodies)
    assert 0.5 <= took < 5  # one after the other they would take that long at least
    assert ticks(port) < 1000


def test_many_vectors_do_not_hold_the_worker(port: int):
    ticks(port)
    began = time.monotonic()
    body = {"model": "text-embedding-3-large", "input": [f"text {number}" for number in range(100)]}
    assert len(posted(port, "openai/v1/embeddings", json.dumps(body).encode())["data"]) == 100
    assert ticks(port) < (time.monotonic() - began) * 1000 / 3


def test_the_echo_tells_path_and_chunked_body_as_they_were_sent(port: int):
    told = posted(port, "openai/v1/echo/%C3%BC/a%2Fb//c?x=%20+&y", iter([b"one ", b"two"]))
    assert told["path"] == "/sandbox/openai/v1/echo/%C3%BC/a%2Fb//c"
    assert (told["query"], told["body"]) == ("x=%20+&y", "one two")
    assert told["headers"]["transfer-encoding"] == "chunked"


def posted(port: int, path: str, body: bytes | Iterator[bytes]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", f"/sandbox/{path}", body, {"Authorization": f"Bearer {KEY}"})
    told = json.loads(connection.getresponse().read())
    connection.close()
    return told


def received_chunked(connection: socket.socket) -> bytes:
    data = b""
    with connection:
        while not data.endswith(b"0\r\n\r\n"):
            data += connection.recv(65536)
    return data


def ticks(port: int) -> float:
    """The worst lateness of the worker's tick since it was last asked, in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/sandbox/tick", headers={"Authorization": f"Bearer {KEY}"})
    told = json.loads(connection.getresponse().read())
    connection.close()
    return float(told["worst_ms"])
