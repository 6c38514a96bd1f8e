"""Who is being served, until when, and whether they are still there.

gunicorn tells nobody that a client has left before a write fails, and a socket's timeout starts anew with
every byte, so each worker keeps one thread (a greenlet, where gevent runs it) that looks at the calls in
progress: twenty times a second at their deadlines, once a second at their clients' sockets. A call whose
time is up, whose client has gone or which must end with the process gets an exception, thrown where it
waits, as gevent.Timeout would. It is thrown from the hub and only after a second look, so it cannot reach
the greenlet when its call is over and the next one on the same connection has begun.

Without gevent's monkey patch nobody can be woken: then this module only keeps the books, and
proxy/upstream.py uses the sockets' timeouts instead.
"""

import logging
import select
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from greenlet import GreenletExit, getcurrent

TICK = 0.05
CLIENTS_EVERY = 1.0
logger = logging.getLogger(__name__)
LEFT = select.POLLRDHUP | select.POLLHUP | select.POLLERR

worst_tick = 0.0
"""Seconds by which the longest tick came late while calls were running: how long the loop was held."""


class ClientGone(GreenletExit):  # type: ignore[misc]
    """The client has closed its connection."""


class Stopping(Exception):
    """The process ends, and this call's time of grace is over."""


class Watched:
    """One call in progress, from `begin` to `end`.

    `thrown`: what was thrown into it last. `whose`: the workspace it is made for, once that is known.
    """

    __slots__ = ("began", "deadline", "error", "greenlet", "running", "socket", "thrown", "whose")

    def __init__(self, greenlet: Any, socket: Any) -> None:
        self.whose = ""
        self.greenlet = greenlet
        self.socket = socket
        self.began = time.monotonic()
        self.deadline: float | None = None
        self.error: BaseException | None = None
        self.thrown: BaseException | None = None
        self.running = True

    def until(self, deadline: float, error: BaseException) -> None:
        """From `deadline` (time.monotonic) on `error` is thrown, once; replaces what was set before."""
        self.deadline, self.error = deadline, error

    def clear(self) -> None:
        """No deadline any more; a client that leaves still ends the call."""
        self.deadline = self.error = None

    def overdue(self, now: float) -> bool:
        return self.deadline is not None and now >= self.deadline

    def end(self) -> None:
        """The call is over; nothing is thrown after this. May be called again."""
        self.running = False
        if _running.get(self.greenlet) is self:
            del _running[self.greenlet]


_running: dict[Any, Watched] = {}
_awake = threading.Event()


def begin(environ: Mapping[str, Any]) -> Watched:
    """Watch the call this greenlet serves. Whoever begins also ends it, at the latest with the response."""
    greenlet = getcurrent()
    watched = _running[greenlet] = Watched(greenlet, environ.get("gunicorn.socket"))
    if not _awake.is_set():
        _wake()
    return watched


def current() -> Watched | None:
    """The call this greenlet serves."""
    return _running.get(getcurrent())


def running() -> int:
    """How many calls are in progress."""
    return len(_running)


def interrupt_all() -> None:
    """Throw Stopping into every call in progress."""
    for watched in list(_running.values()):
        _throw(watched, Stopping)


def watches() -> bool:
    """Whether calls can be woken: whether gevent has patched this process."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


_thread: threading.Thread | None = None


def _wake() -> None:
    global _thread
    if not watches():
        return
    _awake.set()
    if _thread is None:  # after the fork: a parent has no calls
        _thread = threading.Thread(target=_watch, name="watch", daemon=True)
        _thread.start()


def _watch() -> None:
    while True:
        _awake.wait()
        try:
            _ticks()
        except Exception:
            logger.exception("Looking at the calls in progress failed; it goes on.")
            time.sleep(TICK)
        _awake.clear()
        if _running:
            _awake.set()


def _ticks() -> None:
    """Look until no call is in progress."""
    global worst_tick
    due = time.monotonic() + TICK
    clients = due + CLIENTS_EVERY
    while _running:
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        worst_tick = max(worst_tick, now - due)
        due = now + TICK
        _look_at_deadlines(now)
        if now >= clients:
            clients = now + CLIENTS_EVERY
            _look_at_clients()


def _look_at_deadlines(now: float) -> None:
    for watched in list(_running.values()):
        try:
            if watched.overdue(now):
                _throw(watched)
        except Exception:
            logger.exception("The deadline of a call could not be looked at.")


def _look_at_clients() -> None:
    calls = {fd: call for call in list(_running.values()) if (fd := _descriptor(call)) >= 0}
    poll = system_poll()
    for fd in calls:
        poll.register(fd, LEFT)
    for fd, _ in poll.poll(0):
        calls[fd].socket = None  # told once
        _throw(calls[fd], ClientGone)


def _descriptor(watched: Watched) -> int:
    return -1 if watched.socket is None else int(watched.socket.fileno())


def system_poll() -> Any:
    """The system's poll, which answers at once when asked to; gevent's would take a turn of the loop."""
    return select.poll() if not watches() else sys.modules["gevent.monkey"].get_original("select", "poll")()


def _throw(watched: Watched, error: type[BaseException] | None = None) -> None:
    """Throw `error` (None: the deadline's own) into the call, from the hub, if there is still reason to."""
    if not watches():
        return
    from gevent import get_hub

    def deliver() -> None:
        if watched.greenlet.dead:
            watched.end()
        elif watched.running and (error is not None or watched.overdue(time.monotonic())):
            thrown = error() if error is not None else watched.error
            watched.clear()
            watched.thrown = thrown
            watched.greenlet.throw(thrown)

    get_hub().loop.run_callback(deliver)
