"""By which index each filter of the log is followed, and that none reads or sorts the table."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from logs import partitions
from logs.asking.conditions import conditions
from logs.asking.filters import Filters
from logs.asking.runs import Run, Span, one_of
from logs.models import LogMetadata, RequestLog
from logs.partitions import lowest_id
from tests import log_databases
from tests.call_rows import made
from tests.servers import Yard

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SPAN = Span(lowest_id(NOON.replace(day=1)), lowest_id(NOON.replace(hour=13)))
MANY = 20_000
KEY = "7c9a0d6e-2b1f-4a55-9a0e-0f6f1b7c1d11"
FOLLOWED = {
    "workspace": (Filters(workspace=KEY), "logs_by_workspace", "workspace_id_id"),
    "api_key": (Filters(api_key=KEY), "logs_by_api_key", "api_key_id_id"),
    "virtual_key": (Filters(virtual_key=KEY), "logs_by_virtual_key", "virtual_key_id_id"),
    "provider": (Filters(provider="groq"), "logs_by_provider", "provider_id"),
    "model": (Filters(model="m"), "logs_by_model", "model_id"),
    "config": (Filters(config="pc-main-1"), "logs_by_config", "config_id_idx"),
    "outcome": (Filters(outcome="truncated"), "logs_by_outcome", "outcome_id"),
    "rescued": (Filters(rescued=True), "logs_of_rescued", "id_idx"),
    "hits": (Filters(cache="hit"), "logs_by_cache", "cache_status_id"),
    "misses": (Filters(cache="miss"), "logs_by_cache", "cache_status_id"),
    "status": (Filters(status="404"), "logs_of_errors", "id_status"),
    "class": (Filters(status="5xx"), "logs_of_errors", "id_status"),
    "trace": (Filters(search="t"), "logs_by_trace", "trace_id_id"),
    "metadata": (
        Filters(workspace=KEY, metadata=(("a", "b"),)),
        "sqlite_autoindex_logs_logmetadata_1",
        "pkey",
    ),
}


def run_of(filters: Filters) -> Run:
    """That of the last condition that has one."""
    return [run for condition in conditions(filters) for run in condition.runs][-1]


def rows_along(run: Run) -> QuerySet[RequestLog]:
    others = RequestLog.objects.filter(status=200, provider="openai", stream=False)
    return others.filter(one_of(run.ids(SPAN)[:300])).order_by("-id")[:51]


@pytest.mark.parametrize("name", FOLLOWED)
def test_on_sqlite_a_filter_is_followed_along_its_index(name):
    filters, index, _ = FOLLOWED[name]
    run = run_of(filters)
    for newest_first in (True, False):
        ids = run.ids(Span(SPAN.low, SPAN.high, newest_first))[:300].explain()
        assert f"INDEX {index} " in ids
        assert not re.search("SCAN|TEMP B-TREE", ids)
    assert "SCAN logs_requestlog" not in rows_along(run).explain()


def test_on_sqlite_the_whole_list_is_followed_along_its_key():
    plan = Run(RequestLog.objects.all()).ids(SPAN)[:300].explain()
    assert "COVERING INDEX sqlite_autoindex_logs_requestlog_1 (id>? AND id<?)" in plan


@pytest.fixture(scope="module")
def filled(yard: Yard, django_db_blocker: Any) -> Iterator[BaseDatabaseWrapper]:
    """A PostgreSQL with rows enough that its planner has a choice: half of them of each value asked for."""
    with django_db_blocker.unblock(), log_databases.postgres(yard, "log_plans") as connection:
        with log_databases.used(connection):
            partitions.ensure(connection, NOON)
            fill(connection)
        yield connection


def fill(connection: BaseDatabaseWrapper) -> None:
    facts = {"provider": "groq", "model": "m", "outcome": "truncated", "status": 404, "trace_id": "t"}
    facts |= {"config": "pc-main-1", "rescued": True, "cache_status": "SEMANTIC HIT"}
    ids = dict.fromkeys(("workspace_id", "api_key_id", "virtual_key_id"), KEY)
    (call, _) = made(1, NOON, **facts, **ids) + made(1, NOON)
    LogMetadata.objects.create(workspace_id=KEY, key="a", value="b", log=call.pk)
    with connection.cursor() as cursor:
        for table, column in (("logs_requestlog", "id"), ("logs_logmetadata", "log")):
            new = f"overlay(old.{column}::text placing lpad(to_hex(n), 12, '0') from 25)"
            cursor.execute(
                f"INSERT INTO {table}"
                f" SELECT (jsonb_populate_record(old, jsonb_build_object('{column}', {new}))).*"
                f" FROM {table} old, generate_series(1, {MANY // 2}) n"
            )
            cursor.execute(f"VACUUM ANALYZE {table}")


@pytest.mark.server
@pytest.mark.parametrize("name", FOLLOWED)
def test_on_postgres_too(name, filled):
    filters, _, index = FOLLOWED[name]
    with log_databases.used(filled):
        run = run_of(filters)
        for newest_first in (True, False):
            ids = run.ids(Span(SPAN.low, SPAN.high, newest_first))[:300].explain()
            assert re.search(rf"Index Only Scan( Backward)? using logs_\w+_2026_03_{index}", ids), ids
            assert not re.search(r"Seq Scan on \w+_2026_03|Sort  ", ids), ids
        assert "Seq Scan on logs_requestlog_2026_03" not in rows_along(run).explain()
