"""The walk through a config's tree: which targets it names, told what came of each. No call is made."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from configs.compiling import compiled
from configs.conditions import Facts
from configs.tree import Target
from proxy.errors import InvalidRequest
from proxy.outcome import Outcome
from proxy.routing import Asking, Draw, walk

A, B, C = ({"provider": "openai", "api_key": name} for name in "abc")
FACTS = Facts({"plan": "paid"}, {"model": "gpt-4o-mini", "temperature": 0.2}, "/v1/chat/completions")


def walked(config: dict[str, Any], *came: int | Outcome, **asking: Any) -> tuple[list[str], Outcome]:
    """The paths that were tried, told `came` one after the other, and the outcome that counts."""
    tree = compiled(json.dumps(config))
    going = walk(tree.root, Asking(**{"facts": lambda: FACTS, **asking}))
    tried, told = [], iter(came)
    named = next(going)
    while True:
        assert isinstance(named, Target)
        tried.append(named.path)
        given = next(told)
        try:
            named = going.send(given if isinstance(given, Outcome) else Outcome(given))
        except StopIteration as end:
            return tried, end.value


def fallback(*targets: Any, codes: list[int] | None = None, **more: Any) -> dict[str, Any]:
    strategy = {"mode": "fallback"} | ({} if codes is None else {"on_status_codes": codes})
    return {"strategy": strategy | more, "targets": list(targets)}


def balanced(*weights: float, **strategy: Any) -> dict[str, Any]:
    targets = [{**A, "weight": weight} for weight in weights]
    return {"strategy": {"mode": "loadbalance", **strategy}, "targets": targets}


def paths(*indexes: int) -> list[str]:
    return [f"config.targets[{index}]" for index in indexes]


def test_a_config_of_one_provider_is_tried_once():
    tried, outcome = walked(A, 500)
    assert (tried, outcome.status) == (["config"], 500)


def test_single_takes_the_first():
    assert walked({"strategy": {"mode": "single"}, "targets": [A, B]}, 500)[0] == paths(0)


@pytest.mark.parametrize(
    ("codes", "came", "tried"),
    [
        (None, [200], [0]),
        (None, [246], [0]),
        (None, [400, 200], [0, 1]),
        (None, [408, 446, 200], [0, 1, 2]),
        (None, [500, 502, 503], [0, 1, 2]),
        ([], [500], [0]),
        ([429, 500], [400], [0]),
        ([429, 500], [429, 400], [0, 1]),
        ([246, 446], [246, 200], [0, 1]),
        ([200], [200, 500], [0, 1]),
    ],
)
def test_a_fallback_goes_on_as_long_as_the_status_says_so(codes, came, tried):
    assert walked(fallback(A, B, C, codes=codes), *came)[0] == paths(*tried)


def test_when_all_fail_the_last_one_counts():
    outcome = walked(fallback(A, B), 500, 503)[1]
    assert outcome.status == 503


def test_what_nothing_else_can_help_ends_a_fallback():
    last = Outcome(500, unasked=True)
    assert walked(fallback(A, B), last) == (paths(0), last)
    late = Outcome(500, is_last=True)
    assert walked(fallback(fallback(A, B), C), late)[1] is late


def test_strategies_nest():
    inner = fallback(A, B)
    tried, outcome = walked(fallback(inner, C), 500, 500, 200)
    assert tried == ["config.targets[0].targets[0]", "config.targets[0].targets[1]", "config.targets[1]"]
    assert outcome.status == 200


def test_a_load_balancer_tries_one_target_alone():
    tried, outcome = walked(fallback(balanced(0.7, 0.3), C), 500, 200, chance=lambda: 0.8)
    assert tried == ["config.targets[0].targets[1]", "config.targets[1]"]
    assert outcome.status == 200


@pytest.mark.parametrize(("chance", "index"), [(0, 1), (0.19, 1), (0.21, 3), (0.999999999, 3)])
def test_a_weight_of_nothing_is_never_drawn(chance, index):
    assert walked(balanced(0, 2, 0, 8, 0), 200, chance=lambda: chance)[0] == paths(index)


def test_ten_thousand_draws_are_as_the_weights_say():
    """Each share within four standard deviations: wrong once in 16,000 runs."""
    config, weights = balanced(7, 2, 1), (0.7, 0.2, 0.1)
    counted = Counter(walked(config, 200)[0][0] for _ in range(10_000))
    for index, share in enumerate(weights):
        expected, spread = 10_000 * share, (10_000 * share * (1 - share)) ** 0.5
        assert abs(counted[paths(index)[0]] - expected) < 4 * spread


def test_a_sticky_choice_is_left_to_who_remembers():
    config = balanced(1, 1, 0, sticky={"enabled": True, "hash_fields": ["metadata.user"], "ttl": 60})
    going = walk(compiled(json.dumps(config)).root, Asking(lambda: FACTS))
    draw = next(going)
    assert isinstance(draw, Draw)
    assert (draw.path, draw.sticky.fields, draw.sticky.ttl) == ("config", (("metadata", "user"),), 60)
    assert draw.among == ((0, 1.0), (1, 1.0), (2, 0.0))
    target = going.send(1)
    assert isinstance(target, Target)
    assert target.path == "config.targets[1]"


CONDITIONS = [
    {"query": {"metadata.plan": {"$eq": "free"}}, "then": "small"},
    {"query": {"params.model": {"$regex": "mini$"}, "params.temperature": {"$lte": 0.5}}, "then": "big"},
]


def conditional(conditions: Any = CONDITIONS, **strategy: Any) -> dict[str, Any]:
    targets = [{**A, "name": "small"}, {**B, "name": "big"}]
    strategy = {"mode": "conditional", "conditions": conditions, **strategy}
    return {"strategy": {n: v for n, v in strategy.items() if v is not None}, "targets": targets}


def test_the_first_condition_that_holds_names_the_target():
    assert walked(conditional(), 200)[0] == paths(1)


def test_without_one_the_default_does():
    assert walked(conditional([], default="small"), 200)[0] == paths(0)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (conditional(None), "No conditions passed in the query router"),
        (conditional([]), "Query router did not resolve to any valid target"),
        (conditional([], default="x"), "Invalid target name found in the query router: x"),
        (
            conditional([{"query": {"params.model": {"$like": "x"}}, "then": "big"}]),
            "Unsupported operator used in the query router: $like",
        ),
    ],
)
def test_a_condition_that_leads_nowhere_ends_the_whole_call(config, message):
    with pytest.raises(InvalidRequest, match=message.replace("$", r"\$")):
        walked(fallback(config, C), 200)


BREAKER = {"cb_config": {"failure_threshold": 2, "cooldown_interval": 30_000}}


def opened(*indexes: Any) -> Callable[[Target], bool]:
    return lambda target: target.path in {f"config.{index}" for index in indexes}


def test_a_target_whose_breaker_is_open_is_left_out_and_told():
    skipped: list[str] = []
    config = fallback(A, B, C, **BREAKER)
    tried = walked(config, 500, 200, is_open=opened("targets[0]"), skipped=skipped)[0]
    assert (tried, skipped) == (paths(1, 2), paths(0))


def test_where_every_breaker_is_open_all_are_tried():
    config = fallback(A, B, **BREAKER)
    assert walked(config, 500, 500, is_open=lambda _: True)[0] == paths(0, 1)


def test_a_strategy_all_of_whose_targets_are_left_alone_is_left_alone():
    config = fallback(balanced(1, 1), B, **BREAKER)
    gone = opened("targets[0].targets[0]", "targets[0].targets[1]")
    assert walked(config, 200, is_open=gone)[0] == paths(1)


def test_weights_hold_among_those_that_are_left():
    config = balanced(8, 1, 1, **BREAKER)
    tried = {
        walked(config, 200, is_open=opened("targets[0]"), chance=lambda c=c: c)[0][0] for c in (0.4, 0.6)
    }
    assert tried == set(paths(1, 2))


def test_where_those_that_are_left_have_no_weight_the_others_serve():
    config = balanced(1, 0, **BREAKER)
    assert walked(config, 200, is_open=opened("targets[0]"))[0] == paths(0)


def test_below_a_condition_there_is_no_breaker():
    config = fallback({**conditional(default="small"), "name": "x"}, C, **BREAKER)
    assert walked(config, 200, is_open=lambda _: True)[0] == ["config.targets[0].targets[1]"]


def test_conditions_that_take_too_long_end_the_call_and_time_at_providers_does_not_count():
    asked = {
        "mode": "conditional",
        "conditions": [{"query": {"metadata.plan": "paid"}, "then": "b"}],
        "default": "a",
    }
    router = {"strategy": asked, "targets": [{**A, "name": "a"}, {**B, "name": "b"}]}
    facts = Facts(FACTS.metadata, FACTS.params, FACTS.pathname, most=0.5)
    going = walk(compiled(json.dumps(fallback(router, router))).root, Asking(lambda: facts))
    assert next(going).path == "config.targets[0].targets[1]"
    facts.pace.began -= 60  # as if the provider had taken so long
    assert going.send(Outcome(500)).path == "config.targets[1].targets[1]"
    facts.pace.spent = 0.6
    late = walk(compiled(json.dumps(router)).root, Asking(lambda: facts))
    with pytest.raises(InvalidRequest, match="too long"):
        next(late)
