"""Connections by the worker that serves them: what one process knows, another may not."""

import contextlib
import http.client
import json
from collections.abc import Iterator

from tests import processes
from tests.servers import CHAT, Gatehouse, question


@contextlib.contextmanager
def connections(gatehouse: Gatehouse) -> Iterator[list[http.client.HTTPConnection]]:
    """Kept alive, to every worker at least one and two for each on average."""
    workers = int(gatehouse.environment["WEB_CONCURRENCY"])
    with contextlib.ExitStack() as stack:
        held: dict[int | None, list[http.client.HTTPConnection]] = {}
        while len(held) < workers or sum(map(len, held.values())) < 2 * workers:
            connection = http.client.HTTPConnection("127.0.0.1", gatehouse.port, timeout=20)
            stack.callback(connection.close)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            held.setdefault(serving(gatehouse, connection), []).append(connection)
            assert sum(map(len, held.values())) < 100, "One worker takes every connection."
        yield [connection for those in held.values() for connection in those]


def serving(gatehouse: Gatehouse, connection: http.client.HTTPConnection) -> int | None:
    assert connection.sock is not None
    return processes.serving(gatehouse.data, gatehouse.port, connection.sock.getsockname()[1])


def status(
    gatehouse: Gatehouse,
    connection: http.client.HTTPConnection,
    key: str | None = None,
    virtual_key: str = "openai-sandbox",
) -> int:
    """What a chat call on this connection is answered with."""
    headers = gatehouse.headers(virtual_key, key)
    connection.request("POST", CHAT, json.dumps(question()), headers)
    response = connection.getresponse()
    response.read()
    return response.status


def introduce(gatehouse: Gatehouse) -> None:
    """Make the API key and the virtual key known to every worker."""
    with connections(gatehouse) as held:
        assert {status(gatehouse, connection) for connection in held} == {200}
