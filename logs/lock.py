"""The lock that lets one ingester run for each DATA_DIR, and others like it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

NAME = "ingester.lock"


@contextmanager
def alone(folder: Path, name: str = NAME) -> Iterator[bool]:
    """Hold the lock for the block; False where another process holds it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with opened(folder, name) as lock:
        yield take(lock, fcntl.LOCK_EX)


def is_free(folder: Path, name: str = NAME) -> bool:
    """Whether nobody holds the lock just now."""
    with opened(folder, name) as lock:
        return take(lock, fcntl.LOCK_SH)


def opened(folder: Path, name: str) -> IO[bytes]:
    return os.fdopen(os.open(folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), "r+b")


def take(lock: IO[bytes], how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
