"""Who acts: set where a request is authenticated or a command begins, asked where a change is recorded.

Stands on the standard library alone, so that manage.py can say who it works for before Django is set up.
"""

import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something: `kind` is one of `audit.models.ActorKind`, `address` where a request came from."""

    kind: str
    id: str = ""
    name: str = ""
    address: str = ""


SYSTEM = Actor("system", name="system")  # nobody said who: the gateway's own processes, a shell

_asked: ContextVar[Callable[[], Actor]] = ContextVar("acting", default=lambda: SYSTEM)


@contextmanager
def acting(who: Actor | Callable[[], Actor]) -> Iterator[None]:
    """What is changed inside is `who`'s doing. A function is called when something is, and not before."""
    token = _asked.set(who if callable(who) else lambda: who)
    try:
        yield
    finally:
        _asked.reset(token)


def current() -> Actor:
    """Who acts now."""
    return _asked.get()()


def of_user(user: Any, address: str = "") -> Actor:
    """A user of the admin, or somebody who has not signed in."""
    return Actor("user", "" if user.pk is None else str(user.pk), user.get_username(), address)


def of_command() -> Actor:
    """The user of the machine under whom this process runs."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container may run under a number that has no name
        name = str(number)
    return Actor("command", str(number), name)


def address(meta: Mapping[str, Any]) -> str:
    """Where a request came from, as the server gives it, believed proxies taken into account."""
    return str(meta.get("REMOTE_ADDR", ""))
