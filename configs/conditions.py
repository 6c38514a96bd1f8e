"""The queries of conditional routing: what they may say, and whether they hold (gateway-behaviour §3.10).

A query is compiled once into frozen values. It is asked of Facts: the call's metadata, the parameters in its
body, its path. Equality is JavaScript's strict one, comparison by numbers as parseFloat reads them, and what
is missing is `undefined`: equal to nothing, unequal to everything.
"""

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, TypeAlias

from configs.aside import turn
from configs.patterns import Pattern, pattern

NUMBER = re.compile(r"[+-]?(?:Infinity|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)", re.ASCII)
EXPONENT = re.compile(r"(e[+-])0+")
MOST_ELEMENTS = 1_000  # of a list that has a text
ELEMENT = 1_000  # characters of an element that count as one more
DIGITS = 1_000  # characters of a text that are read as a number
PACE = 0.005  # seconds between two turns for everybody else
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


class TooLong(Exception):
    """The conditions of a call have had all the time they may take."""

    def __init__(self) -> None:
        super().__init__("The conditions of the query router take too long for this request")


class Pace:
    """When the others had their last turn and the last step began, and seconds spent on all steps."""

    __slots__ = ("began", "since", "spent")

    def __init__(self) -> None:
        self.since = self.began = time.monotonic()
        self.spent = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a query can ask about. `params`: the body's top level; empty where it is no JSON.

    Many conditions over long values take long together: `most` is how many seconds they may. What passes
    between two looks at conditions, while providers are asked, does not count.
    """

    metadata: Mapping[str, Any]
    params: Mapping[str, Any]
    pathname: str
    most: float = math.inf
    pace: Pace = field(default_factory=Pace, compare=False, repr=False)

    def begin(self) -> None:
        """To be said before conditions are looked at, at first or again."""
        self.pace.began = time.monotonic()

    def step(self) -> None:
        """To be said before each step, which is also when the others have their turn. Raises TooLong."""
        pace, now = self.pace, time.monotonic()
        pace.spent += now - pace.began
        if now - pace.since > PACE:
            turn()
            pace.since = now = time.monotonic()
        pace.began = now
        if pace.spent >= self.most:
            raise TooLong

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
        """Raises UnknownOperator, TooLong."""
        value = facts.value(self.path)
        for comparison in self.comparisons:
            facts.step()
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
        """Raises UnknownOperator, TooLong."""
        for part in self.parts or (NOTHING,):
            facts.step()
            held = part.holds(facts)
            if not held or isinstance(part, Group):
                return held
        return True


NOTHING = Group(True, ())


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
        known.append(Comparison(operator, read(operator, operand)))
    return Test(path, tuple(known))


def read(operator: str, operand: Any) -> Any:
    """What an operator compares to, made ready for many calls."""
    if operator == "$regex":
        return pattern(js_text(operand))
    if operator in ("$in", "$nin") and isinstance(operand, list):
        return Members(operand)
    return operand


class Members:
    """The elements of a list, of which one is as quickly found as the other. `told`: as they were given."""

    __slots__ = ("found", "longest", "told")

    def __init__(self, told: list[Any]) -> None:
        self.told = told
        self.found = frozenset(named for each in told if (named := identity(each)) is not None)
        self.longest = max((len(each) for each in told if isinstance(each, str)), default=0)

    def __contains__(self, value: object) -> bool:
        if isinstance(value, str) and len(value) > self.longest:
            return False  # without a look at all of it
        return (named := identity(value)) is not None and named in self.found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Members) and self.told == other.told

    def __hash__(self) -> int:
        return hash(self.found)


def identity(value: Any) -> tuple[str, Any] | None:
    """What two values have in common that are `===`; None of a value that equals none."""
    match value:
        case None | bool():
            return "", value
        case str():
            return "text", value
        case int() | float():
            number = in_range(value)
            return None if math.isnan(number) else ("number", number)
    return None


def equal(value: Any, other: Any) -> bool:
    """`===`: 1 is 1.0 and neither is true nor "1"; an object is no other object."""
    return (named := identity(value)) is not None and named == identity(other)


def among(value: Any, others: Any) -> bool:
    return isinstance(others, Members) and value in others


def not_among(value: Any, others: Any) -> bool:
    return isinstance(others, Members) and value not in others


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
    begins = NUMBER.match(js_text(value)[:DIGITS].lstrip(SPACE))
    return float(begins[0]) if begins else math.nan


def in_range(value: int | float) -> float:
    """The number as JavaScript keeps it."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def js_text(value: Any) -> str:
    """A value as JavaScript's String() tells it; what is nested or long beyond measure has no text."""
    try:
        return "" if isinstance(value, list) and counted(value, 0) > MOST_ELEMENTS else told(value)
    except RecursionError:
        return ""


def counted(elements: list[Any], count: int) -> int:
    """`count` and how many elements there are, with those of lists within; no further than is needed."""
    for each in elements:
        count += 1 + (len(each) // ELEMENT if isinstance(each, str) else 0)
        count = counted(each, count) if isinstance(each, list) else count
        if count > MOST_ELEMENTS:
            break
    return count


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
