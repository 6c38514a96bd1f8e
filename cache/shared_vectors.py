"""What workers learn of likeness from one another, where there is a Redis: a list of each partition that is
only ever added to, and of which each worker reads what it has not seen.

The list keeps about as many vectors as a worker does, and ends with the last answer it leads to.
"""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from cache import numbers
from cache.vectors import MOST, Partition
from cache.writing import Job, writer
from shared_state import link

AT_ONCE = 100  # vectors of one reading, or so many as make BYTES; others have their turn before the next
BYTES = 512 * 1024
LONGEST_KEY = 128


class Learnt(NamedTuple):
    """A vector, the key of the answer it leads to, and until when that is kept (seconds since 1970)."""

    key: str
    vector: Any
    until: float


def tell(name: str, learnt: Learnt) -> None:
    """Have the other workers learn it. Returns at once."""
    if link.is_configured():
        content = learnt.vector.tobytes()
        writer.take(Job(learnt.key, len(content), partial(write, name, learnt._replace(vector=content))))


def write(name: str, learnt: Learnt) -> None:
    place, seconds = link.key("cache", "like", name), max(1, int(learnt.until - time.time()))
    facts: dict[Any, Any] = {"k": learnt.key, "v": learnt.vector, "u": int(learnt.until)}
    try:
        with link.use() as redis:
            redis.xadd(place, facts, maxlen=MOST, approximate=True)
            left: Any = redis.ttl(place)
            if left < seconds:
                redis.expire(place, seconds)
    except link.Away:
        return


def hear(name: str, known: Partition) -> None:
    """Put what others learnt since into what is known here."""
    if not link.is_configured():
        return
    try:
        for at, learnt in unseen(name, known):
            known.seen = f"({at}"
            if learnt is not None and learnt.vector.shape == (known.size,):
                known.put(*learnt)
    except link.Away:
        return


def unseen(name: str, known: Partition) -> Iterator[tuple[str, Learnt | None]]:
    """Each with its place in the list. Raises Away."""
    place, count = link.key("cache", "like", name), max(1, min(AT_ONCE, BYTES // (4 * known.size)))
    while True:
        with link.use() as redis:
            found: Any = redis.xrange(place, min=known.seen, count=count)
        yield from listed(found)
        if len(found) < count:
            return


def listed(found: Any) -> Iterator[tuple[str, Learnt | None]]:
    """What is in an answer. Raises Away of one that is no list of ours."""
    try:
        named = [(at.decode("ascii"), facts) for at, facts in found]
    except (TypeError, ValueError, AttributeError):
        raise link.Away("Redis answered with something else.") from None
    for at, facts in named:
        yield at, read(facts)


def read(facts: Any) -> Learnt | None:
    """None of what another version, or somebody else, may have written."""
    try:
        key = facts[b"k"][:LONGEST_KEY].decode()
        return Learnt(key, numbers.read(facts[b"v"]), float(facts[b"u"]))
    except (LookupError, ValueError, TypeError, AttributeError):
        return None
