"""Sees to it that somebody brings the journal into the database: a thread of every worker looks each second.

The ingester is a process of its own that outlives the worker; its lock lets one run. It gets nothing of the
worker's but the environment and standard error.
"""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from django.conf import settings

from logs.keeping.retention import is_due
from logs.lock import is_free
from logs.repricing.requests import is_asked

EVERY_SECONDS = 1.0

logger = logging.getLogger(__name__)

_children: list["subprocess.Popen[bytes]"] = []
_trying: list["subprocess.Popen[bytes]"] = []


def watch(stop: threading.Event) -> None:
    """Look each second until `stop`; to be run in a thread."""
    while not stop.is_set():
        try:
            ensure_ingester()
        except OSError:
            logger.exception("The ingester could not be started; the journal keeps what it would have read.")
        stop.wait(EVERY_SECONDS)


def ensure_ingester() -> bool:
    """Start the ingester if it has something to do and none runs; True if it was started."""
    _children[:] = [child for child in _children if child.poll() is None]
    folder = settings.DATA_DIR / "journal"
    if _children or not has_work(folder) or not is_free(folder):
        return False
    _children.append(started())
    return True


def has_work(folder: Path) -> bool:
    return has_segments(folder) or is_due(folder) or is_asked(folder)


def has_segments(folder: Path) -> bool:
    return next(folder.glob("*.journal"), None) is not None


def try_again() -> None:
    """Have what was set aside tried again, by a process that ends when that is done."""
    _trying[:] = [child for child in _trying if child.poll() is None]
    _trying.append(started("ingest_refused"))


def started(command: str = "ingest_logs") -> "subprocess.Popen[bytes]":
    """A process that is not of our session, so that what ends us does not end it."""
    ours = {"DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE, "DATA_DIR": str(settings.DATA_DIR)}
    return subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), command, "--verbosity=0"],
        cwd=settings.BASE_DIR,
        env=os.environ | ours,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        close_fds=True,
        start_new_session=True,
    )
