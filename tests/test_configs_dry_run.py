"""A dry run says of any tree what a call would do: its targets, their chances, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import dry_run
from configs.compiling import compiled
from configs.conditions import Facts
from configs.tree import Target, Tree
from proxy.errors import InvalidRequest
from proxy.routing import Asking, Draw, walk

QUERIES: list[dict[str, Any]] = [
    {},
    {"metadata.a": "1"},
    {"metadata.a": {"$ne": "1"}},
    {"params.n": {"$gt": 1}},
    {"$or": [{"metadata.a": "2"}, {"params.n": 0}]},
    {"url.pathname": {"$regex": "chat"}},
    {"params.n": {"$like": 1}},
]
NAMES = ["a", "b", "c", "nobody"]
leaves = st.just({"provider": "@x"})


def strategies(targets: Any) -> Any:
    below = st.lists(targets, min_size=1, max_size=3)
    conditions = st.lists(
        st.fixed_dictionaries({"query": st.sampled_from(QUERIES), "then": st.sampled_from(NAMES)}), max_size=3
    )
    modes = st.one_of(
        st.fixed_dictionaries({"mode": st.sampled_from(["single", "fallback"])}),
        st.fixed_dictionaries(
            {"mode": st.just("loadbalance")}, optional={"sticky": st.just({"enabled": True})}
        ),
        st.fixed_dictionaries(
            {"mode": st.just("conditional"), "conditions": conditions},
            optional={"default": st.sampled_from(NAMES)},
        ),
    )
    return st.builds(node, modes, below, st.lists(st.integers(0, 3), min_size=3, max_size=3))


def node(strategy: dict[str, Any], targets: list[dict[str, Any]], weights: list[int]) -> dict[str, Any]:
    weights = weights if any(weights[: len(targets)]) else [1, 1, 1]
    named = [
        {**target, "name": name, "weight": weight}
        for target, name, weight in zip(targets, NAMES, weights, strict=False)
    ]
    return {"strategy": strategy, "targets": named}


trees = st.recursive(leaves, strategies, max_leaves=12)
facts = st.builds(
    Facts,
    st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"])),
    st.dictionaries(st.just("n"), st.sampled_from([0, 1, 2])),
    st.sampled_from(["/v1/chat/completions", "/v1/embeddings"]),
)


def paths(tree: Tree) -> list[str]:
    def below(node: Any) -> list[str]:
        if isinstance(node, Target):
            return [node.path]
        return [path for target in node.targets for path in below(target)]

    return below(tree.root)


def first(tree: Tree, asked: Facts, opened: frozenset[str], chance: float) -> str:
    """The target that a call asks first, or why it asks none."""

    def is_open(target: Target) -> bool:
        return target.path in opened

    walked = walk(tree.root, Asking(lambda: asked, is_open, lambda: chance))
    try:
        told = next(walked)
        while isinstance(told, Draw):
            index, _ = next(each for each in told.among if each[1])
            told = walked.send(index)
    except InvalidRequest as error:
        return str(error)
    return told.path


@given(config=trees, asked=facts, chance=st.floats(0, 0.999))
@settings(max_examples=400, deadline=None)
def test_what_a_call_does_is_what_the_dry_run_said(config: Any, asked: Facts, chance: float) -> None:
    tree = compiled(json.dumps(config))
    run = dry_run.run(tree, asked)
    taken = first(tree, asked, frozenset(), chance)
    assert taken in {*run.shares, *(refusal.message for refusal in run.refusals)}
    shares = [*run.shares.values(), *(refusal.share for refusal in run.refusals)]
    assert sum(shares) == pytest.approx(1)
    assert all(share > 0 for share in shares)


@given(config=trees, asked=facts, number=st.integers(0, 7), chance=st.floats(0, 0.999))
@settings(max_examples=200, deadline=None)
def test_also_where_breakers_are_open(config: Any, asked: Facts, number: int, chance: float) -> None:
    """Under one strategy for all, whose breaker holds for what is below it but for conditions."""
    rule = {"failure_threshold": 1, "cooldown_interval": 30_000}
    whole = {"strategy": {"mode": "fallback", "cb_config": rule}, "targets": [config, {"provider": "@y"}]}
    tree = compiled(json.dumps(whole))
    broken = [path for path in paths(tree) if rule_of(tree, path)]
    opened = frozenset(path for place, path in enumerate(broken) if number >> (place % 3) & 1)
    run = dry_run.run(tree, asked, opened)
    taken = first(tree, asked, opened, chance)
    assert taken in {*run.shares, *(refusal.message for refusal in run.refusals)}


def rule_of(tree: Tree, path: str) -> bool:
    """Whether the target at this path has a breaker."""

    def below(node: Any) -> list[Target]:
        if isinstance(node, Target):
            return [node]
        return [target for each in node.targets for target in below(each)]

    return any(target.breaker for target in below(tree.root) if target.path == path)
