"""When API keys and virtual keys were last used: gathered from the rows, told to their tables at times."""

import contextlib
import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connections

from keys.models import ApiKey, VirtualKey
from logs.rows import Row

EVERY_SECONDS = 3.0
AGAIN_SECONDS = 30.0  # while the database is away: to find that out takes seconds, and calls wait meanwhile

logger = logging.getLogger(__name__)


class LastUsed:
    def __init__(self) -> None:
        self.api_keys: dict[str, datetime] = {}
        self.virtual_keys: dict[str, datetime] = {}
        self.next_at = 0.0

    def note(self, logs: Iterable[Row]) -> None:
        for log in logs:
            at = log["created_at"]
            for times, key in (
                (self.api_keys, log["api_key_id"]),
                (self.virtual_keys, log["virtual_key_id"]),
            ):
                if key and times.get(key, at) <= at:
                    times[key] = at

    def tell(self) -> None:
        """Write what was gathered; what cannot be written is tried again, and is no reason to stop."""
        if not (self.api_keys or self.virtual_keys) or time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + EVERY_SECONDS
        try:
            ApiKey.objects.used(dict(by_id(self.api_keys)))
            VirtualKey.objects.used(dict(by_id(self.virtual_keys)))
        except (DatabaseError, InterfaceError) as error:
            logger.warning("When keys were last used could not be written: %s", error)
            connections["default"].close()
            self.next_at = time.monotonic() + AGAIN_SECONDS
        else:
            self.api_keys, self.virtual_keys = {}, {}


def by_id(times: Mapping[str, datetime]) -> Iterator[tuple[uuid.UUID, datetime]]:
    """Without what is no id of a key."""
    for key, at in times.items():
        with contextlib.suppress(ValueError):
            yield uuid.UUID(key), at
