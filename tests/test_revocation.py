"""A key that is taken back is refused within a second, in every worker and on connections already open."""

import contextlib
import http.client
import json
import time

import pytest

from tests import processes
from tests.servers import CHAT, Kind, question, within

pytestmark = pytest.mark.server

SECONDS = 1.0
CHANGE = """
import time
from django.utils import timezone
from keys.changes import changing
from keys.models import ApiKey, VirtualKey
row = {find}
with changing(row):
    {change}
    row.save()
print(time.time())
"""
ENDS = {
    "revoked key": ("ApiKey.objects.get(name='doomed')", "row.revoked_at = timezone.now()", 401),
    "expired key": ("ApiKey.objects.get(name='doomed')", "row.expires_at = timezone.now()", 401),
    "inactive virtual key": ("VirtualKey.objects.get(slug='openai-sandbox')", "row.active = False", 400),
    "inactive integration": (
        "VirtualKey.objects.get(slug='openai-sandbox').integration",
        "row.active = False",
        400,
    ),
}


@contextlib.contextmanager
def connections_to_every_worker(gatehouse, workers):
    """Kept alive, at least one to each worker."""
    with contextlib.ExitStack() as stack:
        held = {}
        for _ in range(40):
            connection = http.client.HTTPConnection("127.0.0.1", gatehouse.port, timeout=20)
            stack.callback(connection.close)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            held.setdefault(worker(gatehouse, connection), []).append(connection)
            if len(held) == workers and sum(map(len, held.values())) >= 2 * workers:
                break
        assert len(held) == workers
        yield [connection for those in held.values() for connection in those]


def worker(gatehouse, connection):
    return processes.serving(gatehouse.data, gatehouse.port, connection.sock.getsockname()[1])


def status(gatehouse, connection, key):
    headers = gatehouse.headers("openai-sandbox", key)
    connection.request("POST", CHAT, json.dumps(question()), headers)
    response = connection.getresponse()
    response.read()
    return response.status


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_what_was_taken_back_is_refused_within_a_second_by_every_worker(yard, database, end):
    find, change, refused = ENDS[end]
    with yard.started(Kind(database, 2)) as gatehouse:
        key = gatehouse.manage("create_api_key", "doomed")
        with connections_to_every_worker(gatehouse, 2) as connections:
            assert {status(gatehouse, connection, key) for connection in connections} == {200}
            changed = float(gatehouse.python(CHANGE.format(find=find, change=change)))
            for connection in connections:
                assert within(
                    changed + SECONDS - time.time(),
                    lambda connection=connection: status(gatehouse, connection, key) == refused,
                )
            assert {status(gatehouse, connection, key) for connection in connections} == {refused}
