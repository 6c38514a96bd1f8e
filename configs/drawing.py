"""A config's tree as it is drawn: boxes within boxes, each with how it is reached and what holds for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from configs import wording
from configs.tree import MODES, Conditional, Fallback, LoadBalance, Node, Single, Target, Tree

MOST = 100  # boxes drawn below one


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
    `left_out`: boxes below it that are not drawn.
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
    return box(tree.root, marks or Marks())


def box(node: Node, marks: Marks, way: str = "", share: float | None = None) -> Box:
    below = () if isinstance(node, Target) else tuple(islice(boxes(node, marks), MOST))
    chance = None if marks.shares is None else sum(reached(node, marks.shares))
    return Box(
        path=node.path,
        kind="target" if isinstance(node, Target) else MODES[type(node)],
        title=wording.whom(node) if isinstance(node, Target) else wording.TITLES[type(node)],
        name=wording.cut(node.name),
        says=wording.does(node),
        way=way,
        share=share,
        settings=wording.settings(node) if isinstance(node, Target) else [],
        below=below,
        left_out=0 if isinstance(node, Target) else len(node.targets) - len(below),
        chance=wording.percent(chance) if chance else "",
        is_taken=bool(chance),
        is_left=chance == 0,
        is_open=node.path in marks.opened,
        is_missing=isinstance(node, Target) and node.virtual_key in marks.missing,
    )


def reached(node: Node, shares: Mapping[str, float]) -> list[float]:
    """How likely each target below a node is asked first."""
    if isinstance(node, Target):
        return [shares.get(node.path, 0.0)]
    return [share for target in node.targets for share in reached(target, shares)]


def boxes(node: Fallback | LoadBalance | Conditional | Single, marks: Marks) -> Iterator[Box]:
    """Those below a strategy."""
    match node:
        case LoadBalance(weights=weights):
            whole = sum(weights)
            for target, weight in zip(node.targets, weights, strict=True):
                yield box(target, marks, wording.percent(weight / whole), weight / whole)
        case Conditional():
            yield from (box(target, marks, when(node, target.name)) for target in in_turn(node))
        case Fallback() | Single():
            first, rest = ("first", "then") if isinstance(node, Fallback) else ("always", "never")
            for index, target in enumerate(node.targets):
                yield box(target, marks, rest if index else first)


def in_turn(node: Conditional) -> list[Node]:
    """The targets as conditions lead to them, then the default, then those that nothing leads to."""
    names = [then for _, then in node.conditions or ()] + [node.default]
    turns = {name: place for place, name in reversed(list(enumerate(names))) if name}
    return sorted(node.targets, key=lambda target: turns.get(target.name, len(names)))


def when(node: Conditional, name: str) -> str:
    """When a target is taken, by the conditions that lead to its name."""
    told = [f"if {wording.query(query)}" for query, then in node.conditions or () if then == name and name]
    if name and name == node.default:
        told.append("otherwise")
    return ", or ".join(told) or "never: no condition leads here"
