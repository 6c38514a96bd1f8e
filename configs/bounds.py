"""How large a config may be. It is seen to before anything else of it is looked at, and level by level."""

from collections.abc import Iterable, Mapping
from typing import Any

from configs.violations import Violation

DEEPEST, MOST = 16, 1_000  # levels of a tree, and its targets
MOST_PARAMETERS = 50_000  # of all targets together: each has a copy of what it inherits
PARAMETERS = {"override_params", "overrideParams", "default_params", "defaultParams"}


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
    level, depth, count, laid = [(root, parameters(root))], 0, 0, 0
    while level := [(each, above + parameters(each)) for node, above in level for each in children(node)]:
        depth, count = depth + 1, count + len(level)
        laid += sum(parameters for _, parameters in level)
        if depth > DEEPEST:
            return Violation((), f"Targets may be nested {DEEPEST} levels deep.")
        if count > MOST:
            return Violation((), f"A config may have {MOST} targets.")
        if laid > MOST_PARAMETERS:
            return Violation((), f"Targets may have {MOST_PARAMETERS} parameters in all, with the inherited.")
    return None


def parameters(node: Mapping[str, Any]) -> int:
    """How many parameters a node gives."""
    given = (node.get(name) for name in ("override_params", "default_params"))
    return sum(len(each) for each in given if isinstance(each, Mapping))


def children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    targets = node.get("targets")
    return [each for each in targets if isinstance(each, Mapping)] if isinstance(targets, list) else []
