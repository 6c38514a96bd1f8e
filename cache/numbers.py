"""numpy, which a process imports when it first compares something.

That takes a tenth of a second, so where gevent runs the process it is done in a real thread.
"""

import importlib
import sys
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def numpy() -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return importlib.import_module("numpy")
    import gevent  # only a process that gevent patched has it

    return gevent.get_hub().threadpool.apply(importlib.import_module, ("numpy",))


def direction(numbers: Any) -> Any:
    """A vector of length 1 in 32 bits. Raises ValueError for what has no direction."""
    np = numpy()
    vector = np.asarray(numbers, dtype=np.float32)
    length = float(np.linalg.norm(vector)) if vector.ndim == 1 else 0.0
    if not 0 < length < float("inf"):
        raise ValueError("no vector")
    return vector / np.float32(length)


def read(content: bytes) -> Any:
    """A vector that `direction` made, from its bytes. Raises ValueError."""
    np = numpy()
    return np.frombuffer(content, dtype=np.float32)
