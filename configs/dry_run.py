"""Which target a request would take, without taking it: conditions evaluated, weights as chances.

Follows the same tree as a call (proxy/routing.py does the walking there), and asks nobody. What only answers
can decide, the next target of a fallback, is told as what would come next; what is refused unasked, as that
(configs/dry_call.py). Of what a large tree comes to a part is told, with how much is left out.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from configs import dry_call, wording
from configs.aside import turn
from configs.conditions import UNDEFINED, Facts, Query, TooLong, UnknownOperator
from configs.dry_call import Call, not_valid
from configs.tree import Conditional, Fallback, LoadBalance, Node, Single, Target, Tree

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

    `slug`: of the virtual key that is asked; `unshown`: those that follow the next.
    """

    target: Target
    share: float
    slug: str
    model: str
    next: tuple[str, ...] = ()
    unshown: int = 0

    @property
    def words(self) -> str:
        return whom(self.target, self.slug)

    @property
    def chance(self) -> str:
        return wording.percent(self.share)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Conditions that lead nowhere, or a target that cannot be asked: what such a request is told, and how
    likely that is.
    """

    path: str
    share: float
    message: str
    status: int = 400

    @property
    def chance(self) -> str:
        return wording.percent(self.share)


@dataclass(slots=True)
class Run:
    """What came of it: where such requests go first, and which of them are refused.

    `forbidden`: why all of them are refused with 400 before any target is asked; "" as a rule. Where that is
    because virtual keys are missing, the rest is what would come if they were there.
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
    """A call that is not made. `opened`: the paths of targets that a breaker leaves alone."""

    call: Call
    opened: frozenset[str] = frozenset()


def run(tree: Tree, call: Call, opened: frozenset[str] = frozenset()) -> Run:
    """Follow the tree as far as it can be told before any target has answered."""
    told = Run(forbidden=dry_call.refused(tree, call))
    if told.forbidden:
        return told
    told.refusals += follow(tree.root, Dry(call, opened), told, 1.0, ())
    if tree.leaves > 1 or not told.refusals:  # of one target nothing is looked up before it is reached
        told.forbidden = not_valid(slug for slug in tree.slugs if call.misses(slug))
    return told


def follow(node: Node, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> list[Refusal]:
    """What is refused at a target and may be fallen back from; all else is told.

    `share`: how likely the node is reached; `after`: who follows when all of it failed.
    """
    turn()
    match node:
        case Target():
            return leaf(node, dry, told, share, after)
        case Fallback():
            return fallback(node, dry, told, share, after)
        case LoadBalance():
            return balance(node, dry, told, share, after)
        case Conditional():
            return route(node, dry, told, share, after)
        case Single():
            told.steps.append(Step(node.path, wording.TITLES[Single], wording.does(node)))
            return follow(kept(node.targets, dry)[0][1], dry, told, share, after)


def leaf(target: Target, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> list[Refusal]:
    asked = dry.call.asked(target)
    if asked.fault is None:
        model = wording.cut(asked.model)
        told.firsts.append(First(target, share, asked.slug, model, after[:NEXT], len(after[NEXT:])))
        return []
    refusal = Refusal(target.path, share, wording.cut(asked.fault.message), asked.fault.status)
    if not asked.fault.is_final:
        return [refusal]
    told.refusals.append(refusal)
    return []


def fallback(node: Fallback, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> list[Refusal]:
    targets = [target for _, target in kept(node.targets, dry)]
    falls = wording.falls(node.codes)
    rest = tuple(f"{called(target, dry)}, if what came before it {falls}" for target in targets[1:])
    told.steps.append(Step(node.path, wording.TITLES[Fallback], wording.does(node)))
    stays: list[Refusal] = []
    for place, target in enumerate(targets):
        gone: list[Refusal] = []
        for each in follow(target, dry, told, share, (*rest[place:], *after)):
            (gone if falls_from(node, each) and place < len(rest) else stays).append(each)
        if not gone:
            break
        told.steps += map(left, gone)
        share = sum(each.share for each in gone)
    return stays


def falls_from(node: Fallback, refusal: Refusal) -> bool:
    """Whether the next target is tried after it."""
    return node.codes is None or refusal.status in node.codes


def left(refusal: Refusal) -> Step:
    """How a target was left that could not be asked."""
    words = f"refused with {refusal.status}, so the next is asked: {refusal.message}"
    return Step(refusal.path, wording.TITLES[Target], words)


def called(node: Node, dry: Dry) -> str:
    """A node in a few words, with what is known of it before it is asked."""
    turn()
    if not isinstance(node, Target):
        return f"{wording.TITLES[type(node)].lower()} ({node.path})"
    asked = dry.call.asked(node)
    refused = f", refused with {asked.fault.status}: {asked.fault.message}" if asked.fault else ""
    return wording.cut(f"{whom(node, asked.slug)} ({node.path}){refused}")


def whom(target: Target, slug: str) -> str:
    """Whom a target calls, by the slug of a virtual key if it is one."""
    return wording.cut(f"@{slug}") if slug else wording.whom(target)


def balance(node: LoadBalance, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> list[Refusal]:
    among = [(target, node.weights[index]) for index, target in kept(node.targets, dry)]
    if not any(weight for _, weight in among):  # those that are left have no weight
        among = list(zip(node.targets, node.weights, strict=True))
    whole = sum(weight for _, weight in among)
    told.steps.append(Step(node.path, wording.TITLES[LoadBalance], wording.does(node)))
    drawn = [(target, share * weight / whole) for target, weight in among if weight]
    return [each for target, part in drawn for each in follow(target, dry, told, part, after)]


def route(node: Conditional, dry: Dry, told: Run, share: float, after: tuple[str, ...]) -> list[Refusal]:
    checks, name, problem = checked(node, dry.call.facts)
    led = next((target for target in node.targets if target.name == name), None)
    if not problem and led is None:
        problem = f"Invalid target name found in the query router: {name}"
        problem = problem if name else "Query router did not resolve to any valid target"
    problem = wording.cut(problem, wording.LONGEST_QUERY)
    words = problem or f"leads to “{wording.cut(name)}”"
    unshown = len(node.conditions or ()) - len(checks) if len(checks) >= SHOWN else 0
    told.steps.append(Step(node.path, wording.TITLES[Conditional], words, checks, unshown))
    if led is not None and not problem:
        return follow(led, dry, told, share, after)
    told.refusals.append(Refusal(node.path, share, problem))
    return []


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
            facts.begin()
            try:
                holds = query.holds(facts)
            except (UnknownOperator, TooLong) as error:
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
