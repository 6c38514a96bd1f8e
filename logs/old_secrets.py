"""Wiping credentials that no longer work, once a minute, where somebody is always at work: the ingester."""

import logging
import time

from django.db import DatabaseError, InterfaceError, connections

from keys.transitions import forget_expired

EVERY_SECONDS = 60.0

logger = logging.getLogger(__name__)


class OldSecrets:
    def __init__(self) -> None:
        self.looked_at = float("-inf")

    def wipe(self) -> None:
        """At most once a minute; what cannot be wiped now is met with again, and is no reason to stop."""
        if time.monotonic() - self.looked_at < EVERY_SECONDS:
            return
        self.looked_at = time.monotonic()
        try:
            forget_expired()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("Old secrets could not be wiped: %s", error)
            connections["default"].close()
