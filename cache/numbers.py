"""numpy, which a process imports when it first compares something.

That takes a tenth of a second, so where gevent runs the process it is done in a real thread.
"""

import importlib
import sys
from functools import lru_cache
from typing import Any

MOST = 8192  # numbers of a vector; no model has more
ROUNDING = 1e-3  # what 32 bits may take from the length of a vector of length 1


@lru_cache(maxsize=1)
def numpy() -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return importlib.import_module("numpy")
    import gevent  # only a process that gevent patched has it

    return gevent.get_hub().threadpool.apply(importlib.import_module, ("numpy",))


def direction(numbers: Any) -> Any:
    """A vector of length 1 in 32 bits. Raises ValueError for what has none, or is no list of numbers."""
    if not isinstance(numbers, list | tuple) or not 0 < len(numbers) <= MOST:
        raise ValueError("no vector")
    if any(type(number) not in (int, float) for number in numbers):
        raise ValueError("no numbers")
    np = numpy()
    try:
        with np.errstate(all="ignore"):
            vector = np.asarray(numbers, dtype=np.float32)
            length = float(np.linalg.norm(vector))
    except OverflowError:
        raise ValueError("no number of 32 bits") from None
    if not 0 < length < float("inf"):
        raise ValueError("no direction")
    return vector / np.float32(length)


def read(content: bytes) -> Any:
    """A vector that `direction` made, from its bytes. Raises ValueError for what it did not make."""
    np = numpy()
    vector = np.frombuffer(content[: MOST * 4 + 1], dtype=np.float32)
    with np.errstate(all="ignore"):
        length = float(np.linalg.norm(vector))
    if not abs(length - 1) < ROUNDING:
        raise ValueError("no direction")
    return vector
