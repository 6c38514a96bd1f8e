"""Which target a request would take, without taking it: conditions evaluated, weights as chances.

Follows the same tree as a call (proxy/routing.py does the walking there), and asks nobody. What only answers
can decide, the next target of a fallback, is told as what would come next. Of what a large tree comes to a
part is told, with how much is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from configs import hints, wording
from configs.aside import turn
from configs.conditions import UNDEFINED, Facts, Query, UnknownOperator
from configs.parameters import laid_over
from configs.patterns import speakable
from configs.tree import Conditional, Fallback, LoadBalance, Node, Single, Target, Tree

TOLD_AT_MOST = 5  # slugs, as in the answer to a call
SHOWN = 50  # first targets, refusals, steps, and conditions of one strategy
NEXT = 10  # targets that follow
ASKED = 20  # values that one condition asks of


@dataclass(frozen=True, slots=True)
class Check:
    """One condition, by its number: what it says, whether it holds, and the values it was asked of."""

    number: int
    words: str
    then: str
    holds: bool | None  # None: those before it decided
    found: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What was decided at one strategy. `unshown`: conditions between those that are told of and the last."""

    path: str
    title: str
    words: str
    checks: tuple[Check, ...] = ()
    unshown: int = 0


@dataclass(frozen=True, slots=True)
class First:
    """A target that may be asked first, and how likely that is. `next`: who follows if it fails.

    `unshown`: those that follow them.
    """

    target: Target
    share: float
    model: str
    next: tuple[str, ...] = ()
    unshown: int = 0

    @property
    def words(self) -> str:
        return wording.whom(self.target)

    @property
    def chance(self) -> str:
        return wording.percent(self.share)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Conditions that lead nowhere: what such a request is told, and how likely that is."""

    path: str
    share: float
    message: str

    @property
    def chance(self) -> str:
        return wording.percent(self.share)


@dataclass(slots=True)
class Run:
    """What came of it: where such requests go first, and which of them are refused.

    `forbidden`: why all of them are refused before any target is asked; "" as a rule.
    """

    steps: list[Step] = field(default_factory=list)
    firsts: list[First] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    forbidden: str = ""

    @property
    def shares(self) -> dict[str, float]:
        """How likely each target is to be asked first, by path."""
        return {first.target.path: first.share for first in self.firsts}

    @property
    def unshown(self) -> dict[str, int]:
        """How many of each are not shown."""
        many = {"firsts": len(self.firsts), "refusals": len(self.refusals), "steps": len(self.steps)}
        return {name: max(0, count - SHOWN) for name, count in many.items()}


@dataclass(frozen=True, slots=True)
class Dry:
    """A request that is not made. `opened`: the paths of targets that a breaker leaves alone."""

    facts: Facts
    opened: frozenset[str] = frozenset()


def run(
    tree: Tree, facts: Facts, opened: frozenset[str] = frozenset(), missing: frozenset[str] = frozenset()
) -> Run:
    """Follow the tree as far as it can be told before any target has answered.

    `missing`: slugs of no usable virtual key. One of them is enough for every call to be refused.
    """
    told = Run(forbidden=forbidden([slug for slug in tree.slugs if slug in missing]))
    follow(tree.root, Dry(facts, opened), told, 1.0, ())
    return told


def forbidden(missing: list[str]) -> str:
    """What a call is told of virtual keys there are none of."""
    if not missing:
        return ""
    shown = map(hints.slug, missing[:TOLD_AT_MOST])
    return speakable(f"Following keys are not valid: {', '.join(shown)}")


def follow(node: Node, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> None:
    """`share`: how likely the node is reached; `after`: who follows when all of it failed."""
    turn()
    match node:
        case Target():
            asked = model(node, dry.facts.params) if len(told.firsts) < SHOWN else ""
            told.firsts.append(First(node, share, asked, after[:NEXT], len(after[NEXT:])))
        case Fallback():
            fallback(node, dry, told, share, after)
        case LoadBalance():
            balance(node, dry, told, share, after)
        case Conditional():
            route(node, dry, told, share, after)
        case Single():
            told.steps.append(Step(node.path, wording.TITLES[Single], wording.does(node)))
            follow(kept(node.targets, dry)[0][1], dry, told, share, after)


def model(target: Target, params: Mapping[str, Any]) -> str:
    """The model that the target would be asked for; "" if none is named."""
    settings = target.settings
    asked = laid_over(params, settings.default, settings.override, settings.drop).get("model")
    return wording.cut(asked) if isinstance(asked, str) else ""


def fallback(node: Fallback, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> None:
    targets = [target for _, target in kept(node.targets, dry)]
    falls = wording.falls(node.codes)
    rest = tuple(f"{called(target)}, if what came before it {falls}" for target in targets[1:])
    told.steps.append(Step(node.path, wording.TITLES[Fallback], wording.does(node)))
    follow(targets[0], dry, told, share, (*rest, *after))


def called(node: Node) -> str:
    """A node in a few words."""
    what = wording.whom(node) if isinstance(node, Target) else wording.TITLES[type(node)].lower()
    return f"{what} ({node.path})"


def balance(node: LoadBalance, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> None:
    among = [(target, node.weights[index]) for index, target in kept(node.targets, dry)]
    if not any(weight for _, weight in among):  # those that are left have no weight
        among = list(zip(node.targets, node.weights, strict=True))
    whole = sum(weight for _, weight in among)
    told.steps.append(Step(node.path, wording.TITLES[LoadBalance], wording.does(node)))
    for target, weight in among:
        if weight:
            follow(target, dry, told, share * weight / whole, after)


def route(node: Conditional, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> None:
    checks, name, problem = checked(node, dry.facts)
    led = next((target for target in node.targets if target.name == name), None)
    if not problem and led is None:
        problem = f"Invalid target name found in the query router: {name}"
        problem = problem if name else "Query router did not resolve to any valid target"
    problem = wording.cut(problem, wording.LONGEST_QUERY)
    words = problem or f"leads to “{wording.cut(name)}”"
    unshown = len(node.conditions or ()) - len(checks) if len(checks) >= SHOWN else 0
    told.steps.append(Step(node.path, wording.TITLES[Conditional], words, checks, unshown))
    if problem or led is None:
        told.refusals.append(Refusal(node.path, share, problem))
    else:
        follow(led, dry, told, share, after)


def checked(node: Conditional, facts: Facts) -> tuple[tuple[Check, ...], str, str]:
    """What came of the first conditions and of the one that decided, the name that this leads to, and what
    forbids to go on, if anything does.
    """
    if node.conditions is None:
        return (), "", "No conditions passed in the query router"
    checks: list[Check] = []
    decided: str | None = None
    for number, (query, then) in enumerate(node.conditions, 1):
        holds = None
        if decided is None:
            try:
                holds = query.holds(facts)
            except UnknownOperator as error:
                return tuple(checks), "", str(error)
            decided = then if holds else None
        if len(checks) < SHOWN or holds:
            checks.append(Check(number, wording.query(query), wording.cut(then), holds, found(query, facts)))
    return tuple(checks), node.default if decided is None else decided, ""


def found(query: Query, facts: Facts) -> tuple[tuple[str, str], ...]:
    """What a condition asks of, each once, with its value."""
    turn()
    asked = dict.fromkeys(islice(wording.paths(query), ASKED))
    return tuple((wording.cut(path), said(facts.value(path))) for path in asked)


def said(value: Any) -> str:
    return "not there" if value is UNDEFINED else wording.value(value)


def kept(targets: tuple[Node, ...], dry: Dry) -> list[tuple[int, Node]]:
    """The targets with their places, without those that a breaker leaves alone unless that is all of them."""
    known = list(enumerate(targets))
    return [(index, target) for index, target in known if not is_open(target, dry)] or known


def is_open(node: Node, dry: Dry) -> bool:
    if isinstance(node, Target):
        return node.path in dry.opened
    return all(is_open(target, dry) for target in node.targets)
