"""Who comes again goes to the target it went to before.

By weighted rendezvous hashing workers and machines agree on a target without a word between them, and a
change of weights moves only those whom it must move. Where there is a Redis the choice is kept there, so that
not even these move before its time is over. Which targets there are to choose from is the walk's business.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from configs import places
from configs.tree import Sticky
from shared_state import link

DAY = 86_400
LONGEST_INLINE, LONGEST_SAVED = (
    DAY,
    30 * DAY,
)  # seconds that a choice is kept at most, so that Redis does not fill
LONGEST = 4_096  # characters of a value that are looked at; hashing more would hold up other calls

Weights = Sequence[tuple[int, float]]  # a target's index and its weight


def identifier(
    sticky: Sticky,
    api_key_id: str,
    metadata: Mapping[str, Any],
    params: Mapping[str, Any],
    headers: Mapping[str, str],
) -> str:
    """By what a caller is known again: a digest of its API key and of the fields that have a value.

    `headers` by names in small letters.
    """
    sources = {"metadata": metadata, "params": params, "headers": headers}
    parts = [api_key_id]
    for source, name in sticky.fields:
        if value := text(sources[source].get(name.lower() if source == "headers" else name)):
            parts.append(f"{source}.{name}:{value}")
    return hashlib.sha256("|".join(parts).encode(errors="surrogatepass")).hexdigest()


def text(value: object) -> str:
    """A value in JavaScript's spelling; nothing for one that says nothing, or is a list or an object."""
    match value:
        case str():
            return value[:LONGEST]
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)[:LONGEST].removesuffix(".0")
    return ""


def remembered(place: str, identifier: str, weights: Weights, ttl: float) -> int:
    """The target chosen before at this place, if it may still be; else `chosen`, kept for `ttl` seconds.

    `place` names a node of a config (configs/places.py); an inline one's choices last a day at most, a saved
    one's thirty. Raises ValueError as `chosen` does.
    """
    choice = chosen(place, identifier, weights)
    with suppress(link.Away):
        return kept(link.key("sticky", place, identifier), choice, weights, lasting(place, ttl))
    return choice


def lasting(place: str, ttl: float) -> int:
    """For how many seconds a choice is kept."""
    return max(1, int(min(ttl, LONGEST_INLINE if places.is_inline(place) else LONGEST_SAVED)))


def chosen(place: str, identifier: str, weights: Weights) -> int:
    """The index whose lot is drawn, by the weights. Raises ValueError if none is above 0."""
    return min((lot(place, identifier, index) / weight, index) for index, weight in weights if weight > 0)[1]


def lot(place: str, identifier: str, index: int) -> float:
    """A number of an exponential distribution: the least of several, each divided by its weight, is each
    one's as often as its weight says."""
    digest = hashlib.blake2b(f"{place}|{identifier}|{index}".encode(), digest_size=8).digest()
    return -math.log(((int.from_bytes(digest) >> 12) + 0.5) / 2**52)  # all the bits that a float has


def kept(name: str, choice: int, weights: Weights, ttl: int) -> int:
    """What is kept under `name`, where it is one of those that may be; else `choice`, kept from now on."""
    with link.use() as redis:
        pipeline = redis.pipeline(transaction=False)
        pipeline.set(name, choice, ex=ttl, nx=True)
        pipeline.get(name)
        _, found = pipeline.execute()
        for index, weight in weights:
            if weight > 0 and found == str(index).encode():
                return index
        redis.set(name, choice, ex=ttl)
    return choice
