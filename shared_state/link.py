"""What workers and machines share through Redis, where REDIS_URL names one.

Every use goes through `use`, which turns whatever Redis or the way to it does wrong into `Away`: callers then
do as if there were no Redis. While it is away one caller a second finds out whether it is back, and the
others are told at once, so that no call waits for it twice. No use takes longer than USE_SECONDS, however
slowly the answer comes (shared_state/punctual.py). What is shared, and what is done without, is up to each
user (configs/breaker.py, configs/sticky.py). The library is imported by a process that has a Redis.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from django.conf import settings

from shared_state import punctual

if TYPE_CHECKING:
    from redis import BlockingConnectionPool, Redis

PREFIX = "gatehouse:"  # of every key, since others may use the same Redis
CONNECT_SECONDS, ANSWER_SECONDS = 0.25, 0.5
USE_SECONDS = 0.9  # for a whole use, the wait for a connection included
CONNECTIONS = 16  # of a process; who finds all of them taken waits for one as long as for a connection
AWAY_SECONDS = 1.0  # until somebody tries again
# What the library raises where what it reads is no answer.
NO_ANSWERS = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
SPOKEN_EVERY = 60.0  # seconds between two lines in the log

log = logging.getLogger(__name__)


class Away(Exception):
    """There is no Redis, or it does not answer, or not as it should."""


class Link:
    """The way to a Redis: to the one REDIS_URL names, else to that of `url`."""

    def __init__(self, url: str | None = None) -> None:
        self._given = url
        self.forget()

    def forget(self) -> None:
        """Be as new: no connections, no memory of an outage."""
        self._client: Redis | None = None
        self._again: float | None = None  # while it is away: when somebody may try
        self._spoken: float | None = None

    @property
    def url(self) -> str:
        return settings.REDIS_URL if self._given is None else self._given

    def is_configured(self) -> bool:
        """Whether a Redis is named; it may be away all the same."""
        return bool(self.url)

    def state(self) -> Literal["none", "there", "away"]:
        """How it is, asked now: for a page of the admin, since the question may take half a second."""
        if not self.is_configured():
            return "none"
        try:
            with self.use() as redis:
                redis.ping()
        except Away:
            return "away"
        return "there"

    @contextmanager
    def use(self) -> Iterator["Redis"]:
        """A client for the block, which is to ask Redis and do nothing else. Raises Away, also out of it."""
        self._may_try()
        from redis.exceptions import RedisError

        try:
            with punctual.within(USE_SECONDS):
                yield self.client()
        except (RedisError, *NO_ANSWERS) as error:
            self._failed(error)
            raise Away("Redis did not answer as it should.") from None
        self._again = None

    def _may_try(self) -> None:
        """Raises Away while it is known to be; the first to come after that tries for all."""
        if not self.is_configured():
            raise Away("No Redis is configured.")
        if self._again is not None:
            now = time.monotonic()
            if now < self._again:
                raise Away("Redis was away a moment ago.")
            self._again = now + AWAY_SECONDS

    def client(self) -> "Redis":
        """This process's client. It connects at its first question, and raises the library's errors."""
        if self._client is None:
            from redis import Redis

            self._client = Redis(connection_pool=connection_pool(self.url))
        return self._client

    def _failed(self, error: Exception) -> None:
        """Remember it, unless Redis answered: a command that it refuses says nothing of the next."""
        from redis.exceptions import ResponseError

        now = time.monotonic()
        if not isinstance(error, ResponseError):
            self._again = now + AWAY_SECONDS
        if self._spoken is None or now - self._spoken >= SPOKEN_EVERY:
            self._spoken = now
            log.warning("Redis is away; what it shares is each worker's own meanwhile: %s", reason(error))


def connection_pool(url: str) -> "BlockingConnectionPool":
    """Connections for `url`, none of them open yet. Raises ValueError for one that is malformed.

    Nothing is sent twice by itself: a count would count double.
    """
    from redis import BlockingConnectionPool
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=CONNECT_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,
    )
    pool.connection_class = punctual.kind(pool.connection_class)
    return pool


def reason(error: Exception) -> str:
    """What went wrong, in words for the log. Of a refusal only its code: Redis repeats what it was sent."""
    from redis.exceptions import ResponseError

    if isinstance(error, ResponseError):
        return f"it refused a command ({str(error).partition(' ')[0] or type(error).__name__})"
    return f"{type(error).__name__}: {error}"


def key(*parts: str) -> str:
    """The name in Redis of what these parts name."""
    return PREFIX + ":".join(parts)


LINK = Link()
is_configured, client, use, state, forget = (
    LINK.is_configured,
    LINK.client,
    LINK.use,
    LINK.state,
    LINK.forget,
)
os.register_at_fork(after_in_child=forget)
