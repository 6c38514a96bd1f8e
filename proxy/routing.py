"""From a config's tree to the targets to try, in order. No I/O: `walk` is a generator that is told what came.

It yields a target and is sent its outcome; where a load balancer is sticky it yields a Draw and is sent the
index of the target. Strategies nest by `yield from`, to any depth. A call without a config is a tree of one
target.
"""

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from configs.conditions import Facts, TooLong, UnknownOperator
from configs.tree import Conditional, Fallback, LoadBalance, Node, Single, Sticky, Strategy, Target
from proxy.errors import InvalidRequest
from proxy.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Draw:
    """A choice that is to be the same for the same caller. `among`: the targets' indexes and weights."""

    path: str
    sticky: Sticky
    among: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class Asking:
    """What routing may know of a call.

    `facts`: for conditions. `is_open`: whether a target is left alone because it failed; such ones come to
    be in `skipped`. `chance`: a number from 0 up to 1.
    """

    facts: Callable[[], Facts]
    is_open: Callable[[Target], bool] | None = None
    chance: Callable[[], float] = random.random
    skipped: list[str] = field(default_factory=list)


Walk: TypeAlias = Generator[Target | Draw, Outcome | int, Outcome]
Indexed: TypeAlias = list[tuple[int, Node]]


def walk(node: Node, asking: Asking) -> Walk:
    """Yields the targets to try, is told what came of each, returns the outcome that counts.

    Raises InvalidRequest where a condition leads nowhere.
    """
    match node:
        case Target():
            outcome = yield node
            assert isinstance(outcome, Outcome)
            return outcome
        case Fallback():
            return (yield from fallback(node, asking))
        case LoadBalance():
            return (yield from balanced(node, asking))
        case Conditional():
            return (yield from walk(routed(node, asking.facts()), asking))
        case Single():
            return (yield from walk(closed(node, asking)[0][1], asking))


def fallback(node: Fallback, asking: Asking) -> Walk:
    """One after the other, as long as what comes is something to fall back from."""
    targets = closed(node, asking)
    for _, target in targets[:-1]:
        outcome = yield from walk(target, asking)
        if outcome.is_final or not falls(node, outcome.counts_as):
            return outcome
    return (yield from walk(targets[-1][1], asking))


def falls(node: Fallback, status: int) -> bool:
    """Whether after an answer of this status the next target is tried."""
    return not 200 <= status < 300 if node.codes is None else status in node.codes


def balanced(node: LoadBalance, asking: Asking) -> Walk:
    among = tuple((index, node.weights[index]) for index, _ in closed(node, asking))
    if not any(weight for _, weight in among):  # those that are left have no weight
        among = tuple((index, weight) for index, weight in enumerate(node.weights) if weight)
    if node.sticky is None:
        index = drawn(among, asking.chance())
    else:
        told = yield Draw(node.path, node.sticky, among)
        assert isinstance(told, int)
        index = told
    return (yield from walk(node.targets[index], asking))


def drawn(among: tuple[tuple[int, float], ...], chance: float) -> int:
    """One of the indexes, each as often as its weight says."""
    left = chance * sum(weight for _, weight in among)
    for index, weight in among:
        left -= weight
        if left < 0:
            return index
    return next(index for index, weight in reversed(among) if weight)


def routed(node: Conditional, facts: Facts) -> Node:
    """The target of the first condition that holds, else the default. Raises InvalidRequest."""
    if node.conditions is None:
        raise InvalidRequest("No conditions passed in the query router")
    facts.begin()
    try:
        name = next((then for query, then in node.conditions if query.holds(facts)), node.default)
    except (UnknownOperator, TooLong) as error:
        raise InvalidRequest(str(error)) from None
    if not name:
        raise InvalidRequest("Query router did not resolve to any valid target")
    for target in node.targets:
        if target.name == name:
            return target
    raise InvalidRequest(f"Invalid target name found in the query router: {name}")


def closed(node: Strategy, asking: Asking) -> Indexed:
    """The targets that are not left alone, with their places; all of them if every one is."""
    targets = list(enumerate(node.targets))
    if asking.is_open is None:
        return targets
    left_alone = [is_open(target, asking.is_open) for target in node.targets]
    if all(left_alone) or not any(left_alone):
        return targets
    asking.skipped.extend(node.targets[index].path for index, gone in enumerate(left_alone) if gone)
    return [each for each, gone in zip(targets, left_alone, strict=True) if not gone]


def is_open(node: Node, of: Callable[[Target], bool]) -> bool:
    """Whether a target is left alone, or all of a strategy's."""
    if isinstance(node, Target):
        return node.breaker is not None and of(node)
    return all(is_open(each, of) for each in node.targets)
