"""What tests share. The whole server comes from tests/servers.py, started when the first test asks for it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from django.apps import apps
from django.db import connections
from django.test import TransactionTestCase
from pytest_django import Settings

from audit import append_only
from configs.breaker import BREAKERS
from keys import directory
from keys.creation import create_api_key, create_virtual_key
from keys.models import ApiKey, VirtualKey, Workspace
from logs.keeping import guard
from logs.reader import Journal
from shared_state import link
from tests import redis_server, servers
from tests.own_provider import OwnProvider

Rows = Callable[[], list[dict[str, Any]]]
GUARDS = {"default": append_only, "logs": guard}


@pytest.fixture(scope="session")
def yard() -> Iterator[servers.Yard]:
    """Where servers are started."""
    yard = servers.Yard()
    yield yard
    yard.close()


@pytest.fixture(scope="session", params=servers.KINDS.values(), ids=servers.KINDS)
def kind(request: pytest.FixtureRequest) -> servers.Kind:
    """SQLite with one worker, then PostgreSQL with two."""
    return request.param


@pytest.fixture(scope="session")
def gatehouse(yard: servers.Yard, kind: servers.Kind) -> Iterator[servers.Gatehouse]:
    """A running server that many tests share: they leave it as they found it, rows apart."""
    with yard.started(kind) as gatehouse:
        yield gatehouse
        log = gatehouse.log.read_text()
        assert "Traceback" not in log, log[-8000:]


@pytest.fixture(scope="session")
def lasting_redis() -> Iterator[redis_server.Own | redis_server.Given]:
    """The server behind `redis`, which many tests use."""
    with redis_server.running() as server:
        yield server


@pytest.fixture
def redis(
    lasting_redis: redis_server.Own | redis_server.Given, settings: Settings
) -> Iterator[redis_server.Own | redis_server.Given]:
    """A Redis, named by REDIS_URL. A test may stop it; what it writes there is under names of its own."""
    settings.REDIS_URL = lasting_redis.url
    forget_shared_state()
    yield lasting_redis
    lasting_redis.start()
    forget_shared_state()


def forget_shared_state() -> None:
    """What this process knows of it, and the thread that learns more."""
    link.forget()
    BREAKERS.forget()


@pytest.fixture(scope="module", params=servers.KINDS)
def sharing(
    request: pytest.FixtureRequest, yard: servers.Yard, lasting_redis: redis_server.Own | redis_server.Given
) -> Iterator[servers.Gatehouse]:
    """One worker that has its own memory; two that share a Redis."""
    kind = servers.KINDS[request.param]
    shared = {"REDIS_URL": lasting_redis.url} if kind.workers > 1 else {}
    with yard.started(kind, **shared) as gatehouse:
        yield gatehouse
        log = gatehouse.log.read_text()
        assert "Traceback" not in log, log[-8000:]


@pytest.fixture
def own(yard: servers.Yard) -> OwnProvider:
    """The provider inside the test process, which the virtual keys openai-own and anthropic-own go to."""
    return yard.provider


@pytest.fixture(autouse=True)
def own_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test begins with empty shelves, and they are filled inside its own transaction.

    Nobody watches for changes: a test that makes some calls `directory.watcher.look()`.
    """
    monkeypatch.setattr(directory, "runner", lambda work: work())
    monkeypatch.setattr(directory.watcher, "start", lambda: None)
    directory.clear()
    yield
    directory.clear()


@pytest.fixture(scope="session", autouse=True)
def flushed_with_the_rest() -> Iterator[None]:
    """After a test with transactions of its own Django empties every table, which some of them forbid."""
    emptied = TransactionTestCase._fixture_teardown

    def teardown(case: TransactionTestCase) -> None:
        used = case._databases_names(include_mirrors=False)
        guards = [(connections[alias], each) for alias, each in GUARDS.items() if alias in used]
        for connection, each in guards:
            with connection.schema_editor() as editor:
                each.lift(apps, editor)
        emptied(case)
        for connection, each in guards:
            with connection.schema_editor() as editor:
                each.guard(apps, editor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.default()


@pytest.fixture
def issued(workspace: Workspace) -> tuple[ApiKey, str]:
    """An API key that can call, and its token."""
    return create_api_key(workspace, "An app")


@pytest.fixture
def api_key(issued: tuple[ApiKey, str]) -> ApiKey:
    return issued[0]


@pytest.fixture
def token(issued: tuple[ApiKey, str]) -> str:
    """The token of `api_key`."""
    return issued[1]


@pytest.fixture
def virtual_key(workspace: Workspace) -> VirtualKey:
    """A virtual key for OpenAI whose secret is `sk-a-secret-of-the-tests`."""
    return create_virtual_key(
        workspace, "OpenAI", provider="openai", slug="openai", secret="sk-a-secret-of-the-tests"
    )


@pytest.fixture
def provider() -> Iterator[responses.RequestsMock]:
    """What stands in for the world inside the process."""
    with responses.RequestsMock(
        target="proxy.upstream.Adapter.send", assert_all_requests_are_fired=False
    ) as world:
        yield world


@pytest.fixture
def rows(tmp_path: Path, settings: Settings) -> Rows:
    """The facts of each call that is over, opening and closing lines in one."""
    settings.DATA_DIR = tmp_path

    def read() -> list[dict[str, Any]]:
        found = []
        for call in Journal(tmp_path / "journal").calls():
            assert call.opened is not None
            assert call.closed is not None
            bodies = {body.kind: body.content for body in (*call.opened.bodies, *call.closed.bodies)}
            facts = json.loads(call.opened.facts) | json.loads(call.closed.facts)
            found.append(facts | {"id": call.id, "bodies": bodies})
        return found

    return read
