"""What a config comes to in memory: its text, the values in it, and the tree that is made of them.

Reckoned, not measured, and rather too much than too little. Patterns are not in it: their engines have a
bound of their own (configs/engines.py).
"""

import sys
from collections.abc import Iterator

from configs.conditions import Group, Members, Query, Test
from configs.tree import Conditional, Node, Settings, Target, Tree

VALUE = 80  # bytes of a JSON value beside its text
NODE = 450  # … of a target or a strategy, with its path and its settings
QUERY = 120  # … of a condition
TEST = 150  # … of one path in it
COMPARISON = 60
MEMBER = 150  # … of an element of a list that is compared with
PARAMETER = 100  # … of a parameter's place in a map
STEP = 70  # … of a path to a parameter


def weight(text: str, tree: Tree) -> int:
    """Bytes that a text and its tree hold."""
    values = text.count(",") + text.count("[") + text.count("{")
    nodes = list(nodes_of(tree.root))
    return (
        sys.getsizeof(tree.shown)
        + 2 * sys.getsizeof(text)  # the texts in it are there once more
        + VALUE * values
        + NODE * len(nodes)
        + of_settings([each.settings for each in nodes if isinstance(each, Target)])
        + sum(of_conditions(each) for each in nodes if isinstance(each, Conditional))
    )


def nodes_of(node: Node) -> Iterator[Node]:
    """A node and those below it."""
    yield node
    for child in () if isinstance(node, Target) else node.targets:
        yield from nodes_of(child)


def of_settings(told: list[Settings]) -> int:
    """Maps and paths, each once, however many targets have them."""
    maps = {id(each): len(each) for one in told for each in (one.override, one.default)}
    drops = {id(one.drop): sum(map(len, one.drop)) + len(one.drop) for one in told}
    return PARAMETER * sum(maps.values()) + STEP * sum(drops.values())


def of_conditions(node: Conditional) -> int:
    return sum(QUERY + of_query(query) for query, _ in node.conditions or ())


def of_query(query: Query) -> int:
    return sum(of_part(part) for part in query.parts)


def of_part(part: Test | Group) -> int:
    if isinstance(part, Group):
        return TEST + sum(QUERY + of_query(each) for each in part.queries)
    return TEST + sum(COMPARISON + MEMBER * elements(each.operand) for each in part.comparisons)


def elements(operand: object) -> int:
    return len(operand.told) if isinstance(operand, Members) else 0
