"""Where answers are kept: in the Redis that all workers share, else in each worker's memory.

While Redis is away, memory stands in for it, and what was shared is a miss. Nobody waits for what is written:
a thread does it (a greenlet, where gevent runs the process), and what it cannot keep up with is not kept.
"""

import os
from functools import lru_cache, partial
from typing import Any

from django.conf import settings

from cache.entries import LARGEST_PACKED, Entry, packed, unpacked
from cache.memory import Memory
from cache.writing import Job, writer
from shared_state import link


def find(key: str) -> Entry | None:
    """The answer kept under a key, if it is not over."""
    if not link.is_configured():
        return memory().find(key)
    try:
        with link.use() as redis:
            content: Any = redis.getrange(name(key), 0, LARGEST_PACKED)  # a byte more than is ever ours
    except link.Away:
        return memory().find(key)
    return unpacked(content) if isinstance(content, bytes) else None


def keep(key: str, entry: Entry, seconds: int) -> None:
    """Have an answer kept for so long. Returns at once."""
    if link.is_configured():
        writer.take(Job(key, len(entry.body), partial(write, key, entry, seconds)))
    else:
        memory().keep(key, entry, seconds)


def write(key: str, entry: Entry, seconds: int) -> None:
    content = packed(entry)
    if len(content) > LARGEST_PACKED:
        return
    try:
        with link.use() as redis:
            redis.set(name(key), content, ex=seconds)
    except link.Away:
        memory().keep(key, entry, seconds)


def drop(key: str) -> None:
    """Forget what is kept under a key."""
    memory().drop(key)
    if link.is_configured():
        writer.leave(key)
        try:
            with link.use() as redis:
                redis.delete(name(key))
        except link.Away:
            return


def name(key: str) -> str:
    return link.key("cache", key)


@lru_cache(maxsize=1)
def memory() -> Memory:
    """This worker's memory."""
    return Memory(int(settings.CACHE_MEMORY_MB * 1024 * 1024))


def forget() -> None:
    """Know nothing, as a forked process must: neither locks nor threads came along."""
    writer.forget()
    memory.cache_clear()


os.register_at_fork(after_in_child=forget)
