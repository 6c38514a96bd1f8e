"""How long an answer is kept: as the config says, else as a `cache-control` header does, else a week."""

import re

LEAST, MOST = 60, 90 * 24 * 3600  # seconds
USUAL = 7 * 24 * 3600
MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,12})(?=$|[,\s])", re.IGNORECASE)


def seconds(max_age: float | None, cache_control: str = "") -> int:
    """The time in force. What is out of range becomes the usual one; it is not moved into it."""
    if max_age is None and (given := MAX_AGE.search(cache_control)):
        max_age = int(given[1])
    if max_age is None or not LEAST <= max_age <= MOST:
        return USUAL
    return int(max_age)
