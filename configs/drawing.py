"""A config's tree as it is drawn: boxes within boxes, each with how it is reached and what holds for it.

Of a large tree a part is drawn, level by level, so that no branch takes the room of all others. Everybody
else has a turn between two boxes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from configs import wording
from configs.aside import turn
from configs.conditions import Query
from configs.tree import MODES, Conditional, Fallback, LoadBalance, Node, Single, Strategy, Target, Tree
from configs.weighing import nodes_of

MOST = 100  # boxes drawn below one
MOST_IN_ALL = 300
LONGEST_WAY = 1_000  # characters


@dataclass(frozen=True, slots=True)
class Marks:
    """What is shown beside the tree itself.

    `shares`: how likely a dry run asks each target first, by path; None where there was no dry run.
    `opened`: the paths of targets that a breaker leaves alone. `missing`: slugs of no virtual key that can be
    used in the config's workspace.
    """

    shares: Mapping[str, float] | None = None
    opened: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Box:
    """`kind`: a strategy in Portkey's word, or `target`. `way`: how it is reached; `share`: of its siblings'.

    `chance`: how likely a dry run reaches it, in words; `is_taken` and `is_left`: whether it does.
    `left_out`: those next below it that are not drawn. At the root of a tree that is not drawn as a whole,
    `whole` is how many boxes it has, and `shown` how many of them are drawn.
    """

    path: str
    kind: str
    title: str
    name: str
    says: str
    way: str = ""
    share: float | None = None
    settings: list[tuple[str, str]] = field(default_factory=list)
    below: tuple["Box", ...] = ()
    left_out: int = 0
    whole: int = 0
    shown: int = 0
    chance: str = ""
    is_taken: bool = False
    is_left: bool = False
    is_open: bool = False
    is_missing: bool = False  # its virtual key

    @property
    def bar(self) -> float:
        """Its share in hundredths, for a bar."""
        return round(100 * (self.share or 0), 1)


def drawn(tree: Tree, marks: Marks | None = None) -> Box:
    """The root's box."""
    among = within(tree.root)
    whole = sum(1 for _ in nodes_of(tree.root))
    box = Drawing(marks or Marks(), among).box(tree.root)
    return replace(box, whole=whole, shown=len(among)) if whole > len(among) else box


def within(root: Node) -> frozenset[str]:
    """The paths of what is drawn."""
    level, found = [root], {root.path}
    while level:
        below = [child for node in level for child in next_below(node)]
        level = below[: MOST_IN_ALL - len(found)]
        found |= {node.path for node in level}
    return frozenset(found)


def next_below(node: Node) -> list[Node]:
    if isinstance(node, Target):
        return []
    turn()
    return list(in_turn(node) if isinstance(node, Conditional) else node.targets)[:MOST]


class Drawing:
    """`among`: the paths of what is drawn."""

    def __init__(self, marks: Marks, among: frozenset[str]) -> None:
        self.marks, self.among = marks, among
        self.words: dict[int, list[tuple[str, str]]] = {}  # of settings, which targets have in common

    def box(self, node: Node, way: str = "", share: float | None = None) -> Box:
        turn()
        if isinstance(node, Target):
            return replace(
                self.bare(node, way, share),
                settings=self.settings(node),
                is_missing=node.virtual_key in self.marks.missing,
            )
        below = tuple(self.boxes(node))
        return replace(self.bare(node, way, share), below=below, left_out=len(node.targets) - len(below))

    def bare(self, node: Node, way: str, share: float | None) -> Box:
        """What every box has."""
        shares = self.marks.shares
        chance = None if shares is None else sum(reached(node, shares))
        return Box(
            path=node.path,
            kind="target" if isinstance(node, Target) else MODES[type(node)],
            title=wording.whom(node) if isinstance(node, Target) else wording.TITLES[type(node)],
            name=wording.cut(node.name),
            says=wording.does(node),
            way=way,
            share=share,
            chance=wording.percent(chance) if chance else "",
            is_taken=bool(chance),
            is_left=chance == 0,
            is_open=node.path in self.marks.opened,
        )

    def settings(self, target: Target) -> list[tuple[str, str]]:
        """In words, made once for all targets that inherit the same."""
        told = self.words.get(id(target.settings))
        if told is None:
            told = self.words[id(target.settings)] = wording.settings(target.settings)
        return [*told, ("breaker", wording.breaker(target.breaker))] if target.breaker else told

    def boxes(self, node: Strategy) -> Iterator[Box]:
        """Those below a strategy."""
        for target, way, share in ways(node):
            if target.path in self.among:
                yield self.box(target, way(), share)


def reached(node: Node, shares: Mapping[str, float]) -> list[float]:
    """How likely each target below a node is asked first."""
    if isinstance(node, Target):
        return [shares.get(node.path, 0.0)]
    return [share for target in node.targets for share in reached(target, shares)]


def ways(node: Strategy) -> Iterator[tuple[Node, Callable[[], str], float | None]]:
    """The targets in their order; of each how it is reached, and with what share."""
    match node:
        case LoadBalance(weights=weights):
            whole = sum(weights)
            for target, weight in zip(node.targets, weights, strict=True):
                yield target, partial(wording.percent, weight / whole), weight / whole
        case Conditional():
            led = leading(node)
            yield from ((target, partial(when, node, led, target.name), None) for target in in_turn(node))
        case Fallback() | Single():
            first, rest = ("first", "then") if isinstance(node, Fallback) else ("always", "never")
            for index, target in enumerate(node.targets):
                yield target, partial(str, rest if index else first), None


def in_turn(node: Conditional) -> list[Node]:
    """The targets as conditions lead to them, then the default, then those that nothing leads to."""
    names = [then for _, then in node.conditions or ()] + [node.default]
    turns = {name: place for place, name in reversed(list(enumerate(names))) if name}
    return sorted(node.targets, key=lambda target: turns.get(target.name, len(names)))


def leading(node: Conditional) -> dict[str, list[Query]]:
    """The queries that lead to each name."""
    found: dict[str, list[Query]] = {}
    for query, then in node.conditions or ():
        found.setdefault(then, []).append(query)
    return found


def when(node: Conditional, led: Mapping[str, list[Query]], name: str) -> str:
    """When a target is taken, by the conditions that lead to its name."""
    queries = led.get(name, ()) if name else ()
    told = wording.joined((f"if {wording.query(query)}" for query in queries), ", or ", LONGEST_WAY)
    otherwise = "otherwise" if name and name == node.default else ""
    return ", or ".join(filter(None, (told, otherwise))) or "never: no condition leads here"
