"""A month's partition is made while others read the log: none of them misses a call for it."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from logs import partitions
from logs.models import RequestLog
from tests import log_databases
from tests.servers import Yard
from tests.test_retention import minted

pytestmark = [pytest.mark.server, pytest.mark.django_db(databases=["default", "logs"])]

MONTH = datetime(2031, 5, 1, tzinfo=UTC)
TABLE, PARTITION = "logs_requestlog", "logs_requestlog_2031_05"
COUNT = "SELECT count(*) FROM {}"
WAIT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LONG = 20  # seconds


@pytest.fixture
def log(yard: Yard) -> Iterator[Any]:
    with log_databases.postgres(yard, "partitions") as connection, log_databases.used(connection):
        connection.inc_thread_sharing()
        yield connection


@pytest.fixture
def url(log: Any) -> str:
    told = log.settings_dict
    return f"postgres://{told['USER']}@{told['HOST']}:{told['PORT']}/{told['NAME']}"


def make(log: Any) -> None:
    """In a thread of its own, in which the log is there too."""
    with log_databases.used(log):
        partitions.create(log, TABLE, "id", PARTITION, MONTH, partitions.month_after(MONTH))


def count(url: str, table: str = TABLE) -> int:
    with psycopg.connect(url) as connection:
        (number,) = connection.execute(COUNT.format(table)).fetchone() or (0,)
        return int(number)


def until_waiting(url: str, number: int) -> None:
    until = time.monotonic() + LONG
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(WAIT).fetchone() != (number,):
            assert time.monotonic() < until
            time.sleep(0.01)


def test_who_reads_while_strays_move_misses_none(log: Any, url: str) -> None:
    for _ in range(25):
        RequestLog.objects.create(id=minted(MONTH), created_at=MONTH, outcome="finished")
    counted: list[int] = []
    asking = threading.Thread(target=lambda: counted.append(count(url)))
    makes = threading.Thread(target=make, args=[log])
    with psycopg.connect(url) as first:
        first.execute(COUNT.format(TABLE))  # and until it is done, the partition waits
        makes.start()
        until_waiting(url, 1)
        asking.start()
        until_waiting(url, 2)
    makes.join()
    asking.join()
    assert counted == [25]
    assert count(url, PARTITION) == 25
