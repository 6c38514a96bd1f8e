"""How a call was routed, in words: by which config, whom it asked and why each was left, what the cache had.

Requests that follow on one another to the same target stand together under its name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, zip_longest

from logs.models import FOR_CACHE, HITS, RequestLog
from logs.pages.wording import provider
from logs.story.attempts import Attempts, Tried, attempts
from logs.story.parts import text_of
from logs.story.timeline import lasting

FEW = 5  # attempts, whose errors are shown without being unfolded
SKIPPED = 100  # targets that are named
ROOT = ("", "config")  # the path of a call that has but one target
MODES = {
    "single": "one target",
    "fallback": "fallback",
    "loadbalance": "load balance",
    "conditional": "by condition",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One request, and in words what came of it."""

    tried: Tried
    why: str
    is_counted: bool  # the answer that the client was given
    is_open: bool  # its error is shown at once


@dataclass(frozen=True, slots=True)
class Target:
    """Some requests in a row to one target; its path is empty where a call has but one."""

    path: str
    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Routed:
    """All of it, in the order of time. `left_out`: requests between `first` and `last` that are not shown."""

    first: tuple[Target, ...]
    left_out: int
    last: tuple[Target, ...]
    is_one: bool  # or none
    skipped: tuple[str, ...]
    more_skipped: int
    cached: str  # in words, where the cache had the answer


def routed(log: RequestLog) -> Routed:
    """The way of a call from target to target."""
    known = attempts(log.attempts, log.total_ms)
    told = [line(tried, after, known, log) for tried, after in pairs(known)]
    skipped = log.skipped if isinstance(log.skipped, list) else []
    return Routed(
        targets(told[: len(known.first)]),
        known.left_out,
        targets(told[len(known.first) :]),
        len(told) <= 1,
        tuple(text_of(each)[:255] for each in skipped[:SKIPPED]),
        max(len(skipped) - SKIPPED, 0),
        hit(log),
    )


def pairs(known: Attempts) -> Iterator[tuple[Tried, Tried | None]]:
    """Each with the one that followed; None behind the last, and where those that follow are left out."""
    yield from zip_longest(known.first, known.first[1:])
    yield from zip_longest(known.last, known.last[1:])


def line(tried: Tried, after: Tried | None, known: Attempts, log: RequestLog) -> Line:
    is_last = tried is (known.last or known.first)[-1]
    is_answer = log.cache_status not in HITS and tried.path != FOR_CACHE
    is_counted = is_last and is_answer and not tried.left
    return Line(tried, why(tried, after, log), is_counted, is_open=len(known.first) <= FEW)


def targets(told: Iterable[Line]) -> tuple[Target, ...]:
    grouped = (tuple(each) for _, each in groupby(told, lambda line: line.tried.target))
    return tuple(Target(path(each[0].tried), name(each[0].tried), each) for each in grouped)


def path(tried: Tried) -> str:
    return "" if tried.path in ROOT else "the semantic cache" if tried.path == FOR_CACHE else tried.path


def name(tried: Tried) -> str:
    """Whom it asked for what."""
    if tried.path == FOR_CACHE:
        return f"an embedding by {whom(tried)}"
    return whom(tried)


def whom(tried: Tried) -> str:
    at = f" at {provider(tried.provider)}" if tried.provider else ""
    host = f" ({tried.host})" if tried.host else ""
    through = f", virtual key {tried.virtual_key}" if tried.virtual_key else ""
    return f"{tried.model or 'no model'}{at}{host}{through}"


def why(tried: Tried, after: Tried | None, log: RequestLog) -> str:
    """What came of a request, and why it was not the last word."""
    said = answered(tried, is_hit=log.cache_status in HITS and after is None)
    match tried.left:
        case "":
            return said
        case "retried":
            return f"{said}, retried {pause(after)}".rstrip()
        case "fell back":
            return f"{said}, fell back to {next_after(tried, after, log)}"
        case "other secret":
            return f"{said}, asked again with the other secret of the virtual key"
    return f"{said}, {tried.left}"


def next_after(tried: Tried, after: Tried | None, log: RequestLog) -> str:
    """The target that was to be tried next."""
    if after is not None and after.path != FOR_CACHE:
        return after.path
    if log.option_index and log.option_index != tried.path:
        return log.option_index
    return "the next target"  # of which there is no more than that: the call was refused there


def version(log: RequestLog) -> str:
    """The number of a saved config's version, and its id."""
    return f"{log.config_number} ({log.config_version})" if log.config_number else log.config_version


def answered(tried: Tried, *, is_hit: bool) -> str:
    """The status, whose it was, and how the answer ended where it did not end well."""
    if not tried.status:
        return tried.outcome if tried.outcome not in ("", "answered", "failed") else "was not answered"
    ended = f", {tried.outcome}" if tried.outcome not in ("", "answered", "failed") else ""
    if is_hit and not tried.host:
        return "answered from the gateway's cache"
    if not tried.host and tried.outcome:
        return f"ended with {tried.status} before its provider was asked{ended}"
    return f"answered {tried.status}{ended}"


def pause(after: Tried | None) -> str:
    """When the next request was made, if that is known."""
    if after is None:
        return ""
    return f"after {lasting(after.waited_ms)}" if after.waited_ms else "at once"


def hit(log: RequestLog) -> str:
    """The answer that the cache had; nothing where it had none."""
    if log.cache_status not in HITS:
        return ""
    at = "" if log.option_index in ROOT else f" at {log.option_index}"
    like = ", as a request like it had been" if log.cache_status == HITS[1] else ""
    return f"Answered from the cache{at}{like}{found(log)}"


def cache(log: RequestLog) -> str:
    """What the cache had for the call; nothing where it was not asked."""
    return "" if log.cache_status == "DISABLED" else f"{log.cache_status}{found(log)}"


def found(log: RequestLog) -> str:
    """How old a hit was, and how much alike."""
    age = "" if log.cache_age is None else f", stored {lasting(log.cache_age * 1000)} before"
    return age + ("" if log.cache_similarity is None else f", similarity {log.cache_similarity:.3f}")


def config(log: RequestLog) -> str:
    return "in the call's header" if log.config == "inline" else log.config


def mode(log: RequestLog) -> str:
    return MODES.get(log.mode, log.mode)
