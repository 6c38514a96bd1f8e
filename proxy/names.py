"""Names to addresses. Looking up the names that clients choose delays nobody else's look-ups.

A look-up may take half a minute, and gevent makes all of them in ten threads: ten names that do not answer
would keep the worker from every provider. Names of clients are looked up in threads of their own, and
whoever waits is let go by the connect clock, even while the thread goes on.
"""

import socket
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from proxy import watch
from proxy.clocks import Clock

THREADS = 32


def addresses_of(host: str, port: int | None, clock: Clock, *, named_by_client: bool) -> list[Any]:
    """What socket.getaddrinfo tells of `host`. Raises OSError; TimeoutError when `clock` has run out."""
    if named_by_client and watch.watches():
        return _apart(host, port, clock)
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _apart(host: str, port: int | None, clock: Clock) -> list[Any]:
    look_up = sys.modules["gevent.monkey"].get_original("socket", "getaddrinfo")
    task = threads().spawn(_tried, look_up, host, port)
    task.wait(clock.share(1))
    if not task.ready():
        raise TimeoutError
    found, failure = task.get()
    if failure is not None:
        raise failure
    return list(found)


def _tried(look_up: Callable[..., Any], host: str, port: int | None) -> tuple[list[Any], Exception | None]:
    """What was found or raised; gevent would print what a thread raises."""
    try:
        return look_up(host, port, type=socket.SOCK_STREAM), None
    except Exception as error:  # noqa: BLE001 - raised where the result is taken
        return [], error


@cache
def threads() -> Any:
    """This process's threads for the names of clients."""
    from gevent.threadpool import ThreadPool  # only a process that gevent patched has it

    return ThreadPool(THREADS)
