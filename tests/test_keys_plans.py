"""By which index PostgreSQL follows the lists of keys and their searches; SQLite's are in test_keys_lists."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import site
from django.db.backends.base.base import BaseDatabaseWrapper

from keys.models import ApiKey, Integration, VirtualKey, Workspace
from logs.routing import ALIAS
from tests import log_databases
from tests.servers import Yard

pytestmark = pytest.mark.server

MANY = 5000
SEARCHED = {
    ApiKey: ("Space 00017", ("api_key_by_name", "api_key_by_hint")),
    Integration: ("space-00017", ("integration_by_name", "integration_by_slug")),
    VirtualKey: ("space-00017", ("virtual_key_by_slug", "virtual_key_by_name")),
    Workspace: ("space-00017", ("workspace_by_name", "workspace_by_slug")),
}
LISTED = {
    ApiKey: "api_key_listed",
    Integration: "integration_listed",
    VirtualKey: "virtual_key_listed",
    Workspace: "workspace_listed",
}


@pytest.fixture(scope="module")
def filled(yard: Yard, django_db_blocker: Any) -> Iterator[BaseDatabaseWrapper]:
    """Every table of the keys is on this connection, and one has rows enough for its planner to choose."""
    with (
        django_db_blocker.unblock(),
        log_databases.postgres(yard, "keys_plans") as connection,
        log_databases.used(connection),
    ):
        named = (f"{number:05}" for number in range(MANY))
        rows = [Workspace(name=f"Space {each}", slug=f"space-{each}") for each in named]
        Workspace.objects.using(ALIAS).bulk_create(rows)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            cursor.execute("SET enable_seqscan = off")  # the other tables are empty
        yield connection


@pytest.mark.parametrize("model", SEARCHED, ids=lambda model: model.__name__)
def test_a_search_by_how_a_name_begins_goes_by_its_indexes(model: Any, filled: BaseDatabaseWrapper) -> None:
    term, indexes = SEARCHED[model]
    rows = model.objects.using(ALIAS).order_by()
    found, _ = site._registry[model].get_search_results(None, rows, term)  # type: ignore[arg-type]
    plan = found.explain()
    assert "Seq Scan" not in plan
    for index in indexes:
        assert re.search(rf"Index Scan on {index}\b.*\n\s*Index Cond: .*~>=~", plan), plan


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_a_list_goes_along_its_index(model: Any, filled: BaseDatabaseWrapper) -> None:
    plan = model.objects.using(ALIAS).order_by("name", "-pk")[:30].explain()
    assert f"using {LISTED[model]}" in plan
    assert not re.search("Seq Scan|Sort", plan)


def test_a_search_is_by_index_because_it_is_quicker(filled: BaseDatabaseWrapper) -> None:
    with filled.cursor() as cursor:
        cursor.execute("SET enable_seqscan = on")
    found, _ = site._registry[Workspace].get_search_results(
        None,  # type: ignore[arg-type]
        Workspace.objects.using(ALIAS).order_by(),
        "Space 00017",
    )
    plan = found.explain()
    with filled.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
    assert "Seq Scan" not in plan
    assert "workspace_by_name" in plan
