"""Refused keys: counted, and logged at most once a minute for each address."""

import logging
from collections import Counter

from keys.seldom import Seldom

log = logging.getLogger(__name__)
seldom = Seldom(60)
counts: Counter[str] = Counter()  # by code


def note(address: str, code: str) -> None:
    """One more refusal. What was presented is not told: it may be someone's secret."""
    counts[code] += 1
    if seldom.now(address):
        log.warning("A key from %s was refused (code %s).", address or "an unknown address", code)
