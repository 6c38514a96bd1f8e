"""What a breaker's rule makes of the outcomes of a target; see configs/breaker.py.

The time of a count begins with the first failure; what succeeded before that, at most a cooldown ago, counts
as well. When it is over the target is used again as if nothing had been.
"""

from dataclasses import dataclass

from configs.breaker_sharing import Added, Total
from configs.tree import BreakerRule

LONGEST = 86_400.0  # seconds that a target is left alone, whatever the rule says


def is_failure(status: int, rule: BreakerRule) -> bool:
    return status >= 500 if rule.codes is None else status in rule.codes


def is_success(status: int, rule: BreakerRule) -> bool:
    """Whether it is one that the rule asks for: without a percentage it asks for none."""
    return rule.percentage is not None and 200 <= status < 300


def cooldown(rule: BreakerRule) -> float:
    """Seconds from the first failure to the end."""
    return min(rule.cooldown, LONGEST)


@dataclass(slots=True)
class Count:
    """What came of a target since `since`, as far as is known here; of it, what is yet to be told."""

    rule: BreakerRule
    since: float
    failures: int = 0
    successes: int = 0
    untold_failures: int = 0
    untold_successes: int = 0

    @property
    def until(self) -> float:
        return self.since + cooldown(self.rule)

    @property
    def is_too_much(self) -> bool:
        """Whether the breaker is to open."""
        rule, calls = self.rule, self.failures + self.successes
        if rule.failures is not None and self.failures >= rule.failures:
            return True
        if rule.percentage is None or not self.failures or calls < rule.least:
            return False
        return self.failures * 100 >= rule.percentage * calls

    def add(self, failed: bool, now: float) -> None:
        if failed:
            self.since = self.since if self.failures else now
            self.failures += 1
            self.untold_failures += 1
        else:
            self.successes += 1
            self.untold_successes += 1

    def untold(self, key: str, now: float) -> Added:
        """What is to be told of it."""
        return Added(key, self.untold_failures, self.untold_successes, self.until - now)

    def told(self, added: Added, total: Total, now: float) -> None:
        """The others were told of `added`, and with theirs it makes `total`."""
        self.untold_failures -= added.failures
        self.untold_successes -= added.successes
        self.failures = total.failures + self.untold_failures
        self.successes = total.successes + self.untold_successes
        self.since = now + total.left - cooldown(self.rule)
