"""What one call costs this process: WSGI in, a canned upstream, both lines of the journal; no network.

    python -m bench.cpu               µs of CPU for a whole call and for a stream of 50 events
    python -m bench.cpu --profile     and where they go

The application is the one gunicorn serves, under gevent as in a worker, with a key and virtual keys of its
own in a directory that is removed afterwards. The connection to the provider is the one thing that is
played: it takes what is written and gives canned bytes, an event at a time. Rounds are short and many; the
least of them counts, since other work on the machine only ever adds. On a quiet one it repeats within 3 %.
"""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402 - the sockets of what follows are gevent's
import cProfile  # noqa: E402
import gc  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import pstats  # noqa: E402
import socket  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterable, Iterator  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from bench import load, upstream  # noqa: E402
from bench.contestants import gatehouse_settings  # noqa: E402

ROUNDS = 150
CALLS = {"whole": 40, "stream": 15}  # in a round: some 10 ms, short enough to fall between disturbances
PROFILED = 500  # calls
GARBAGE = 20_000  # as gunicorn.conf.py has it: with Python's 700 this would measure the collector, too
FALLBACK = {
    "strategy": {"mode": "fallback", "on_status_codes": [429, 500, 502, 503]},
    "retry": {"attempts": 2},
    "targets": [
        {"provider": "@openai", "override_params": {"model": "gpt-4o-mini"}},
        {"provider": "@openai", "override_params": {"model": "gpt-4o"}},
        {"provider": "@anthropic", "override_params": {"model": "claude-haiku-4-5", "max_tokens": 1024}},
    ],
}
CACHED = {"provider": "@openai", "cache": {"mode": "simple"}}
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of call: how it is named, what is asked, and the pieces in which the provider answers.

    `config`: what the call follows; without one it names its virtual key.
    """

    name: str
    provider: str
    stream: bool
    answer: tuple[bytes, ...]
    config: str = ""


def main() -> None:
    wanted = options()
    with tempfile.TemporaryDirectory(prefix="gatehouse-cpu-") as name:
        settings = gatehouse_settings(Path(name), port=8000)
        os.environ.clear()
        os.environ.update(settings)
        caller = Caller(prepared())
        for work in works():
            if wanted.only in (None, work.name):
                told = caller.measured(work, wanted.rounds)
                print(
                    f"{work.name:18} {told.least:8.1f} µs   tenth {told.tenth:.1f}, median {told.median:.1f}"
                )
                if wanted.profile:
                    caller.profiled(work)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.cpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=[work.name for work in works()])
    parser.add_argument("--profile", action="store_true", help="show the functions that cost most")
    return parser.parse_args()


def works() -> Iterator[Work]:
    """What is measured: both providers' words, whole and streamed; a config of three targets; the cache."""
    yield Work("openai", "openai", False, whole(upstream.ANSWER))
    yield Work("openai-fallback", "openai", False, whole(upstream.ANSWER), json.dumps(FALLBACK))
    yield Work("openai-cached", "openai", False, whole(upstream.ANSWER), json.dumps(CACHED))
    yield Work("openai-stream", "openai", True, chunked(stamped(upstream.stream())))
    yield Work("anthropic", "anthropic", False, whole(message()))
    yield Work("anthropic-stream", "anthropic", True, chunked(message_events()))


def whole(answer: object) -> tuple[bytes, ...]:
    body = json.dumps(answer).encode()
    head = "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
    head += "Content-Type: application/json\r\nConnection: keep-alive\r\n"
    return (f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body,)


def chunked(events: Iterable[bytes]) -> tuple[bytes, ...]:
    head = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
    head += b"Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
    return (head, *(b"%x\r\n%s\r\n" % (len(event), event) for event in events), b"0\r\n\r\n")


def stamped(events: Iterable[str]) -> Iterator[bytes]:
    for event in events:
        yield f"{event}\n\n".encode()
    yield b"data: [DONE]\n\n"


def message() -> dict[str, Any]:
    said = [{"type": "text", "text": upstream.MESSAGE}]
    return {**message_head(), "content": said, "stop_reason": "end_turn"}


def message_head() -> dict[str, Any]:
    usage = {"input_tokens": 24, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    head = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
    return {**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 21}}


def message_events() -> Iterator[bytes]:
    """As many events as the other stream has: six frame the text, the others are of it."""
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    yield named("message_start", {"message": message_head()})
    yield named("content_block_start", block)
    yield named("ping", {})
    for _ in range(upstream.EVENTS - 6):
        yield named("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": " word"}})
    yield named("content_block_stop", {"index": 0})
    yield named("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 21}})
    yield named("message_stop", {})


def named(event: str, data: dict[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n".encode()


def prepared() -> tuple[Application, str]:
    """The application over databases of its own, and a key that may call it."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.settings"
    import django
    from django.core.management import call_command

    django.setup()
    for alias in ("default", "logs"):
        call_command("migrate", database=alias, verbosity=0)
    from gateway_site.wsgi import application
    from keys.creation import create_api_key, create_virtual_key
    from keys.models import Workspace

    workspace = Workspace.objects.default()
    for provider in ("openai", "anthropic"):
        create_virtual_key(
            workspace, provider, provider=provider, secret="sk-bench-0123456789", slug=provider
        )
    return application, create_api_key(workspace, "bench")[1]


@dataclass(frozen=True, slots=True)
class Told:
    """µs of CPU for one call: the least of all rounds, what a tenth of them stay below, the median."""

    least: float
    tenth: float
    median: float


class Caller:
    """Calls the application, again and again, with the connection to the provider played."""

    def __init__(self, prepared: tuple[Application, str]) -> None:
        self.application, self.key = prepared
        self.client, self.kept = socket.socketpair()

    def measured(self, work: Work, rounds: int) -> Told:
        number = CALLS["stream" if work.stream else "whole"]
        with played(work.answer):
            self.check(work)
            self.calls(work, number)  # warm
            gc.collect()
            gc.freeze()
            gc.set_threshold(GARBAGE, 20, 20)
            costs = sorted(self.round(work, number) for _ in range(rounds))
        return Told(costs[0], costs[len(costs) // 10], costs[len(costs) // 2])

    def round(self, work: Work, number: int) -> float:
        before = time.process_time()
        self.calls(work, number)
        return (time.process_time() - before) / number * 1e6

    def profiled(self, work: Work) -> None:
        profile = cProfile.Profile()
        with played(work.answer):
            profile.enable()
            self.calls(work, PROFILED)
            profile.disable()
        stats = pstats.Stats(profile).strip_dirs()
        stats.sort_stats("tottime").print_stats(35)
        stats.sort_stats("cumtime").print_stats(60)

    def check(self, work: Work) -> None:
        """Raises unless the call is answered as it should be."""
        status, body = self.call(work)
        whole_stream = b"[DONE]" in body if work.stream else b'"choices"' in body
        if not status.startswith("200") or not whole_stream:
            raise RuntimeError(f"{work.name} was answered with {status}: {body[:500]!r}")

    def calls(self, work: Work, number: int) -> None:
        for _ in range(number):
            self.call(work)

    def call(self, work: Work) -> tuple[str, bytes]:
        said: list[str] = []
        answer = self.application(self.environ(work), lambda status, headers, *_: said.append(status))
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return said[0], body

    def environ(self, work: Work) -> dict[str, Any]:
        """What gunicorn hands over for the request of `make bench`."""
        named = {"HTTP_X_PORTKEY_VIRTUAL_KEY": work.provider}
        if work.config:
            named = {"HTTP_X_PORTKEY_CONFIG": work.config}
        return {
            **SERVED,
            "wsgi.input": io.BytesIO(BODIES[work.stream]),
            "gunicorn.socket": self.client,
            "CONTENT_LENGTH": str(len(BODIES[work.stream])),
            "HTTP_X_PORTKEY_API_KEY": self.key,
            **named,
        }


BODIES = {stream: load.body(stream=stream).encode() for stream in (False, True)}
SERVED = {
    "wsgi.errors": io.StringIO(),
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "wsgi.url_scheme": "http",
    "REQUEST_METHOD": "POST",
    "QUERY_STRING": "",
    "RAW_URI": load.PATH,
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "gunicorn",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "8000",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "50000",
    "PATH_INFO": load.PATH,
    "SCRIPT_NAME": "",
    "CONTENT_TYPE": "application/json",
    "HTTP_HOST": "127.0.0.1:8000",
    "HTTP_USER_AGENT": "OpenAI/Python 2.8.0",
    "HTTP_ACCEPT": "application/json",
}


class Played:
    """A connection's socket: takes what is written, gives the canned pieces one by one, again and again."""

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self.pieces = pieces
        self.next = 0

    def settimeout(self, _: float | None) -> None:
        """It never waits."""

    def sendall(self, _: bytes) -> None:
        self.next = 0

    def recv(self, _: int) -> bytes:
        piece = self.pieces[self.next]
        self.next += 1
        return piece

    def close(self) -> None:
        """Nothing is open."""


class played:  # noqa: N801 - reads as what it does
    """While it lasts, every idle connection is one that gives these pieces."""

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        from proxy.connections import Connection, Pool

        self.pool, self.real = Pool, (Pool.take, Pool.give)
        self.connection = Connection("127.0.0.1")
        self.connection.sock = Played(pieces)  # type: ignore[assignment]
        self.connection.reused = True

    def __enter__(self) -> None:
        self.pool.take = lambda _: self.connection  # type: ignore[method-assign]
        self.pool.give = lambda *_: None  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        self.pool.take, self.pool.give = self.real  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
