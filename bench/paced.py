"""Streams of the sandbox that run beside whatever is measured, and how late their events come.

One thread reads them all over bare sockets. Sandbox, gateway and streams share one worker, so an event is
late by what held the worker, twice: when the sandbox would send it, and when it is passed on.
"""

import json
import selectors
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.load import PATH

PACE = 0.05  # seconds between two events
EVENTS = 400  # of a stream, which is followed by another; the sandbox has all of them in memory
END = b"\r\n0\r\n\r\n"  # of a chunked answer


class Broken(Exception):
    """A stream was refused, or broke off."""


@dataclass(slots=True)
class Paced:
    """One stream and when its last event came."""

    socket: socket.socket
    last: float = 0.0
    tail: bytes = b""


@dataclass
class Streams:
    """`number` of them, from entering the context to leaving it."""

    port: int
    headers: Mapping[str, str]
    number: int
    open: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    late: list[float] = field(default_factory=list)  # seconds, of every event since the last question
    broken: str = ""
    over: bool = False

    def __enter__(self) -> "Streams":
        for _ in range(self.number):
            made = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            made.sendall(self.request)
            self.open.register(made, selectors.EVENT_READ, Paced(made))
        self.thread = threading.Thread(target=self.read, name="paced", daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.over = True
        self.thread.join()
        for key in list(self.open.get_map().values()):
            key.data.socket.close()
        self.open.close()

    @cached_property
    def request(self) -> bytes:
        said = [{"role": "user", "content": f"[[events {EVENTS}]] [[pace {PACE}]]"}]
        body = json.dumps({"model": "sandbox-model", "stream": True, "messages": said}).encode()
        head = [f"POST {PATH} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body

    def read(self) -> None:
        while not (self.over or self.broken):
            for key, _ in self.open.select(0.1):
                self.note(key.data)

    def note(self, stream: Paced) -> None:
        """One event or several that came together; the first of them tells how late they are."""
        data = stream.socket.recv(65536)
        now = time.monotonic()
        begins, stream.tail = not stream.tail, (stream.tail + data)[-len(END) :]
        if begins and not data.startswith(b"HTTP/1.1 200 "):
            self.broken = f"A stream was refused: {data[:300]!r}"
        elif not data:
            self.broken = "A stream broke off."
        elif stream.tail == END:
            stream.last, stream.tail = 0.0, b""
            stream.socket.sendall(self.request)
        elif b"data: " in data:
            if stream.last:
                self.late.append(max(now - stream.last - PACE, 0.0))
            stream.last = now

    def worst(self) -> float:
        """Seconds by which an event was late at worst since the last question. Raises Broken."""
        if self.broken:
            raise Broken(self.broken)
        seen, self.late = self.late, []
        return max(seen, default=0.0)
