"""A config in words, for people: conditions, what a strategy does, whom a target calls and how.

Words hold what clients and admins wrote, cut where it is long; who shows them escapes them. What is cut off
is not put into words before: a config has room for a million characters, and each target may inherit them.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from configs.conditions import Comparison, Group, Members, Query, Test
from configs.patterns import Pattern, speakable
from configs.tree import (
    BreakerRule,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    Settings,
    Single,
    Sticky,
    Target,
)
from configs.written import Array, written
from providers.catalog import PROVIDERS

LONGEST = 200  # characters of a value
LONGEST_QUERY = 1_000  # … of conditions
MOST_STATUSES = 600  # more than there are
COMPARED = {
    "$eq": "is",
    "$ne": "is not",
    "$in": "is one of",
    "$nin": "is none of",
    "$gt": "is above",
    "$gte": "is at least",
    "$lt": "is below",
    "$lte": "is at most",
    "$regex": "matches",
}
TITLES = {
    Target: "Target",
    Single: "One target",
    Fallback: "Fallback",
    LoadBalance: "Load balance",
    Conditional: "Conditions",
}


def cut(text: str, most: int = LONGEST) -> str:
    """What is shown of a text, without half surrogate pairs, which no page can hold."""
    return speakable(text if len(text) <= most else f"{text[:most]}…")


def joined(parts: Iterable[str], between: str = ", ", most: int = LONGEST) -> str:
    """As many of the parts as are shown; no more of them are made."""
    told, length = [], 0
    for part in parts:
        told.append(part[: most + 1])
        length += len(told[-1]) + len(between)
        if length > most + len(between):
            break
    return cut(between.join(told), most)


def value(told: Any) -> str:
    """A value as JSON; a pattern between slashes."""
    if isinstance(told, Pattern):
        return cut(f"/{told.text}/")
    return cut(written(Array(told.told) if isinstance(told, Members) else told, LONGEST))


# Conditions.


def query(asked: Query) -> str:
    """`metadata.plan is "paid" and params.temperature is above 1`."""
    return joined(parts(asked), "", LONGEST_QUERY)


def parts(asked: Query) -> Iterator[str]:
    """A query piece by piece, so that of a long one no more is put into words than is shown."""
    counted = False
    for part in until_group(asked):
        yield " and " if counted else ""
        counted = True
        yield from group(part) if isinstance(part, Group) else [test(part)]
    if not counted:
        yield "always"


def until_group(asked: Query) -> Iterator[Test | Group]:
    """The parts that count: a group has the last word."""
    for part in asked.parts:
        yield part
        if isinstance(part, Group):
            return


def group(asked: Group) -> Iterator[str]:
    if not asked.queries:
        yield "always" if asked.every else "never"
        return
    is_one = len(asked.queries) == 1
    yield "" if is_one else "("
    for index, each in enumerate(asked.queries):
        yield (" and " if asked.every else " or ") if index else ""
        yield from parts(each)
    yield "" if is_one else ")"


def test(asked: Test) -> str:
    told = [f"{COMPARED[each.operator]} {value(each.operand)}" for each in compared(asked)]
    if asked.unknown and len(told) == len(asked.comparisons):
        told.append(f"is asked for {cut(asked.unknown)}, which there is not")
    return f"{cut(asked.path)} {' and '.join(told) or 'is anything'}"


def compared(asked: Test) -> Iterator[Comparison]:
    """The comparisons that count: a pattern has the last word."""
    for each in asked.comparisons:
        yield each
        if each.operator == "$regex":
            return


def paths(asked: Query) -> Iterator[str]:
    """What a query asks about, in order and as often as it does."""
    for part in until_group(asked):
        if isinstance(part, Group):
            for each in part.queries:
                yield from paths(each)
        else:
            yield part.path


# Strategies.


def does(node: Node) -> str:
    """What a strategy does with its targets; "" of a target."""
    match node:
        case Fallback(codes=codes):
            return f"One after the other, until one {until(codes)}"
        case LoadBalance(sticky=sticky):
            return f"One of them, by weight{same(sticky) if sticky else ''}"
        case Conditional():
            return "The first whose condition holds"
        case Single():
            return "The first, and no other"
    return ""


def until(codes: frozenset[int] | None) -> str:
    if codes is None:
        return "answers with 2xx"
    return f"answers with anything but {statuses(codes)}" if codes else "answers at all"


def falls(codes: frozenset[int] | None) -> str:
    """The same from the other side: what a fallback goes on after."""
    if codes is None:
        return "answers with anything but 2xx"
    return f"answers with {statuses(codes)}" if codes else "never happens"


def statuses(codes: Iterable[int]) -> str:
    return joined(map(str, sorted(islice(codes, MOST_STATUSES))))


def same(sticky: Sticky) -> str:
    """By what a caller is known again."""
    fields = joined((f", {where}.{name}" for where, name in sticky.fields), "")
    return f"; the same one for the same API key{fields} during {span(sticky.ttl)}"


# Targets.


def whom(target: Target) -> str:
    """Whom a target calls."""
    if target.virtual_key:
        return cut(f"@{target.virtual_key}")
    if target.provider:
        row = PROVIDERS.get(target.provider)
        return row.name if row else target.provider
    return "Whom the request names" if target.asked else "Nobody: it names no provider"


def settings(told: Settings) -> list[tuple[str, str]]:
    """What holds for a target, each with its name, inherited or not."""
    rows = [
        ("sets", parameters(told.override)),
        ("sets unless given", parameters(told.default)),
        ("drops", joined(map(place, told.drop))),
        ("retries", f"{told.retry.attempts} more after {statuses(told.retry.codes)}" if told.retry else ""),
        ("heeds", "Retry-After" if told.retry and told.retry.heeds_retry_after else ""),
        ("cache", kept(told.cache.mode, told.cache.max_age) if told.cache else ""),
        ("time-out", span(told.timeout) if told.timeout else ""),
        ("host", told.custom_host),
        ("forwards", joined(told.forward or ())),
        ("strict", "" if told.strict is None else ("yes" if told.strict else "no")),
    ]
    return [(name, cut(text)) for name, text in rows if text]


def parameters(told: Any) -> str:
    return joined(f"{cut(name)} = {value(each)}" for name, each in told.items())


def place(steps: Iterable[str | int]) -> str:
    """`tools[*].function.strict`."""
    told = ""
    for step in steps:
        told += f"[{step}]" if isinstance(step, int) or step == "*" else f".{step}"
    return told.removeprefix(".")


def kept(mode: str, max_age: int | None) -> str:
    return f"{mode}, {span(max_age)}" if max_age else mode


def breaker(rule: BreakerRule) -> str:
    limits = []
    if rule.failures is not None:
        limits.append(f"{rule.failures} failures")
    if rule.percentage is not None:
        limits.append(f"{rule.percentage:g} % failures of {rule.least} calls or more")
    failed = f" ({statuses(rule.codes)})" if rule.codes is not None else ""
    return f"left alone for {span(rule.cooldown)} after {' or '.join(limits)}{failed}"


def span(seconds: float) -> str:
    """`90 s`, `5 min`, `2 h`, `7 d`: in the largest unit that tells it whole."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g} {unit}"
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def percent(share: float) -> str:
    """`70 %`, `33.3 %`, `< 0.1 %`."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{round(share * 100, 1):g} %"
