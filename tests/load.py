"""Many calls at once against a server that may be killed at any moment, and what became of each."""

import http.client
import json
import queue
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.servers import CHAT, Gatehouse, question, within

LONG = "[[events 4]] [[pace 0.03]]"  # every tenth call: a stream that is likely to be met half-way


@dataclass
class Load:
    """Calls by their trace ids. `answered`: to the last byte; `begun`: some of the answer came; `lost`: none.

    A call that met no server (the connection was refused) was not made, and is made again.
    """

    gatehouse: Gatehouse
    prefix: str
    answered: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    threads: list[threading.Thread] = field(default_factory=list)
    waiting: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)

    def start(self, calls: int, threads: int = 12) -> "Load":
        for number in range(calls):
            self.waiting.put(f"{self.prefix}-{number:05d}")
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()
        return self

    def wait_until_answered(self, calls: int, seconds: float = 60) -> None:
        assert within(seconds, lambda: len(self.answered) >= calls), self

    def finish(self, seconds: float = 120) -> None:
        until = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(until - time.monotonic(), 0))
        assert not any(thread.is_alive() for thread in self.threads), self

    def __str__(self) -> str:
        met = f"{len(self.answered)} answered, {len(self.begun)} broken off, {len(self.lost)} lost"
        return f"{met}, {self.waiting.qsize()} to be made; statuses {dict(self.statuses)}"

    def _work(self) -> None:
        connection = self._connection()
        while True:
            try:
                trace = self.waiting.get_nowait()
            except queue.Empty:
                connection.close()
                return
            if not self._call(connection, trace):
                connection.close()
                connection = self._connection()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.gatehouse.port, timeout=30)

    def _call(self, connection: http.client.HTTPConnection, trace: str) -> bool:
        """Make one call; whether the connection can be used again."""
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            self.waiting.put(trace)
            time.sleep(0.1)
            return False
        known = self.lost
        try:
            connection.request("POST", CHAT, *self._request(trace))
            response = connection.getresponse()
            known = self.begun
            response.read()
        except (OSError, http.client.HTTPException):
            known.add(trace)
            return False
        self.statuses[response.status] += 1
        self.answered.add(trace)
        return not response.will_close

    def _request(self, trace: str) -> tuple[bytes, dict[str, str]]:
        body: Any = question(LONG, stream=True) if trace.endswith("0") else question(f"Call {trace}")
        headers = self.gatehouse.headers("openai-sandbox") | {"x-portkey-trace-id": trace}
        return json.dumps(body).encode(), headers


def accounted(load: Load, seconds: float = 40) -> dict[str, str]:
    """The outcome of each call that has a row, once every call answered or begun has one. Never two."""
    must = load.answered | load.begun
    assert within(seconds, lambda: must <= set(load.gatehouse.traces(load.prefix))), missing(load, must)
    time.sleep(0.6)  # a second row would come with the next batch
    traces = Counter(load.gatehouse.traces(load.prefix))
    assert [trace for trace, rows in traces.items() if rows > 1] == []
    rows = load.gatehouse.query(
        "SELECT trace_id, outcome FROM logs_requestlog WHERE trace_id LIKE ?", f"{load.prefix}%"
    )
    return {row["trace_id"]: row["outcome"] for row in rows}


def missing(load: Load, must: set[str]) -> str:
    without = sorted(must - set(load.gatehouse.traces(load.prefix)))
    return f"{len(without)} of {len(must)} calls have no row: {without[:10]}; {load}"
