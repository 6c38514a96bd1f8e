"""How large a config may be. It is seen to before anything else of it is looked at, and level by level."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from configs.violations import Path, Violation

DEEPEST, MOST = 16, 1_000  # levels of a tree, and its targets
MOST_PARAMETERS = 50_000  # of all targets together: each has a copy of what it inherits
PARAMETERS = {"override_params", "overrideParams", "default_params", "defaultParams"}

Placed: TypeAlias = tuple[Path, Mapping[str, Any], int]  # a node, where it stands, and its parameters


def nested_within(value: Mapping[str, Any], depth: int) -> bool:
    """Whether what is in the ways of a config is nested no deeper; parameters are not looked into."""
    level: list[object] = [value]
    for _ in range(depth):
        level = [inner for each in level for inner in within(each) if isinstance(inner, list | Mapping)]
        if not level:
            return True
    return False


def within(value: object) -> Iterable[object]:
    if isinstance(value, list):
        return value
    assert isinstance(value, Mapping)
    return [each for name, each in value.items() if name not in PARAMETERS]


def size(root: Mapping[str, Any]) -> Violation | None:
    """Whether the tree has too many levels or targets. Nothing else is looked at before that is known."""
    level: list[Placed] = [((), root, parameters(root))]
    depth = count = laid = 0
    while level := list(islice((each for node in level for each in below(node)), MOST + 1)):
        depth += 1
        laid += sum(parameters for _, _, parameters in level)
        if depth > DEEPEST:
            return Violation(level[0][0], f"Targets may be nested {DEEPEST} levels deep.")
        if count + len(level) > MOST:
            return Violation(level[MOST - count][0], f"A config may have {MOST} targets.")
        if laid > MOST_PARAMETERS:
            return Violation((), f"Targets may have {MOST_PARAMETERS} parameters in all, with the inherited.")
        count += len(level)
    return None


def below(placed: Placed) -> Iterator[Placed]:
    """The targets of a node, with their places, and how many parameters each has with the inherited."""
    path, node, above = placed
    targets = node.get("targets")
    for index, each in enumerate(targets if isinstance(targets, list) else ()):
        if isinstance(each, Mapping):
            yield (*path, "targets", index), each, above + parameters(each)


def parameters(node: Mapping[str, Any]) -> int:
    """How many parameters a node gives."""
    given = (node.get(name) for name in ("override_params", "default_params"))
    return sum(len(each) for each in given if isinstance(each, Mapping))


def children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    targets = node.get("targets")
    return [each for each in targets if isinstance(each, Mapping)] if isinstance(targets, list) else []
