"""What tests share. The whole server comes from tests/servers.py, started when the first test asks for it."""

from collections.abc import Iterator

import pytest

from tests import servers
from tests.own_provider import OwnProvider


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


@pytest.fixture
def own(yard: servers.Yard) -> OwnProvider:
    """The provider inside the test process, which the virtual keys openai-own and anthropic-own go to."""
    return yard.provider
