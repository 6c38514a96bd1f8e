"""Circuit breakers: a target that fails too often is left alone until its cooldown is over.

Whether one is open is a look into this process's memory, and so is noting what came of a call. Where there is
a Redis, a thread tells the others what was noted and hears of theirs, several times a second: a breaker that
opens in one worker is soon open in each. While it is away, and where there is none, each worker counts for
itself; so it does for configs that stood in a request, of which a caller can make any number, and for what a
config has beyond its room (configs/breaker_sharing.py, configs/breaker_rooms.py). When a target has failed
too often is told by configs/breaker_counts.py; which targets are left out where a breaker is open is the
walk's business.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal

from configs.breaker_counts import LONGEST, Count, is_failure, is_success
from configs.breaker_rooms import Rooms
from configs.breaker_sharing import Added, Full, Heard, Opened, Told, Total, exchange
from configs.places import is_inline
from configs.tree import BreakerRule
from shared_state.link import LINK, Away, Link

EVERY = 0.2  # seconds between two words with the others
AT_ONCE = 250  # targets told of in one of them
IN_ONE_TURN = 500  # breakers that are put in words before others have their turn
SPOKEN_EVERY = 60.0  # seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Open:
    """A breaker that is open, for whoever wants to see it. `failures`: those that opened it."""

    key: str
    since: datetime
    until: datetime
    failures: int


@dataclass(frozen=True, slots=True)
class Opening:
    """The same, by the clock that breakers go by."""

    since: float
    until: float
    failures: int


class Breakers:
    """Those that this process knows of. A key is whatever text the caller knows a target by."""

    def __init__(self, link: Link = LINK, clock: Callable[[], float] = time.monotonic) -> None:
        self.link, self.clock = link, clock
        self.forget()

    def forget(self) -> None:
        """Be as new, as a forked process must: neither locks nor threads came along."""
        self._lock = threading.Lock()  # never held while something is waited for
        self._talking = threading.Lock()
        self._thread: threading.Thread | None = None
        self._begun = self._shares = self._is_shared = False
        self._counts: Rooms[Count] = Rooms()
        self._openings: Rooms[Opening] = Rooms()
        self._untold: Rooms[Count] = Rooms()
        self._untold_openings: set[str] = set()
        self._untold_closings: set[str] = set()
        self._memory = ""
        self._spoken: float | None = None

    # On the way of a call.

    def is_open(self, key: str, rule: BreakerRule) -> bool:
        """Whether to leave the target alone, which is noted by this rule."""
        if not self._begun:
            self._begin()
        opening = self._openings.get(key)
        return opening is not None and self.clock() < opening.until

    def note(self, key: str, rule: BreakerRule, status: int) -> None:
        """An attempt at the target ended with this status."""
        failed = is_failure(status, rule)
        if not failed and not is_success(status, rule):
            return
        if not self._begun:
            self._begin()
        with self._lock:
            count = self._count(key, rule)
            count.add(failed, self.clock())
            if self._is_told(key):
                self._untold[key] = count
            if failed and count.is_too_much:
                self._open(key, count)

    def _count(self, key: str, rule: BreakerRule) -> Count:
        """The target's count, a new one if the time of the last is over."""
        now, count = self.clock(), self._counts.get(key)
        if count is None or now >= count.until:
            self._drop(key)
            count = self._counts[key] = Count(rule, now)
        return count

    def _drop(self, key: str) -> None:
        self._counts.pop(key, None)
        self._untold.pop(key, None)

    def _open(self, key: str, count: Count) -> None:
        now, before = self.clock(), self._openings.get(key)
        if before is not None and now < before.until:
            return
        self._openings.pop(key, None)
        self._openings[key] = Opening(now, count.until, count.failures)
        if self._is_told(key):
            self._untold_openings.add(key)

    def _is_told(self, key: str) -> bool:
        """Whether the others are told of it."""
        return self._shares and not is_inline(key)

    # For people.

    def opened(self) -> list[Open]:
        """Those that are open, as far as is known here: with a Redis, of all workers, asked now."""
        self.refresh()
        now, present = self.clock(), datetime.now(UTC)
        with self._lock:
            openings = list(self._openings.items())
        told: list[Open] = []
        for key, each in openings:
            if now < each.until:
                since, until = present + ago(now - each.since), present + ago(now - each.until)
                told.append(Open(key, since, until, each.failures))
                if len(told) % IN_ONE_TURN == 0:
                    turn()
        return told

    def scope(self) -> Literal["shared", "worker"]:
        """Whether all workers and machines have the same breakers at this moment, or each worker its own."""
        return "shared" if self.refresh() else "worker"

    def reset(self, key: str) -> None:
        """Close a breaker, everywhere; while Redis is away here, and elsewhere when it is back."""
        with self._lock:
            self._drop(key)
            self._openings.pop(key, None)
            self._untold_openings.discard(key)
            if self.link.is_configured() and not is_inline(key):
                self._untold_closings.add(key)
        self.refresh()

    def refresh(self) -> bool:
        """Tell and hear what there is, now; whether that was possible. It may take half a second."""
        self._begin()
        with suppress(Away):
            self.talk()
        return self._is_shared

    # With the others.

    def _begin(self) -> None:
        """See to it that there is a thread that talks, where there is a Redis."""
        with self._lock:
            if self._begun:
                return
            self._begun, self._shares = True, self.link.is_configured()
            if self._shares:
                self._thread = threading.Thread(target=self._keep_talking, name="breakers", daemon=True)
        if self._thread:
            with suppress(Away):
                self.talk()  # a new worker is to know at once what is open
            self._thread.start()

    def _keep_talking(self) -> None:
        while threading.current_thread() is self._thread:
            try:
                self.talk()
            except Away:  # the link has said so
                pass
            except Exception as error:  # noqa: BLE001 - it goes on whatever happens
                self._complain(error)
            time.sleep(EVERY)

    def _complain(self, error: Exception) -> None:
        now = time.monotonic()
        if self._spoken is None or now - self._spoken >= SPOKEN_EVERY:
            self._spoken = now
            log.warning("Circuit breakers are not shared: %s", type(error).__name__)

    def talk(self) -> None:
        """Tell and hear once, and once more at once if what was heard opens a breaker. Raises Away.

        Then nothing is lost: it is told the next time.
        """
        with self._talking:
            try:
                self._exchange()
                if self._untold_openings:
                    turn()
                    self._exchange()
                self._is_shared = True
            except BaseException:
                self._is_shared = False
                raise

    def _exchange(self) -> None:
        with self._lock:
            counts = dict(islice(self._untold.items(), AT_ONCE))
            told = self._to_tell(counts)
        heard = exchange(self.link, told)
        turn()
        with self._lock:
            self._untold_closings.difference_update(told.closed)
            self._untold_openings.difference_update(each.key for each in told.opened)
            self._hear(heard)
            self._settle(counts, told.added, heard.totals)

    def _to_tell(self, counts: dict[str, Count]) -> Told:
        now, untold = self.clock(), self._untold_openings
        live = {key: each for key, each in self._openings.items() if key in untold and now < each.until}
        self._untold_openings = set(live)
        return Told(
            closed=list(self._untold_closings),
            added=[count.untold(key, now) for key, count in counts.items()],
            opened=[
                Opened(key, now - each.since, each.until - now, each.failures)
                for key, each in islice(live.items(), AT_ONCE)
            ],
        )

    def _hear(self, heard: Heard) -> None:
        """Open here is what is open there, and what the others were not told of yet."""
        now = self.clock()
        if heard.memory != self._memory:  # another Redis, or one that forgot: what is known here holds
            self._memory = heard.memory
            self._untold_openings.update(
                key for key, each in self._openings.items() if now < each.until and not is_inline(key)
            )
        there = {each.key: each for each in heard.open if each.key not in self._untold_closings}
        full = Full(heard.open)
        for key, opening in list(self._openings.items()):
            if key not in there and not (now < opening.until and self._is_own(key, full)):
                del self._openings[key]
                if now < opening.until:  # somebody closed it
                    self._drop(key)
        for key, each in there.items():
            self._openings[key] = Opening(now - each.age, now + min(each.left, LONGEST), each.failures)

    def _is_own(self, key: str, full: Full) -> bool:
        """Whether what the others have not got may be open here."""
        return key in self._untold_openings or is_inline(key) or full.has(key)

    def _settle(self, counts: dict[str, Count], added: list[Added], totals: list[Total]) -> None:
        now = self.clock()
        for (key, count), each, total in zip(counts.items(), added, totals, strict=True):
            count.told(each, total, now)
            if self._counts.get(key) is not count:  # it is over, closed by somebody, or had no room
                if self._untold.get(key) is count:
                    del self._untold[key]
                continue
            if not count.untold_failures and not count.untold_successes:
                self._untold.pop(key, None)
            if count.is_too_much:
                self._open(key, count)


def turn() -> None:
    """Give the others their turn, where gevent runs the process."""
    time.sleep(1e-6)


def ago(seconds: float) -> timedelta:
    return timedelta(seconds=-seconds)


BREAKERS = Breakers()
is_open, note, opened, scope, reset = (
    BREAKERS.is_open,
    BREAKERS.note,
    BREAKERS.opened,
    BREAKERS.scope,
    BREAKERS.reset,
)
os.register_at_fork(after_in_child=BREAKERS.forget)
