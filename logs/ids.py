"""Ids of calls: UUIDv7 (RFC 9562 §5.7), in the order of time.

The twelve bits behind the milliseconds are a fraction of one (§6.2, method 3), so the order holds within it.
"""

import random
import time
import uuid
from datetime import UTC, datetime


def new_id() -> str:
    """A fresh id, canonical text."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fine = rest * 4096 // 1_000_000
    chance = random.getrandbits(62)
    digits = f"{milliseconds << 80 | 7 << 76 | fine << 64 | 2 << 62 | chance:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def minted_at(call: str) -> datetime:
    """When an id was minted, to the millisecond."""
    return datetime.fromtimestamp((uuid.UUID(call).int >> 80) / 1000, tz=UTC)
