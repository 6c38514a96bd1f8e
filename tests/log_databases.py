"""The log in a PostgreSQL, inside the process of the test: what is asked of it there, and by which plan."""

from collections.abc import Iterator
from contextlib import contextmanager

import environ
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from logs.routing import ALIAS
from tests.servers import Yard


@contextmanager
def postgres(yard: Yard, name: str) -> Iterator[BaseDatabaseWrapper]:
    """A connection to a database of its own, whose tables are there."""
    template, _ = yard.postgres_template
    url = yard.server.create(yard.database(name), template)
    connection = ConnectionHandler({"default": {}, ALIAS: environ.Env.db_url_config(url)})[ALIAS]
    try:
        yield connection
    finally:
        connection.close()
        yard.server.drop(yard.database(name))


@contextmanager
def used(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """The log is there for the block."""
    before = connections[ALIAS]
    connections[ALIAS] = connection
    try:
        yield
    finally:
        connections[ALIAS] = before


@contextmanager
def lent(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """The same, and what is written is taken back."""
    with used(connection), transaction.atomic(using=ALIAS):
        yield
        transaction.set_rollback(True, using=ALIAS)
