"""Whether to ask a target again, and after how long a wait (gateway-behaviour §3.7).

The waits double from a second on. Where the config says so, a 429 is taken at its word: its `retry-after`
is waited for, up to a minute in all. No wait goes beyond the end of the whole call.
"""

import time
from collections.abc import Mapping

from configs.tree import Retry
from proxy.outcome import Outcome

LONGEST = 60.0  # seconds of waiting as providers say, one wait or all together
ALL_FAILED = -1  # what `x-portkey-retry-attempt-count` tells when retrying did not help
IN_MILLISECONDS = ("retry-after-ms", "x-ms-retry-after-ms")

sleep = time.sleep


class Patience:
    """The tries of one target. `until`: when (time.monotonic) the whole call has to be over."""

    def __init__(self, rule: Retry, until: float) -> None:
        self.rule, self.until = rule, until
        self.retries = 0
        self.told: float | None = None  # seconds waited because a provider said so; None: none did
        self.gave_up = False

    def wait(self, outcome: Outcome, left: int = 1) -> float | None:
        """Seconds to wait before asking again; None if what came counts. `left`: tries that the call has."""
        if not (outcome.is_retryable or outcome.counts_as in self.rule.codes) or outcome.is_final:
            return None
        seconds = self.next(outcome) if left > 0 else None
        if seconds is None or time.monotonic() + seconds >= self.until:
            self.gave_up = True
            return None
        self.retries += 1
        return seconds

    def next(self, outcome: Outcome) -> float | None:
        """Seconds that this outcome calls for; None if that is more than is worth it."""
        if self.retries >= self.rule.attempts:
            return None
        if self.rule.heeds_retry_after and outcome.status == 429:
            asked = retry_after(outcome.headers)
            if asked is not None:
                self.told = asked + (self.told or 0)
                return asked if self.told <= LONGEST else None
        return 2.0**self.retries if self.told is None else 0.0

    @property
    def count(self) -> int:
        """What `x-portkey-retry-attempt-count` tells."""
        return ALL_FAILED if self.gave_up else self.retries


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait that a provider asks for, in seconds; a date is not understood."""
    told = {name.lower(): value.strip() for name, value in headers.items()}
    for name in IN_MILLISECONDS:
        if (value := whole(told.get(name, ""))) is not None:
            return value / 1000
    return whole(told.get("retry-after", ""))


def whole(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
