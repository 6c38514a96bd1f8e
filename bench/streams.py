"""A client for many streams at once, light enough to share a core with nginx: one loop over bare sockets.

Told by the environment what to ask (bench/load.py), it prints what it saw as JSON. Each event carries the
millisecond in which nginx sent it; how late an event is, is how long it took from there to here.
"""

import json
import os
import re
import resource
import selectors
import socket
import time
from collections.abc import Mapping
from typing import Any

from bench.upstream import EVENTS

SENT = re.compile(rb"T(\d{13})")
END = b"\r\n0\r\n\r\n"  # of a chunked answer
LINGER = 30.0  # seconds after the last beginning until what has not ended counts as broken
RAMP = 5.0  # seconds over which the first streams begin, so that they are not in step


class Stream:
    """One connection and the stream on it."""

    def __init__(self, begins: float) -> None:
        self.begins = begins
        self.socket: socket.socket | None = None
        self.tail = b""
        self.events = 0


class Crowd:
    """All of them, and what has been counted."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.request = request(plan)
        self.address = ("127.0.0.1", int(plan["port"]))
        self.began = time.time()
        self.ramp = min(RAMP, plan["seconds"] / 3)
        self.until = self.began + plan["seconds"]
        step = self.ramp / plan["number"]
        self.waiting = [Stream(self.began + i * step) for i in reversed(range(plan["number"]))]
        self.open = selectors.DefaultSelector()
        self.late: list[int] = []
        self.steady = 0
        self.finished = self.lost = self.broken = 0

    def run(self) -> dict[str, float]:
        while time.time() < self.until + LINGER and (self.waiting or self.open.get_map()):
            self.begin_those_due()
            for key, _ in self.open.select(0.01):
                self.read(key.data)
        self.broken += len(self.open.get_map())
        late = sorted(self.late) or [0]
        return {
            "finished": self.finished,
            "lost": self.lost,
            "broken": self.broken,
            "events_per_second": self.steady / (self.until - self.began - self.ramp),
            "p50": late[len(late) // 2],
            "p99": late[len(late) * 99 // 100],
            "worst": late[-1],
        }

    def begin_those_due(self) -> None:
        now = time.time()
        while self.waiting and self.waiting[-1].begins <= now:
            stream = self.waiting.pop()
            if now < self.until:
                self.begin(stream)

    def begin(self, stream: Stream) -> None:
        if stream.socket is None:
            stream.socket = socket.create_connection(self.address, timeout=30)
            stream.socket.setblocking(False)
            self.open.register(stream.socket, selectors.EVENT_READ, stream)
        stream.tail, stream.events = b"", 0
        stream.socket.send(self.request)

    def read(self, stream: Stream) -> None:
        assert stream.socket is not None
        try:
            data = stream.socket.recv(262144)
        except ConnectionError:
            data = b""
        if not data:
            self.broken += 1
            self.close(stream)
            return
        self.note(stream, stream.tail + data)
        if stream.tail.endswith(END):
            self.end(stream)

    def note(self, stream: Stream, data: bytes) -> None:
        """Count the events in `data`, and keep what may be the beginning of another."""
        now, past = time.time(), 0
        for found in SENT.finditer(data):
            self.late.append(int(now * 1000) - int(found[1]))
            stream.events += 1
            self.steady += self.began + self.ramp <= now < self.until
            past = found.end()
        stream.tail = data[past:][-13:]

    def end(self, stream: Stream) -> None:
        if stream.events:
            self.finished += 1
            self.lost += EVENTS - stream.events
        else:
            self.broken += 1
        if time.time() < self.until:
            self.begin(stream)
        else:
            self.close(stream)

    def close(self, stream: Stream) -> None:
        assert stream.socket is not None
        self.open.unregister(stream.socket)
        stream.socket.close()


def request(plan: Mapping[str, Any]) -> bytes:
    head = [f"POST {plan['path']} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    head += [f"{name}: {value}" for name, value in plan["headers"].items()]
    body = str(plan["body"]).encode()
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(Crowd(json.loads(os.environ["BENCH_PLAN"])).run()))


if __name__ == "__main__":
    main()
