"""Whether the process lives, `/healthz`, and whether it can serve, `/readyz`.

Ready is what has once been seen working: the databases, their migrations, the key that unseals credentials.
After that a database that is away is told but is no reason to be taken out of service, since known keys are
served from memory. Looks run beside the request and at most once a second, whoever asks and however often.
"""

import threading
import time
from collections.abc import Callable
from functools import cache

from django.core.checks import Error
from django.db import Error as DatabaseError
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from keys.checks import credential_keys, seal_problems

FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 1.0


class NotReady(Exception):
    """Why this process cannot serve, in words for whoever runs it."""


class DatabaseAway(NotReady):
    """A database did not answer."""


class Readiness:
    """What the last look saw. One per process; a look runs in a thread of its own."""

    def __init__(self, look: Callable[[], None], look_again: Callable[[], None]) -> None:
        self.look, self.look_again = look, look_again
        self.lock = threading.Lock()
        self.looking: threading.Thread | None = None
        self.looked_at = self.patient_until = float("-inf")
        self.problem: NotReady | None = DatabaseAway("the database has not answered yet")
        self.once_ready = False

    def answer(self) -> JsonResponse:
        self.refresh()
        problem = self.problem
        if problem is None:
            return JsonResponse({"database": "here"})
        if self.once_ready and isinstance(problem, DatabaseAway):
            return JsonResponse({"database": "away"})
        return JsonResponse({"why": str(problem)}, status=503, headers={"Retry-After": "1"})

    def refresh(self) -> None:
        """Look again if the last look is old; a look that takes long is a database that is away."""
        with self.lock:
            if self.looking is None and time.monotonic() - self.looked_at < FRESH_SECONDS:
                return
            if self.looking is None:
                self.looking = threading.Thread(target=self.see, name="readiness", daemon=True)
                self.looking.start()
                self.patient_until = time.monotonic() + PATIENCE_SECONDS
            looking = self.looking
        looking.join(max(0.0, self.patient_until - time.monotonic()))
        with self.lock:
            if self.looking is looking:
                self.problem = DatabaseAway("the database does not answer in time")

    def see(self) -> None:
        problem: NotReady | None = NotReady("the look at the database broke off")
        try:
            (self.look_again if self.once_ready else self.look)()
            problem = None
        except NotReady as seen:
            problem = seen
        except DatabaseError:
            problem = DatabaseAway("the database does not answer")
        finally:
            connections.close_all()
            with self.lock:
                self.problem = problem
                self.once_ready = self.once_ready or problem is None
                self.looked_at, self.looking = time.monotonic(), None


def look() -> None:
    """Raises NotReady or DatabaseError unless both databases, migrations and the credential key serve."""
    for alias in connections:
        if waiting := unapplied(alias):
            raise NotReady(f"{len(waiting)} migrations of {alias!r} are not applied: {', '.join(waiting)}")
    for problem in [*credential_keys(), *seal_problems()]:
        if isinstance(problem, Error):
            raise NotReady(problem.msg)


def ping() -> None:
    """Raises DatabaseError unless both databases answer."""
    for alias in connections:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")


def unapplied(alias: str) -> list[str]:
    """The migrations on disk that the database `alias` has no record of."""
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in on_disk() if (app, name) not in applied)


@cache
def on_disk() -> frozenset[tuple[str, str]]:
    """What there is to apply. Read once: it takes longer than a request may."""
    return frozenset(MigrationLoader(None).disk_migrations)


READINESS = Readiness(look, look_again=ping)


def alive(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"alive": True})


def ready(request: HttpRequest) -> JsonResponse:
    return READINESS.answer()


PROBES = {"/healthz": alive, "/readyz": ready}


class Probes:
    """Middleware that answers the two before a host name is looked at: a probe asks by address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.rest = get_response
        on_disk()  # before the first request, not during it

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else self.rest(request)
