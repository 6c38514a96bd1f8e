"""Refused keys, logged at most once a minute for each address."""

import logging

from keys.seldom import Seldom

log = logging.getLogger(__name__)
seldom = Seldom(60)


def note(address: str, code: str) -> None:
    """One more refusal. What was presented is not told: it may be someone's secret."""
    if seldom.now(address):
        log.warning("A key from %s was refused (code %s).", address or "an unknown address", code)
