"""The queries of conditional routing: what they may say, and whether they hold (gateway-behaviour §3.10).

A query is compiled once into frozen values. It is asked of Facts: the call's metadata, the parameters in its
body, its path. Equality is JavaScript's strict one, comparison by numbers as parseFloat reads them, and what
is missing is `undefined`: equal to nothing, unequal to everything.
"""

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from configs.patterns import Pattern, pattern

NUMBER = re.compile(r"[+-]?(?:Infinity|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)", re.ASCII)
EXPONENT = re.compile(r"(e[+-])0+")
SPACE = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


class Undefined:
    """What JavaScript has for a value that is not there."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()


class UnknownOperator(Exception):
    """A query asks for an operator there is none of."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Unsupported operator used in the query router: {name}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a query can ask about. `params`: the body's top level; empty where it is no JSON.

    Many patterns over a long text take long together, so after a while none of them is found any more.
    """

    metadata: Mapping[str, Any]
    params: Mapping[str, Any]
    pathname: str
    until: float = math.inf  # when (time.monotonic) patterns are no longer looked for

    @property
    def is_late(self) -> bool:
        return time.monotonic() >= self.until

    def value(self, path: str) -> Any:
        """What stands at `metadata.x`, `params.x` or `url.pathname`; exactly two segments are read."""
        where, _, rest = path.partition(".")
        name = rest.partition(".")[0]
        if where == "metadata":
            return self.metadata.get(name, UNDEFINED)
        if where == "params":
            return self.params.get(name, UNDEFINED)
        return self.pathname if where == "url" and name == "pathname" else UNDEFINED


@dataclass(frozen=True, slots=True)
class Comparison:
    """One operator with what it compares to. `operator` is the name a query has it by."""

    operator: str
    operand: Any

    def holds(self, value: Any) -> bool:
        return OPERATORS[self.operator](value, self.operand)


@dataclass(frozen=True, slots=True)
class Test:
    """All comparisons of one path. `unknown`: an operator there is none of comes behind them."""

    path: str
    comparisons: tuple[Comparison, ...]
    unknown: str = ""

    def holds(self, facts: Facts) -> bool:
        """Raises UnknownOperator."""
        value = facts.value(self.path)
        for comparison in self.comparisons:
            if comparison.operator == "$regex" and facts.is_late:
                return False
            held = comparison.holds(value)
            if not held or comparison.operator == "$regex":  # which ignores what follows it
                return held
        if self.unknown:
            raise UnknownOperator(self.unknown)
        return True


@dataclass(frozen=True, slots=True)
class Group:
    """`$and` or `$or` of several queries."""

    every: bool
    queries: tuple["Query", ...]

    def holds(self, facts: Facts) -> bool:
        held = (query.holds(facts) for query in self.queries)
        return all(held) if self.every else any(held)


@dataclass(frozen=True, slots=True)
class Query:
    """Tests that must all hold; a group among them has the last word, and what follows it is ignored."""

    parts: tuple["Test | Group", ...]

    def holds(self, facts: Facts) -> bool:
        """Raises UnknownOperator."""
        for part in self.parts:
            held = part.holds(facts)
            if not held or isinstance(part, Group):
                return held
        return True


def query(told: Mapping[str, Any]) -> Query:
    """The query that an object tells."""
    return Query(tuple(part(name, value) for name, value in told.items()))


def part(name: str, value: Any) -> Test | Group:
    if name in ("$and", "$or"):
        queries = value if isinstance(value, list) else []
        return Group(name == "$and", tuple(query(each) for each in queries if isinstance(each, Mapping)))
    if not isinstance(value, Mapping | list):
        return Test(name, (Comparison("$eq", value),))
    asked = dict(enumerate(value)) if isinstance(value, list) else dict(value)
    return test(name, {str(operator): operand for operator, operand in asked.items()})


def test(path: str, asked: Mapping[str, Any]) -> Test:
    """The comparisons up to the first operator that is none."""
    known: list[Comparison] = []
    for operator, operand in asked.items():
        if operator not in OPERATORS:
            return Test(path, tuple(known), unknown=operator)
        operand = pattern(js_text(operand)) if operator == "$regex" else operand
        known.append(Comparison(operator, operand))
    return Test(path, tuple(known))


def equal(value: Any, other: Any) -> bool:
    """`===`: 1 is 1.0 and neither is true nor "1"; an object is no other object."""
    if value is None or other is None:
        return value is other
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, int | float) and isinstance(other, int | float):
        return in_range(value) == in_range(other)
    return isinstance(value, str) and isinstance(other, str) and value == other


def among(value: Any, others: Any) -> bool:
    return isinstance(others, list) and any(equal(value, each) for each in others)


def not_among(value: Any, others: Any) -> bool:
    return isinstance(others, list) and not among(value, others)


def unequal(value: Any, other: Any) -> bool:
    return not equal(value, other)


def found(value: Any, wanted: Pattern) -> bool:
    return wanted.finds(js_text(value))


def by_number(compared: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    """A comparison of what both sides are as numbers; false where one is none."""

    def holds(value: Any, other: Any) -> bool:
        ours, theirs = js_number(value), js_number(other)
        return not (math.isnan(ours) or math.isnan(theirs)) and compared(ours, theirs)

    return holds


def js_number(value: Any) -> float:
    """What parseFloat makes of a value; nan where that is no number."""
    if isinstance(value, bool):
        return math.nan
    if isinstance(value, int | float):
        return in_range(value)
    read = NUMBER.match(js_text(value).lstrip(SPACE))
    return float(read[0]) if read else math.nan


def in_range(value: int | float) -> float:
    """The number as JavaScript keeps it."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def js_text(value: Any) -> str:
    """A value as JavaScript's String() tells it; what is nested beyond measure has no text."""
    try:
        return told(value)
    except RecursionError:
        return ""


def told(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int() | float():
            return number_told(in_range(value))
        case list():
            return ",".join("" if each is None else told(each) for each in value)
        case Mapping():
            return "[object Object]"
    return str(value)


def number_told(value: float) -> str:
    """The shortest digits that tell the number, written out from a millionth up to 1e21."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if 1e-6 <= abs(value) < 1e21:
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return EXPONENT.sub(r"\1", repr(value)) if value else "0"


Operator: TypeAlias = Callable[[Any, Any], bool]
OPERATORS: dict[str, Operator] = {
    "$eq": equal,
    "$ne": unequal,
    "$in": among,
    "$nin": not_among,
    "$gt": by_number(lambda ours, theirs: ours > theirs),
    "$gte": by_number(lambda ours, theirs: ours >= theirs),
    "$lt": by_number(lambda ours, theirs: ours < theirs),
    "$lte": by_number(lambda ours, theirs: ours <= theirs),
    "$regex": found,
}
