"""How gunicorn is set up, seen from outside."""

import json
import socket
import time

import pytest

from tests import processes
from tests.servers import KINDS

pytestmark = [pytest.mark.server, pytest.mark.alone]


@pytest.fixture(scope="module")
def lite(yard):
    with yard.started(KINDS["sqlite-1-worker"], GRACE_SECONDS="30") as gatehouse:
        yield gatehouse


@pytest.mark.parametrize("size, status", [(100_000, 200), (140_000, 431)])
def test_a_header_may_hold_a_config(lite, size, status):
    answer = lite.chat(headers={"x-portkey-metadata": json.dumps({"a": "x" * size})})
    assert answer.status == status


def test_what_its_processes_keep_is_for_its_owner_alone(lite):
    assert lite.chat().status == 200
    for pid in processes.of(lite.data):
        status = (processes.PROC / str(pid) / "status").read_text()
        assert "\nUmask:\t0077\n" in status


def test_idle_connections_do_not_delay_a_stop(lite):
    """They would: they are kept open for 75 s, and the grace is 30."""
    with socket.create_connection(("127.0.0.1", lite.port)) as silent:
        with socket.create_connection(("127.0.0.1", lite.port)) as served:
            served.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert served.recv(12) == b"HTTP/1.1 200"
            time.sleep(0.2)
            begun = time.monotonic()
            assert lite.stop(20)
            assert time.monotonic() - begun < 10
        silent.settimeout(5)
        assert silent.recv(100) == b"", "An idle connection is closed without a word."
    assert not processes.of(lite.data)
    assert "Traceback" not in lite.log.read_text()
