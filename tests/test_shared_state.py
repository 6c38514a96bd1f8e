"""The way to Redis: what comes of it when Redis is there, is away, dies and comes back."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pytest_django import Settings

from shared_state import checks, link, punctual
from shared_state.link import Away, Link
from tests.canned import Canned, Line
from tests.postgres import free_port
from tests.redis_server import Given, Own, forked

Server = Own | Given


@pytest.fixture
def name() -> str:
    return link.key("test", uuid4().hex)


def ask(way: Link, name: str) -> object:
    with way.use() as client:
        return client.get(name)


def try_to_ask(way: Link) -> None:
    with contextlib.suppress(Away):
        ask(way, "k")


def test_what_one_writes_another_reads(redis: Server, name: str):
    with link.use() as client:
        client.set(name, b"\x00\xff", ex=60)
    assert ask(Link(), name) == b"\x00\xff"
    assert name.startswith("gatehouse:")


def test_without_a_url_there_is_none(settings: Settings):
    settings.REDIS_URL = ""
    assert (link.is_configured(), link.state()) == (False, "none")
    with pytest.raises(Away), link.use():
        pass


def test_without_a_url_the_library_is_not_even_imported():
    program = (
        "import django, sys; django.setup();"
        "from django.core.checks import run_checks; run_checks(tags=['security']);"
        "from configs import breaker, sticky; from configs.tree import BreakerRule, Sticky;"
        "breaker.note('k', BreakerRule(30, 1), 500); assert breaker.is_open('k', BreakerRule(30, 1));"
        "sticky.remembered('p', 'i', [(0, 1.0)], 60);"
        "assert 'redis' not in sys.modules"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "REDIS_URL": ""}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_redis_that_dies_is_away_and_is_there_again_by_itself(
    redis: Server, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link, "AWAY_SECONDS", 0.1)
    ask(link.LINK, name)
    assert link.state() == "there"
    redis.stop()
    with pytest.raises(Away):
        ask(link.LINK, name)
    assert link.state() == "away"
    redis.start()
    time.sleep(0.15)
    assert link.state() == "there"
    assert ask(link.LINK, name) is None


@pytest.mark.parametrize(
    "said", [b"$abc\r\n", b":abc\r\n", b"*1\r\n" * 3_000 + b":1\r\n", b"?\r\n", b"$-5\r\n"]
)
def test_an_answer_that_is_none_is_as_no_answer(said: bytes):
    def serve(line: Line) -> None:
        while line.sock.recv(4096):
            line.say(said)

    server = Canned(serve)
    way = Link(f"redis://127.0.0.1:{server.port}/0")
    with pytest.raises(Away):
        ask(way, "k")
    server.close()


def test_idle_connections_do_not_spoil_the_first_questions_after_a_restart(redis: Server, name: str):
    meet = threading.Barrier(4)
    seen: list[object] = []

    def hold() -> None:
        with link.use() as client, client.client() as own:  # a connection for each
            own.get(name)
            meet.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    redis.stop()
    redis.start()
    for _ in range(4):
        seen.append(ask(link.LINK, name))
    assert seen == [None] * 4


class Silent:
    """A server that takes connections and says nothing."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.held: list[socket.socket] = []
        self.link = Link(f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0")

    def was_asked(self, within: float = 0) -> bool:
        """Whether somebody connected since the last look."""
        self.listener.settimeout(within)
        with contextlib.suppress(OSError):
            self.held.append(self.listener.accept()[0])
            return True
        return False

    def close(self) -> None:
        for each in (self.listener, *self.held):
            each.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


def test_while_it_is_away_nobody_waits_for_it_again(silent: Silent):
    try_to_ask(silent.link)
    assert silent.was_asked()
    for _ in range(1_000):
        with pytest.raises(Away):
            ask(silent.link, "k")
    assert not silent.was_asked()


def test_one_tries_for_all_when_the_time_has_come(silent: Silent, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(link, "AWAY_SECONDS", 60)
    silent.link._again = time.monotonic()  # it was away, and its second is over
    trying = threading.Thread(target=try_to_ask, args=(silent.link,))
    trying.start()
    until = time.monotonic() + 10
    while silent.link._again < time.monotonic() and time.monotonic() < until:
        time.sleep(0.001)
    for _ in range(3):
        with pytest.raises(Away, match="a moment ago"):
            ask(silent.link, "k")
    assert silent.was_asked(within=10)
    trying.join()
    assert not silent.was_asked()


def test_a_command_that_is_refused_is_away_for_its_user_alone(
    redis: Server, name: str, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(Away), link.use() as client:
        client.execute_command("NO-SUCH-COMMAND", "a secret")
    assert link.state() == "there"
    assert "a secret" not in caplog.text


def test_an_outage_is_spoken_of_once_and_without_the_password(caplog: pytest.LogCaptureFixture):
    way = Link(f"redis://somebody:a-secret-word@127.0.0.1:{free_port()}/0")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            way._again = None
            with pytest.raises(Away) as raised:
                ask(way, "k")
    assert len(caplog.records) == 1
    assert "refused" in caplog.text
    assert "a-secret-word" not in caplog.text + str(raised.value) + repr(raised.value.__cause__)


def test_a_forked_process_has_connections_of_its_own(redis: Server, name: str):
    with link.use() as client:
        client.set(name, b"mine", ex=60)
    before = link.LINK._client
    reading, writing = os.pipe()
    if (child := forked()) == 0:
        try:
            kept = link.LINK._client is before
            os.write(writing, b"old" if kept else bytes(str(ask(link.LINK, name)), "ascii"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"b'mine'"
    os.close(reading)
    os.close(writing)
    assert ask(link.LINK, name) == b"mine"


class Dripping(Silent):
    """A server that answers each connection with a byte every so often, of an answer that never ends."""

    def __init__(self, every: float, beginning: bytes = b"$100000\r\n") -> None:
        super().__init__()
        self.every, self.beginning = every, beginning
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.held.append(self.listener.accept()[0])
                threading.Thread(target=self.drip, args=(self.held[-1],), daemon=True).start()

    def drip(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(self.beginning)
            while True:
                connection.sendall(b"x")
                time.sleep(self.every)


@pytest.fixture
def dripping() -> Iterator[Dripping]:
    server = Dripping(0.02)
    yield server
    server.close()


def test_a_redis_that_answers_drop_by_drop_is_away_when_the_time_of_one_use_is_over(
    dripping: Dripping, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link, "USE_SECONDS", 0.2)
    done: list[object] = []

    def use() -> None:
        try:
            done.append(ask(dripping.link, "k"))
        except Away:
            done.append("away")

    asking = threading.Thread(target=use, daemon=True)
    asking.start()
    asking.join(10)  # the answer would take half an hour
    assert done == ["away"]


def test_a_use_that_is_over_leaves_no_deadline_behind(redis: Server, name: str):
    ask(link.LINK, name)
    assert punctual.left() is None
    with punctual.within(0), pytest.raises(TimeoutError):
        punctual.left()
    with pytest.raises(Away), punctual.within(0):
        ask(link.LINK, name)
    link.forget()
    assert ask(link.LINK, name) is None


def test_under_gevent_a_silent_redis_holds_nobody_else_up():
    program = """
from gevent import monkey; monkey.patch_all()
import django; django.setup()
import gevent, socket, time
import redis
from shared_state.link import Away, Link
silent = socket.create_server(("127.0.0.1", 0))
way, longest, last = Link(f"redis://127.0.0.1:{silent.getsockname()[1]}/0"), 0.0, time.monotonic()
way.client()
def ask():
    try:
        with way.use() as client:
            client.get("k")
    except Away:
        return "away"
def tick():
    turns = 0
    while not all(each.ready() for each in asking):
        gevent.sleep(0.01)
        turns += 1
    return turns
asking = [gevent.spawn(ask) for _ in range(50)]
turns = tick()
assert {each.value for each in asking} == {"away"}
assert turns > 5, turns
"""
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://h",
        "redis://u:p@h:6379/2",
        "rediss://h/0?ssl_cert_reqs=none",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_a_url_of_a_redis_is_taken(url: str, settings: Settings):
    settings.REDIS_URL = url
    assert checks.redis_url() == []


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://:a-secret-word@h",
        "redis://:a-secret-word@h:port/0",
        "redis://:a-secret-word@[::1",
        "redis://:a-secret-word@h?nonsense=a-secret-word",
        "redis://:a-secret-word@h?socket_timeout=a-secret-word",
    ],
)
def test_a_url_that_is_none_stops_the_start_and_is_not_repeated(url: str, settings: Settings):
    settings.REDIS_URL = url
    [error] = checks.redis_url()
    assert (error.id, error.is_serious()) == ("shared_state.E001", True)
    assert "a-secret-word" not in error.msg
