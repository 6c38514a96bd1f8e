"""The models of the price list, for processes that serve calls: a child reads it, once for each of them.

The list itself takes a quarter of a second and 25 MB to import, which no worker is to pay. What is told is
remembered for the life of the process: it changes with the installed library only.
"""

import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

import orjson

COMMAND = (sys.executable, "-m", "prices.names")
PATIENCE = 8.0  # seconds
ROOT = Path(__file__).resolve().parent.parent

Names = Mapping[str, tuple[str, ...]]


class NoPriceList(Exception):
    """The price list could not be read now; the next who asks has it read again."""


def listed() -> Names:
    """The names of each provider's models by its slug, in order. Raises NoPriceList.

    The first to ask starts the child; who asks meanwhile waits for the same one.
    """
    global _asked
    with _lock:
        if _asked is None or failed(_asked):
            asked: Future[Names] = Future()
            threading.Thread(target=read, args=(asked,), name="price list", daemon=True).start()
            _asked = asked
        asked = _asked
    return asked.result()


_lock = threading.Lock()
_asked: "Future[Names] | None" = None


def failed(asked: "Future[Names]") -> bool:
    return asked.done() and asked.exception() is not None


def read(asked: "Future[Names]") -> None:
    """Give those who wait what the child tells, or what went wrong."""
    try:
        asked.set_result(told())
    except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
        reason = f"{type(error).__name__}: {error}"
        asked.set_exception(NoPriceList(f"The price list could not be read: {reason}"))


def told() -> Names:
    """What the child prints. Raises OSError, SubprocessError, ValueError; its own complaint is in our log."""
    child = subprocess.run(
        COMMAND, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PATIENCE, check=True
    )
    return {slug: tuple(names) for slug, names in orjson.loads(child.stdout).items()}
