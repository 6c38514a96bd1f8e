"""Saying a thing at most once in a while: a log line for each name and period, whatever happens how often."""

import time
from collections import OrderedDict
from collections.abc import Hashable

AT_MOST = 10_000  # names remembered


class Seldom:
    """Whether it is time to speak of a name again; at most AT_MOST names are remembered, the oldest go."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._spoken: OrderedDict[Hashable, float] = OrderedDict()

    def now(self, name: Hashable) -> bool:
        """True if nothing was said of `name` for so long; then it counts as said."""
        time_now = time.monotonic()
        spoken = self._spoken.get(name)
        if spoken is not None and time_now - spoken < self.seconds:
            return False
        self._spoken[name] = time_now
        self._spoken.move_to_end(name)
        if len(self._spoken) > AT_MOST:
            self._spoken.popitem(last=False)
        return True
