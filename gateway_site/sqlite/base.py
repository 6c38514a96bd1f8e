"""Django's SQLite backend whose every call that may wait is made in a thread, where gevent runs the process.

sqlite3 waits for locks and disks inside C, where gevent cannot switch: one locked database would stand
every stream of a worker still. Without gevent (commands, tests) the calls are made where they stand.
"""

import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, TypeVar, cast

from django.db.backends.sqlite3 import base

THREADS = 16
HASHING_THREADS = 1  # of work, where the others wait

Result = TypeVar("Result")


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        return off_the_loop("waiting", partial(super().get_new_connection, conn_params))

    def create_cursor(self, name: Any = None) -> Any:
        return self.connection.cursor(factory=Cursor)

    def _commit(self) -> None:
        off_the_loop("holding", super()._commit)  # type: ignore[misc]

    def _rollback(self) -> None:
        off_the_loop("holding", super()._rollback)  # type: ignore[misc]

    def _close(self) -> None:
        off_the_loop("holding", super()._close)  # type: ignore[misc]


class Cursor(base.SQLiteCursorWrapper):
    def execute(self, query: str, params: Any = None) -> Any:
        return off_the_loop(self.pool, partial(super().execute, query, params))

    def executemany(self, query: str, param_list: Any) -> Any:
        return off_the_loop(self.pool, partial(super().executemany, query, param_list))

    def fetchone(self) -> Any:
        return off_the_loop(self.pool, super().fetchone)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return off_the_loop(self.pool, partial(super().fetchmany, size or self.arraysize))

    def fetchall(self) -> list[Any]:
        return off_the_loop(self.pool, super().fetchall)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        while rows := self.fetchmany(100):
            yield from rows

    @property
    def pool(self) -> str:
        return "holding" if self.connection.in_transaction else "waiting"


def off_the_loop(pool: str, call: Callable[[], Result]) -> Result:
    """The result of `call`, made in a thread of `pool` if gevent has patched the process, else here.

    Who holds the write lock has threads apart from those who wait for it: all waiting in one pool, they
    would leave no thread for the commit they wait for. An exception thrown into the waiting greenlet is
    kept until the thread is done, since a connection serves one thread at a time.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return call()
    task = threads(pool).spawn(tried, call)
    thrown: BaseException | None = None
    while not task.ready():
        try:
            task.wait()
        except BaseException as error:  # noqa: BLE001 - raised below
            thrown = error
    result, failure = task.get()
    if thrown is not None or failure is not None:
        raise thrown or failure
    return cast(Result, result)


def tried(call: Callable[[], Result]) -> tuple[Result | None, BaseException | None]:
    """What `call` gave or raised. A task that raises would be printed by gevent, with all its values."""
    try:
        return call(), None
    except BaseException as error:  # noqa: BLE001 - raised where the result is taken
        return None, error


@cache
def threads(pool: str) -> Any:
    """gevent's thread pool of that name, this process's; not the hub's, where names are resolved."""
    from gevent.threadpool import ThreadPool  # only a process that gevent patched has it

    return ThreadPool(THREADS)
