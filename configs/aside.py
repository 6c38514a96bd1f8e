"""Work without a pause in it, done in a thread of its own where gevent runs the process.

Python lets its threads change every few milliseconds, gevent its greenlets only where one waits. What the
gateway keeps has a thread apart from those for what requests bring, and of those one is left to the others
whatever a workspace brings, so that nobody's flood holds them up.
"""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any, TypeVar, cast

from configs.slots import Slots

BROUGHT, KEPT = "brought", "kept"  # whose threads
THREADS = {BROUGHT: 2, KEPT: 1}
TURN = 1e-6  # seconds: long enough for everybody else's turn

Result = TypeVar("Result")
slots = Slots(THREADS[BROUGHT])


def aside(work: Callable[[], Result], whose: str = BROUGHT, of: str = "") -> Result:
    """What `work` gives or raises; everybody else goes on meanwhile. It waits for a thread to be free.

    `of`: the workspace that brings the work; "" where none of them does.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return work()
    with slots.taken(of) if whose == BROUGHT else nullcontext():
        found, failure = threads(whose).spawn(tried, work).get()
    if failure is not None:
        raise failure
    return cast(Result, found)


def turn() -> None:
    """Let the others have theirs, wherever this is.

    gevent's sleep in a thread of the pool would wake a loop of that thread's own, which starves the first.
    """
    if getattr(local, "is_aside", False):
        sys.modules["gevent.monkey"].get_original("time", "sleep")(TURN)
    else:
        time.sleep(TURN)


local = threading.local()


def tried(work: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    """What `work` gave or raised; gevent would print what a thread raises."""
    local.is_aside = True
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - raised where the result is taken
        return None, error


@cache
def threads(whose: str) -> Any:
    """This process's own, made after the fork."""
    from gevent.threadpool import ThreadPool  # only a process that gevent patched has it

    return ThreadPool(THREADS[whose])


def native_lock() -> Any:
    """A lock between real threads. Nothing that waits may be done under it: it would stop all greenlets."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey.get_original("threading", "Lock")() if monkey is not None else threading.Lock()
