"""What the journal is told of one call: a line when it opens, a line when it closes, whatever happens.

A call is a request whose API key was accepted. The closing line is written before the last bytes go to the
client, so that an answer a client holds is always on record.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from django.conf import settings
from rest_framework.exceptions import APIException

from keys.callers import Caller
from keys.virtual_keys import HeldKey
from logs import journal
from providers.types import Problem, Reading
from proxy import call as calls
from proxy.apart_child import Bytes
from proxy.call import Headers
from proxy.errors import TRACE, NoRoom
from proxy.targets import Leaf
from proxy.watch import Stopping, Watched

LONGEST_ERROR = 1_000  # characters that an attempt keeps of an error
NO_READING = Reading()
RETRIED, FELL_BACK, OTHER_SECRET = "retried", "fell back", "other secret"
RESCUES = {RETRIED, FELL_BACK}


@dataclass(slots=True)
class Attempt:
    """One leaf that was tried; times in milliseconds since the call began."""

    path: str
    provider: str
    virtual_key: str
    model: str
    host: str = ""
    status: int = 0
    outcome: str = ""
    started_ms: float = 0
    first_byte_ms: float = 0  # since the leaf was tried, as `ms`
    ms: float = 0
    retries: int = 0  # which retry of its target it is; 0: the first try
    waited_ms: float = 0  # before it
    error: str = ""
    left: str = ""  # why it was not the last word: one of LEFT
    tokens: int = 0  # of an embedding for the cache, whose cost is the call's
    previous_secret: bool = False  # made with the secret before, since the present one was refused


class Record(AbstractContextManager["Record"]):
    """The record of one call. Leaving the context without `finish` says why by what was raised."""

    def __init__(self, caller: Caller, headers: Headers, fn: str, dialect: str, watched: Watched) -> None:
        environ = headers.environ
        self.id = journal.new_id()
        self.clock = time.perf_counter()
        self.watched = watched
        self.trace = calls.trace(headers, self.id, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        environ[TRACE] = self.trace.id  # type: ignore[index]  # WSGI's environ is a dict
        self.facts: dict[str, Any] = {
            "time": time.time(),
            "organisation": caller.organisation_id,
            "workspace": caller.workspace_slug,
            "workspace_id": caller.workspace_id,
            "api_key_id": caller.id,
            "api_key": caller.name,
            "endpoint": environ["PATH_INFO"],
            "fn": fn,
            "method": environ["REQUEST_METHOD"],
            "dialect": dialect,
            "trace_id": calls.utf8(self.trace.id),
            "span_id": self.trace.span or self.id,
            "span_name": self.trace.name or "llm",
            "parent_span_id": self.trace.parent,
            "metadata": calls.metadata(headers, caller.metadata),
            "client_address": environ.get("REMOTE_ADDR", ""),
            "sdk": headers.get("x-portkey-package-version") or headers.get("user-agent", ""),
        }
        self.defaults = caller.metadata
        self.keeps_bodies = caller.log_bodies and headers.get("x-portkey-debug", "").lower() != "false"
        self.attempts: list[Attempt] = []
        self.ignored: tuple[str, ...] = ()
        self.model, self.stream = "", False
        self.held: HeldKey | None = None
        self.first_byte_ms = 0.0
        self.upstream_ms = 0.0
        self.retry_count = 0
        self.skipped: list[str] = []  # targets that a breaker left out
        self.cache_status = "DISABLED"
        self.cache_age: float | None = None
        self.cache_similarity: float | None = None
        self.opened = self.closed = False

    def open(self, raw: Bytes | None, leaf: Leaf | None = None) -> None:
        """Write the opening line, once. Raises NoRoom (503): what cannot be recorded is not begun."""
        if self.opened:
            return
        facts = self.facts | {"stream": self.stream, "model": self.model, "body_bytes": len(raw or b"")}
        if leaf:
            facts |= {"model": leaf.model, "provider": leaf.provider.slug, **key(leaf.held)}
        try:
            journal.opened(self.id, facts, raw if self.keeps_bodies else None)
        except journal.Full:
            raise NoRoom from None
        self.opened = True

    def follows(self, config: Mapping[str, Any]) -> None:
        """The call follows this config. What it says may be its sender's: it is kept as bodies are."""
        self.facts |= config
        if "config_text" in config:
            kept = int(settings.LOG_BODY_KB * 1024) if self.keeps_bodies else 0
            self.facts["config_text"] = config["config_text"][:kept]

    @property
    def is_routed(self) -> bool:
        """Whether the call follows a config."""
        return "config" in self.facts

    def tries(self, path: str, provider: str, held: HeldKey | None, model: str) -> Attempt:
        """A leaf is about to be tried."""
        slug = held.slug if held else ""
        self.held = held
        self.watched.thrown = None  # into the attempt before, which was left
        tried = Attempt(path, provider, slug, model, started_ms=self.elapsed())
        self.attempts.append(tried)
        return tried

    def leaves(self, why: str) -> None:
        """What was tried last is not the last word."""
        if self.attempts:
            self.attempts[-1].left = why

    def adds_to_error(self, said: str) -> None:
        """Something about a failed try that was the last for another reason than its own."""
        if self.attempts and (error := self.attempts[-1].error):
            self.attempts[-1].error = f"{error[:LONGEST_ERROR]} {said}"

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What happens in here takes a provider's time, not the gateway's."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.upstream_ms += (time.perf_counter() - began) * 1000

    def tells(self, tried: Attempt, status: int, problem: Problem | None) -> None:
        """What came of the leaf; what the client first sees is ready now if it stands."""
        now = self.elapsed()
        tried.status, self.first_byte_ms = status, now
        tried.first_byte_ms = tried.ms = round(now - tried.started_ms, 3)
        tried.outcome = "failed" if problem else "answered"
        tried.error = problem.message[:LONGEST_ERROR] if problem else ""

    def elapsed(self) -> float:
        """Milliseconds since the call began."""
        return round((time.perf_counter() - self.clock) * 1000, 3)

    def finish(
        self,
        outcome: str,
        status: int,
        reading: Reading = NO_READING,
        problem: Problem | None = None,
        bodies: dict[str, Bytes] | None = None,
        sizes: dict[str, int] | None = None,
    ) -> None:
        """Write the closing line, once. `sizes`: the true ones of bodies that were cut on the way here."""
        if self.closed or not self.opened:
            return
        self.closed = True
        if not self.keeps_bodies:
            bodies = {"response": bodies["response"]} if bodies and status >= 400 else None
        facts = self.closing(outcome, status, reading, problem)
        journal.closed(self.id, facts | {"body_sizes": sizes or {}}, bodies or {})

    def closing(self, outcome: str, status: int, reading: Reading, problem: Problem | None) -> dict[str, Any]:
        """The facts of the closing line."""
        last = self.attempts[-1] if self.attempts else None
        total = self.elapsed()
        if last:
            last.ms = round(total - last.started_ms, 3)
        if last and outcome not in {"finished", "refused"}:
            last.outcome, last.error = outcome, last.error or (problem.message if problem else "")
        facts: dict[str, Any] = {
            "outcome": outcome,
            "status": status,
            "provider": last.provider if last else "",
            **key(self.held),
            "model": last.model if last else self.model,
            "model_answered": reading.model,
            "finish": reading.finish,
            "attempts": self.attempts,
            "retry_count": self.retry_count,
            "option_index": last.path if last else "",
            "cache_status": self.cache_status,
            "usage": reading.usage,
            "partial": reading.partial,
            "ignored": self.ignored,
            "error": error(problem),
            "first_byte_ms": self.first_byte_ms or total,
            "total_ms": total,
            "gateway_ms": max(0.0, (self.first_byte_ms or total) - self.upstream_ms),
        }
        if reading.models:
            facts["models"] = reading.models
        if self.cache_age is not None:
            facts |= {"cache_age": self.cache_age, "cache_similarity": self.cache_similarity}
        if self.skipped:
            facts["skipped"] = self.skipped
        if len(self.attempts) > 1 and 200 <= status < 300:
            facts["rescued"] = outcome == "finished" and any(each.left in RESCUES for each in self.attempts)
        return facts

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, where: TracebackType | None
    ) -> None:
        if self.closed:
            return
        if not self.opened and not isinstance(raised, NoRoom):
            self.open(None)
        outcome, status = left(raised)
        self.finish(outcome, status, problem=Problem(str(raised)[:1000]) if status else None)


def key(held: HeldKey | None) -> dict[str, str]:
    """The virtual key as rows name it."""
    if held is None:
        return {"virtual_key": "", "virtual_key_id": "", "integration": ""}
    return {
        "virtual_key": held.slug,
        "virtual_key_id": held.id,
        "integration": held.integration_slug,
    }


def left(raised: BaseException | None) -> tuple[str, int]:
    """What became of a call that was left by an exception: its outcome and the status its client sees."""
    if isinstance(raised, APIException):
        return "refused" if raised.status_code < 500 else "failed", raised.status_code
    if isinstance(raised, Stopping):
        return "interrupted", 503
    if isinstance(raised, Exception):
        return "failed", 500
    return "abandoned", 0


def error(problem: Problem | None) -> dict[str, Any] | None:
    if problem is None:
        return None
    return {"message": problem.message, "type": problem.type, "code": problem.code}


def cap() -> int:
    """Bytes of an answer worth keeping for the record: one more than are, so that the cut shows."""
    return int(settings.LOG_BODY_KB * 1024) + 1
