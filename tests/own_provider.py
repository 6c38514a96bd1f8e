"""A provider inside the test process: a socket whose every byte, and whose every silence, a test decides.

It says nothing until a test teaches it what to do for a model's name, and remembers what it was asked
and when the connection was closed. The sandbox is for what a provider ordinarily does; this is for what
can only be seen from the provider's side.
"""

import contextlib
import functools
import itertools
import json
import random
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SSE = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
Manner = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request the provider was sent, and the socket its answer goes to. Times are monotonic."""

    socket: socket.socket
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    arrived: float = field(default_factory=time.monotonic)
    left: float | None = None
    gone: threading.Event = field(default_factory=threading.Event)

    @functools.cached_property
    def model(self) -> str:
        with contextlib.suppress(ValueError, AttributeError):
            return str(json.loads(self.body).get("model", ""))
        return ""

    def send(self, text: str | bytes) -> None:
        """Bytes as they are."""
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def reply(
        self,
        status: int,
        body: str | bytes,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A whole answer."""
        body = body.encode() if isinstance(body, str) else body
        head = f"HTTP/1.1 {status} Said\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self.send(f"{head}{more}connection: close\r\n\r\n".encode() + body)

    def wait_for_the_end(self) -> None:
        """Say nothing until the other side closes; when that was is in `left`."""
        with contextlib.suppress(OSError):
            while self.socket.recv(4096):
                pass
        self.left = time.monotonic()
        self.gone.set()

    def reset(self) -> None:
        """Break the connection off with a reset, as a crashing provider does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class OwnProvider:
    """Listens on a free port of 127.0.0.1 until closed."""

    def __init__(self) -> None:
        self.manners: dict[str, Manner] = {}
        self.exchanges: list[Exchange] = []
        self.news = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def learn(self, manner: Manner) -> str:
        """The name of a model for which the provider behaves so."""
        model = f"own-{uuid.uuid4().hex[:12]}"
        self.manners[model] = manner
        return model

    def asked(self, model: str, seconds: float = 10) -> Exchange:
        """The first request for `model`, waited for."""
        with self.news:
            found = self.news.wait_for(lambda: self._find(model), seconds)
        assert found, f"The provider was not asked for {model} within {seconds} s."
        return found

    def times_asked(self, model: str) -> int:
        with self.news:
            return sum(exchange.model == model for exchange in self.exchanges)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _find(self, model: str) -> Exchange | None:
        return next((exchange for exchange in self.exchanges if exchange.model == model), None)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            exchange = read(connection)
            if exchange is None:
                return
            with self.news:
                self.exchanges.append(exchange)
                self.news.notify_all()
            self.manners.get(exchange.model, unknown)(exchange)


def read(connection: socket.socket) -> Exchange | None:
    """The request, or None if the other side leaves before it is whole."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (chunk := connection.recv(65536)):
            return None
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        if not (chunk := connection.recv(65536)):
            return None
        body += chunk
    return Exchange(connection, method, path, headers, body)


def unknown(exchange: Exchange) -> None:
    exchange.reply(404, json.dumps({"error": {"message": f"No manners for {exchange.model!r}."}}))


def silent(exchange: Exchange) -> None:
    """Takes the request and never says a word."""
    exchange.wait_for_the_end()


def saying(*events: str, end: Manner = silent) -> Manner:
    """Opens a stream, sends `events`, then does as `end` says (nothing, for ever)."""

    def manner(exchange: Exchange) -> None:
        exchange.send(SSE + "".join(events))
        end(exchange)

    return manner


def leaving(_: Exchange) -> None:
    """Closes the connection, politely."""


def answering(content: str = "Hi") -> Manner:
    """A whole chat answer."""
    return lambda exchange: exchange.reply(200, whole(content))


def refusing(status: int, message: str = "No.", **headers: str) -> Manner:
    """An error; `retry_after_ms="5"` is the header of that name."""
    said = json.dumps({"error": {"message": message, "type": "t", "code": "c"}})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.reply(status, said, headers=named)


def in_turn(*manners: Manner) -> Manner:
    """The first request is met by the first manner, the next by the next; the last stays."""
    coming = itertools.chain(manners, itertools.repeat(manners[-1]))
    return lambda exchange: next(coming)(exchange)


def by_lot(seed: int, chance: float, one: Manner, other: Manner) -> Manner:
    """`one` with this chance, else `other`: the same sequence for the same seed."""
    draws = random.Random(seed)
    return lambda exchange: (one if draws.random() < chance else other)(exchange)


def chunk(content: str | None = None, role: str | None = None, finish: str | None = None) -> str:
    """An event of an OpenAI chat stream."""
    delta = {"role": role, "content": content}
    choice = {"index": 0, "delta": {k: v for k, v in delta.items() if v is not None}, "finish_reason": finish}
    return data(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
    )


def data(value: Any, event: str = "") -> str:
    """One event of a stream; `event` is its name, where the format has names."""
    named = f"event: {event}\n" if event else ""
    return f"{named}data: {json.dumps(value)}\n\n"


OPENING = chunk("", role="assistant")
DONE = "data: [DONE]\n\n"
MESSAGE_START = data(
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1},
        },
    },
    "message_start",
)
TEXT_START = data(
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    "content_block_start",
)


def text_delta(text: str) -> str:
    """A piece of text in Anthropic's stream."""
    delta = {"type": "text_delta", "text": text}
    return data({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")


def whole(content: str, model: str = "m") -> str:
    """A whole OpenAI chat answer."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [choice],
            "usage": usage,
        }
    )


@contextlib.contextmanager
def listening() -> Iterator[OwnProvider]:
    provider = OwnProvider()
    try:
        yield provider
    finally:
        provider.close()
