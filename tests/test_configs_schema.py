"""What a config may say: each way of being wrong, with its words and its place; nothing else can happen."""

import gc
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cache import ages
from configs import compiling, fields, patterns, schema, strategies
from configs.compiling import Invalid, Legacy, NotJSON, compiled, targets_of
from configs.conditions import OPERATORS
from configs.tree import Fallback, Target, Tree
from providers.catalog import PROVIDERS

LEAF = {"provider": "openai", "api_key": "sk-a"}
SAFE = {"provider": "@openai"}
RULE = (
    "Invalid configuration. It must have either 'provider' and 'api_key', or 'strategy' and 'targets', "
    "or 'cache', or 'retry', or 'request_timeout'"
)
MODE = "Invalid 'mode' value. Must be one of: single, loadbalance, fallback, conditional"
CACHE = "Invalid 'cache.mode' value. Must be one of: simple, semantic"
PROVIDER = f"Invalid 'provider' value. Must be one of: {', '.join(PROVIDERS)}"
STICKY = 'hash_fields must start with "metadata.", "params.", or "headers."'


def wrong(config: object, *, saved: bool = False) -> list[str]:
    """The violations of a config, in the words of the answer."""
    return [str(each) for each in schema.violations(config, saved=saved)]


def tree(config: object, **more: bool) -> Tree:
    return compiled(json.dumps(config), **more)


def strategy(mode: str = "fallback", *targets: Any, **more: Any) -> dict[str, Any]:
    return {"strategy": {"mode": mode, **more}, "targets": list(targets) or [LEAF]}


def test_the_example_of_the_contract_is_told_word_for_word():
    assert wrong({"strategy": {"mode": "x"}, "targets": [{"provider": "openai"}]}) == [
        f"path: strategy,mode, message: {MODE}",
        f"path: targets,0, message: {RULE}",
    ]
    assert wrong(strategy("single", {"strategy": {"mode": "y"}, "targets": [LEAF]})) == [
        f"path: targets,0,strategy,mode, message: {MODE}"
    ]


@pytest.mark.parametrize(
    ("config", "violation"),
    [
        ({}, f"path: , message: {RULE}"),
        ({"provider": "openai"}, f"path: , message: {RULE}"),
        ({"api_key": "sk-a"}, f"path: , message: {RULE}"),
        ({"targets": [LEAF]}, f"path: , message: {RULE}"),
        ({"strategy": {"mode": "single"}}, f"path: , message: {RULE}"),
        ({"override_params": {"model": "m"}}, f"path: , message: {RULE}"),
        (strategy("fallback", LEAF, {}), f"path: targets,1, message: {RULE}"),
        (strategy("fallback", strategy("single", LEAF, {})), f"path: targets,0,targets,1, message: {RULE}"),
        ({"strategy": {}, "targets": [LEAF]}, f"path: strategy,mode, message: {MODE}"),
        (strategy("Fallback"), f"path: strategy,mode, message: {MODE}"),
        ({**LEAF, "cache": {}}, f"path: cache,mode, message: {CACHE}"),
        ({**LEAF, "cache": {"mode": "SIMPLE"}}, f"path: cache,mode, message: {CACHE}"),
        ({**LEAF, "cache": "simple"}, "path: cache, message: Expected object, received string"),
        (
            {**LEAF, "cache": {"mode": "simple", "max_age": "1"}},
            "path: cache,max_age, message: Expected number, received string",
        ),
        ({"provider": "nobody", "api_key": "k"}, f"path: provider, message: {PROVIDER}"),
        ({"provider": "OpenAI", "api_key": "k"}, f"path: provider, message: {PROVIDER}"),
        (
            strategy("loadbalance", LEAF, sticky={"enabled": True, "hash_fields": ["metadata.a", "user"]}),
            f"path: strategy,sticky,hash_fields,1, message: {STICKY}",
        ),
        (strategy("loadbalance", LEAF, sticky={}), "path: strategy,sticky,enabled, message: Required"),
        (
            strategy("loadbalance", LEAF, sticky={"enabled": "yes"}),
            "path: strategy,sticky,enabled, message: Expected boolean, received string",
        ),
        (
            strategy("loadbalance", LEAF, sticky={"enabled": True, "ttl": 0}),
            "path: strategy,sticky,ttl, message: Number must be greater than 0",
        ),
        ({**LEAF, "retry": {}}, "path: retry,attempts, message: Required"),
        (
            {**LEAF, "retry": {"attempts": "3"}},
            "path: retry,attempts, message: Expected number, received string",
        ),
        (
            {**LEAF, "retry": {"attempts": True}},
            "path: retry,attempts, message: Expected number, received boolean",
        ),
        (
            {**LEAF, "retry": {"attempts": None}},
            "path: retry,attempts, message: Expected number, received null",
        ),
        ({**LEAF, "retry": 3}, "path: retry, message: Expected object, received number"),
        (
            {**LEAF, "retry": {"attempts": 1, "on_status_codes": 429}},
            "path: retry,on_status_codes, message: Expected array, received number",
        ),
        (
            {**LEAF, "retry": {"attempts": 1, "on_status_codes": [429, "500"]}},
            "path: retry,on_status_codes,1, message: Expected number, received string",
        ),
        (
            {**LEAF, "retry": {"attempts": 1, "use_retry_after_header": "true"}},
            "path: retry,use_retry_after_header, message: Expected boolean, received string",
        ),
        (
            {**LEAF, "request_timeout": "1"},
            "path: request_timeout, message: Expected number, received string",
        ),
        ({**LEAF, "weight": "1"}, "path: weight, message: Expected number, received string"),
        ({**LEAF, "name": 1}, "path: name, message: Expected string, received number"),
        ({**LEAF, "override_params": []}, "path: override_params, message: Expected object, received array"),
        ({**LEAF, "default_params": "x"}, "path: default_params, message: Expected object, received string"),
        ({**LEAF, "drop_params": "x"}, "path: drop_params, message: Expected array, received string"),
        ({**LEAF, "drop_params": [1]}, "path: drop_params,0, message: Expected string, received number"),
        ({**LEAF, "forward_headers": {}}, "path: forward_headers, message: Expected array, received object"),
        (
            {**LEAF, "forward_headers": [None]},
            "path: forward_headers,0, message: Expected string, received null",
        ),
        (
            {**LEAF, "forward_headers": ["x-a", "X-Portkey-Forward-Headers"]},
            "path: forward_headers,1, message: "
            "forward_headers must not contain the 'x-portkey-forward-headers' header",
        ),
        (
            {**LEAF, "strict_open_ai_compliance": "false"},
            "path: strict_open_ai_compliance, message: Expected boolean, received string",
        ),
        ({**LEAF, "custom_host": 1}, "path: custom_host, message: Expected string, received number"),
        ({"provider": 1, "api_key": "k"}, "path: provider, message: Expected string, received number"),
        ({"provider": "openai", "api_key": 1}, "path: api_key, message: Expected string, received number"),
        ({"virtual_key": 1}, "path: virtual_key, message: Expected string, received number"),
        ({"strategy": [], "targets": [LEAF]}, "path: strategy, message: Expected object, received array"),
        (
            {"strategy": {"mode": "single"}, "targets": {}},
            "path: targets, message: Expected array, received object",
        ),
        (strategy("single", LEAF, "x"), "path: targets,1, message: Expected object, received string"),
        (strategy("single", [LEAF]), "path: targets,0, message: Expected object, received array"),
        (
            strategy("fallback", LEAF, on_status_codes="429"),
            "path: strategy,on_status_codes, message: Expected array, received string",
        ),
        (
            strategy("conditional", LEAF, conditions={}),
            "path: strategy,conditions, message: Expected array, received object",
        ),
        (
            strategy("conditional", LEAF, conditions=[{"then": "a"}]),
            "path: strategy,conditions,0,query, message: Required",
        ),
        (
            strategy("conditional", LEAF, conditions=[{"query": {}, "then": 1}]),
            "path: strategy,conditions,0,then, message: Expected string, received number",
        ),
        (
            strategy("conditional", LEAF, conditions=[{"query": {"$and": {}}, "then": "a"}]),
            "path: strategy,conditions,0,query,$and, message: Expected array, received object",
        ),
        (
            strategy("conditional", LEAF, conditions=[{"query": {"$or": [{"$and": [1]}]}, "then": "a"}]),
            "path: strategy,conditions,0,query,$or,0,$and,0, message: Expected object, received number",
        ),
        (
            strategy("conditional", LEAF, default=1),
            "path: strategy,default, message: Expected string, received number",
        ),
        (
            strategy("fallback", LEAF, cb_config={"failure_threshold": "1"}),
            "path: strategy,cb_config,failure_threshold, message: Expected number, received string",
        ),
        ({**LEAF, "openai_project": 1}, "path: openai_project, message: Expected string, received number"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(config, violation):
    assert wrong(config) == [violation]
    assert violation in wrong(config, saved=True)
    with pytest.raises(Invalid) as raised:
        tree(config)
    assert [str(each) for each in raised.value.violations] == [violation]


@pytest.mark.parametrize(
    ("config", "violation"),
    [
        (
            strategy("fallback") | {"targets": []},
            "path: targets, message: Array must contain at least 1 element(s)",
        ),
        (
            strategy("loadbalance", {**LEAF, "weight": 0}, {**LEAF, "weight": 0.0}),
            "path: targets, message: At least one weight must be greater than 0",
        ),
        (
            strategy("loadbalance", LEAF, {**LEAF, "weight": -1}),
            "path: targets,1,weight, message: Number must be greater than or equal to 0",
        ),
    ],
)
def test_what_portkey_would_leave_unanswered_is_refused(config, violation):
    assert wrong(config) == [violation]
    below = strategy("fallback", LEAF, config)
    assert wrong(below) == [violation.replace("path: targets", "path: targets,1,targets")]


NO_PATH = "This is no path such as `a.b`, `a[0].b` or `a[*].b`"


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "messages[*", "a[", "a[]", "a]", "a[x]", "a[-1]", "a[0]b", "a.[0]"]
)
def test_a_path_that_leads_nowhere_by_its_form_is_refused(path):
    assert wrong({**LEAF, "drop_params": ["user", path]}) == [f"path: drop_params,1, message: {NO_PATH}"]


@pytest.mark.parametrize(
    "path", ["a", "a.b", "a[0]", "a[*].b", "[0]", "a[1][2].b c-d", "tools[*].function.strict"]
)
def test_a_path_of_names_and_indexes_is_one(path):
    assert wrong({**SAFE, "drop_params": [path]}, saved=True) == []


def test_no_more_paths_are_dropped_than_can_be_followed_in_time():
    told = "path: drop_params, message: Array must contain at most 32 element(s)"
    assert wrong({**LEAF, "drop_params": ["a"] * 32}) == []
    assert wrong({**LEAF, "drop_params": ["a"] * 33}) == [told]


HUGE = r"\p{L}{30}"  # 36,000 instructions
TOO_LARGE = "The patterns of this config are too large in all"


def patterned(*texts: object) -> dict[str, Any]:
    return asking(*[{"params.a": {"$regex": text}} for text in texts])


def test_the_patterns_of_a_config_are_bounded_in_all(monkeypatch):
    made: list[str] = []
    monkeypatch.setattr(strategies, "pattern", lambda text: made.append(text) or patterns.Pattern(text))
    assert wrong(patterned(HUGE, *["^gpt-4o"] * 1_000)) == []
    made.clear()
    place = "path: strategy,conditions,{},query,params.a,$regex"
    assert wrong(patterned(HUGE, HUGE, HUGE, [HUGE])) == [
        f"{place.format(2)}, message: {TOO_LARGE}",
        f"{place.format(3)}, message: {TOO_LARGE}",
    ]
    assert len(made) == 2


@pytest.mark.parametrize("costly", [r"\p{L}{100}(?x", "(", "(?=a)", ["(?=", "a)"]])
def test_those_that_the_quick_engine_refuses_are_bounded_as_well(costly, monkeypatch):
    made: list[str] = []
    monkeypatch.setattr(strategies, "pattern", lambda text: made.append(text) or patterns.Pattern(text))
    assert wrong(patterned(*[costly] * 1_000))
    assert len(made) <= 15


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("1e300", "Number must be less than or equal to 1000000000000000"),
        ("1e400", "Number must be less than or equal to 1000000000000000"),
        ("-1e300", "Number must be greater than or equal to -1000000000000000"),
        ('"1"', "Expected number, received string"),
    ],
)
def test_a_number_that_is_too_large_is_told_to_be_so(number, told):
    with pytest.raises(Invalid) as raised:
        compiled('{"provider":"openai","api_key":"k","request_timeout":' + number + "}")
    assert str(raised.value) == f"path: request_timeout, message: {told}"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e99", "NaN", "Infinity", "1" + "0" * 5_000])
@pytest.mark.parametrize(
    "config",
    [
        '{"provider":"openai","api_key":"k","retry":{"attempts":N}}',
        '{"provider":"openai","api_key":"k","retry":{"attempts":1,"on_status_codes":[N]}}',
        '{"provider":"openai","api_key":"k","request_timeout":N}',
        '{"provider":"openai","api_key":"k","cache":{"mode":"simple","max_age":N}}',
        '{"strategy":{"mode":"loadbalance"},"targets":[{"provider":"openai","api_key":"k","weight":N}]}',
        '{"strategy":{"mode":"loadbalance","sticky":{"enabled":true,"ttl":N}},"targets":[{"virtual_key":"k"}]}',
        '{"strategy":{"mode":"single","cb_config":{"cooldown_interval":N}},"targets":[{"virtual_key":"k"}]}',
    ],
)
def test_no_number_is_too_large_for_a_clear_answer(config, number):
    with pytest.raises((Invalid, NotJSON)):
        compiled(config.replace("N", number, 1))


@pytest.mark.parametrize(
    "config",
    [
        LEAF,
        {"provider": "@openai"},
        {"virtual_key": "openai"},
        {"override_params": {"model": "@openai/gpt-4o-mini"}},
        {"cache": {"mode": "simple"}},
        {"cache": {"mode": "semantic", "max_age": 60}},
        {"retry": {"attempts": 0}},
        {"request_timeout": 1},
        {"passthrough": True},
        {**LEAF, "what nobody knows": {"a": 1}, "on_status_codes": [1]},
        strategy("single", LEAF),
        strategy("fallback", LEAF, on_status_codes=[]),
        strategy("loadbalance", {**LEAF, "weight": 0}, LEAF),
        strategy("loadbalance", LEAF, sticky={"enabled": False}),
        strategy("loadbalance", LEAF, sticky={"enabled": True, "hash_fields": ["headers.x"], "ttl": 1}),
        strategy("conditional", LEAF),
        strategy("conditional", LEAF, conditions=[{"query": {"a": {"$like": 1}}, "then": "nobody"}]),
        {"targets": [LEAF], "retry": {"attempts": 1}},
    ],
)
def test_what_the_contract_allows_is_no_violation(config):
    assert wrong(config) == []
    assert isinstance(tree(config), Tree)


@pytest.mark.parametrize(
    "text", ["", "{", "nul", "null", "{'a': 1}", "pc-x", "\ud800", "[" * 100_000, "[1,]", "NaN"]
)
def test_what_is_no_json_is_not_looked_at(text):
    with pytest.raises(NotJSON):
        compiled(text)


@pytest.mark.parametrize(
    ("text", "kind"), [("3", "number"), ('"x"', "string"), ("[]", "array"), ("true", "boolean")]
)
def test_what_is_no_object_is_told_to_be_none(text, kind):
    with pytest.raises(Invalid) as raised:
        compiled(text)
    assert str(raised.value) == f"path: , message: Expected object, received {kind}"


def test_the_old_form_with_options_is_known_as_such():
    with pytest.raises(Legacy):
        tree({**LEAF, "options": [LEAF]})


SPELLED = {
    "strategy": {
        "mode": "loadbalance",
        "onStatusCodes": [429],
        "sticky": {"enabled": True, "hashFields": ["metadata.a"], "ttl": 9},
        "cbConfig": {"failureThreshold": 2, "cooldownInterval": 40_000, "failureStatusCodes": [503]},
    },
    "requestTimeout": 1500,
    "defaultParams": {"maxTokens": 1},
    "targets": [
        {
            "provider": "openai",
            "apiKey": "sk-a",
            "retry": {"attempts": 2, "onStatusCodes": [500], "useRetryAfterHeader": True},
            "cache": {"mode": "simple", "maxAge": 90},
            "customHost": "https://llm.example.com/v1",
            "forwardHeaders": ["X-A"],
            "strictOpenAiCompliance": False,
            "dropParams": ["topP"],
            "overrideParams": {"topK": 1},
        },
        {"virtualKey": "openai"},
    ],
}


def test_camel_case_is_the_same_as_snake_case():
    snake = fields.spelled(SPELLED)
    assert "request_timeout" in snake
    assert tree(SPELLED).root == tree(snake).root
    first, second = targets_of(tree(SPELLED).root)
    assert (first.api_key, second.virtual_key) == ("sk-a", "openai")
    assert first.settings.timeout == 1.5
    assert first.settings.retry is not None
    assert (first.settings.retry.attempts, first.settings.retry.heeds_retry_after) == (2, True)
    assert first.settings.cache is not None
    assert first.settings.cache.max_age == 90
    assert first.settings.custom_host == "https://llm.example.com/v1"
    assert (first.settings.forward, first.settings.strict) == (("x-a",), False)
    assert (first.settings.default, first.settings.override) == ({"maxTokens": 1}, {"topK": 1})
    assert first.settings.drop == (("topP",),)
    assert first.breaker is not None
    assert (first.breaker.cooldown, first.breaker.failures, first.breaker.codes) == (40, 2, {503})


def test_a_wrong_value_is_found_in_either_spelling():
    assert wrong({**LEAF, "requestTimeout": "x"}) == [
        "path: request_timeout, message: Expected number, received string"
    ]
    assert wrong({"provider": "openai", "apiKey": 1})


def test_what_is_inside_of_parameters_and_conditions_is_not_respelled():
    told = fields.spelled({"overrideParams": {"aB": 1}, "conditions": [{"query": {"params.maxTokens": 1}}]})
    assert told == {"override_params": {"aB": 1}, "conditions": [{"query": {"params.maxTokens": 1}}]}


def nested(levels: int) -> dict[str, Any]:
    """A config of that many levels of targets."""
    node: dict[str, Any] = LEAF
    for _ in range(levels):
        node = strategy("single", node)
    return node


def test_sixteen_levels_are_followed_and_seventeen_refused():
    (leaf,) = targets_of(tree(nested(16)).root)
    assert leaf.path == "config" + ".targets[0]" * 16
    place = ",".join(["targets,0"] * 17)
    assert wrong(nested(17)) == [f"path: {place}, message: Targets may be nested 16 levels deep."]
    assert len(wrong(nested(300))) == 1


@pytest.mark.parametrize("member", ["x", "cache", "strategy", "targets", "retry", "name"])
def test_what_is_nested_beyond_reason_is_refused_but_in_parameters(member):
    deep: Any = "x"
    for _ in range(400):
        deep = {"a": [deep]}
    assert wrong({**LEAF, member: deep}) == ["path: , message: A config may be nested 16 levels deep."]
    assert wrong({**LEAF, "override_params": {"a": deep}, "defaultParams": deep}) == []


def test_a_thousand_targets_are_followed_and_one_more_refused():
    assert tree(strategy("fallback", *[LEAF] * 1_000)).leaves == 1_000
    refusal = "path: {}, message: A config may have 1000 targets."
    assert wrong(strategy("fallback", *[LEAF] * 1_001)) == [refusal.format("targets,1000")]
    assert wrong(strategy("fallback", *[LEAF] * 3_000)) == [refusal.format("targets,1000")]
    spread = [strategy("fallback", *[LEAF] * 100)] * 10  # with the strategies between them
    assert wrong(strategy("fallback", *spread)) == [refusal.format("targets,9,targets,90")]


def test_parameters_that_are_inherited_by_many_are_bounded():
    """Each target has a map of its own, so a header's worth of text would come to gigabytes."""
    many = {"override_params": {f"p{index}": 0 for index in range(5_000)}}
    own = {**LEAF, "override_params": {"a": 1}, "default_params": {"b": 1}}
    (told,) = wrong({**strategy("fallback", *[own] * 100), **many})
    assert told == "path: , message: Targets may have 50000 parameters in all, with the inherited."
    assert wrong({**strategy("fallback", own), **many}) == []
    inherited = targets_of(tree({**strategy("fallback", LEAF, LEAF), **many}).root)
    assert inherited[0].settings.override is inherited[1].settings.override


def test_the_trees_that_are_kept_are_bounded_with_what_they_inherit(monkeypatch):
    kept = compiling.Kept()
    monkeypatch.setattr(compiling, "kept", kept)
    for index in range(60):
        many = {f"p{index}-{each}": 0 for each in range(4_000)}
        tree({**strategy("fallback", *[{**LEAF, "override_params": {"a": 1}}] * 10), "override_params": many})
    assert 0 < len(kept.trees) < 60
    assert kept.bytes == sum(compiling.weight(text, tree) for text, (tree, _) in kept.trees.items())
    assert kept.bytes <= compiling.KEPT_BYTES


def asking(*queries: dict[str, Any]) -> dict[str, Any]:
    return strategy("conditional", conditions=[{"query": each, "then": "a"} for each in queries])


SETTLED = {"retry": {"attempts": 1, "on_status_codes": [429, 500]}, "cache": {"mode": "simple"}}
SHAPES: dict[str, Any] = {
    "targets": strategy("fallback", *[LEAF] * 1_000),
    "settings": strategy("fallback", *[{**LEAF, **SETTLED, "override_params": {"a": 1}}] * 900),
    "tests": asking(*[{f"params.{index}": {"$gt": index, "$lt": 3}} for index in range(4_000)]),
    "numbers": asking({"params.a": {"$in": [index * 1_000 for index in range(20_000)]}}),
    "texts": asking({"params.a": {"$nin": [f"k{index}" for index in range(20_000)]}}),
    "groups": asking({"$or": [{"$and": [{}, {}]} for _ in range(10_000)]}),
    "patterns": asking(*[{"params.a": {"$regex": f"k{index}"}} for index in range(2_000)]),
    "drops": strategy(
        "single", *[{**LEAF, "drop_params": ["a1.b2.c3.d4" + f".e{n}" * 20]} for n in range(900)]
    ),
    "parameters": {**LEAF, "override_params": {f"p{index}": index for index in range(20_000)}},
    "wide texts": {**LEAF, "override_params": {"a": ["é日"] * 20_000}},
    "lists": {**LEAF, "override_params": {"a": [[]] * 50_000}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_tree_weighs_what_it_comes_to(shape, monkeypatch):
    monkeypatch.setattr(compiling, "kept", compiling.Kept())
    patterns.pattern.cache_clear()
    text = json.dumps(SHAPES[shape], ensure_ascii=False)
    gc.collect()
    tracemalloc.start()
    try:
        made = compiling.made(text, saved=False)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < compiling.weight(text, made) < 10 * held + 100_000


def test_a_tree_that_would_take_the_place_of_all_others_is_not_kept(monkeypatch):
    kept = compiling.Kept()
    monkeypatch.setattr(compiling, "kept", kept)
    tree(LEAF)
    tree({**LEAF, "override_params": {"a": [[]] * 300_000}})
    assert list(kept.trees) == [json.dumps(LEAF)]


def test_a_tree_is_made_once_and_found_by_its_text():
    text = json.dumps({**LEAF, "name": "made once"})
    assert compiled(text) is compiled(text)
    assert compiled(text + " ") == compiled(text) or compiled(text + " ").root == compiled(text).root


def test_at_most_fifty_violations_are_told():
    assert len(wrong(strategy("fallback", *[{}] * 900))) == schema.SHOWN


def conditional(*then: str, **more: Any) -> dict[str, Any]:
    conditions = [{"query": {"params.model": "m"}, "then": name} for name in then]
    told: dict[str, Any] = {"mode": "conditional", "conditions": conditions, "default": "a"} | more
    kept = {name: value for name, value in told.items() if value is not None}
    return {"strategy": kept, "targets": [{**SAFE, "name": "a"}, {**SAFE, "name": "b"}]}


KEYLESS = "No call can succeed without a key: " + schema.CREDENTIAL
SETTING = "A saved config keeps no credentials and no settings: " + schema.CREDENTIAL


@pytest.mark.parametrize(
    ("config", "violation"),
    [
        ({**SAFE, "wieght": 1}, "path: wieght, message: There is no member 'wieght' here."),
        ({**SAFE, "retry": {"attempts": 1, "x": 1}}, "path: retry,x, message: There is no member 'x' here."),
        (
            {**SAFE, "cache": {"mode": "simple", "x": 1}},
            "path: cache,x, message: There is no member 'x' here.",
        ),
        (strategy("single", SAFE, x=1), "path: strategy,x, message: There is no member 'x' here."),
        (
            strategy("single", SAFE, sticky={"enabled": True, "x": 1}),
            "path: strategy,sticky,x, message: There is no member 'x' here.",
        ),
        (
            strategy("single", SAFE, cb_config={"cooldown_interval": 30_000, "x": 1}),
            "path: strategy,cb_config,x, message: There is no member 'x' here.",
        ),
        (
            strategy("single", SAFE, cb_config={"failure_threshold": 0, "cooldown_interval": 30_000}),
            "path: strategy,cb_config,failure_threshold, message: Number must be greater than or equal to 1",
        ),
        (
            strategy("single", SAFE, cb_config={"failure_threshold": 1, "cooldown_interval": 29_999}),
            "path: strategy,cb_config,cooldown_interval, "
            "message: Number must be greater than or equal to 30000",
        ),
        (conditional("a", conditions=None), "path: strategy,conditions, message: Required"),
        (conditional("a", default=None), "path: strategy,default, message: Required"),
        (conditional("a", default="c"), "path: strategy,default, message: No target has the name 'c'."),
        (conditional("a", "c"), "path: strategy,conditions,1,then, message: No target has the name 'c'."),
        (
            conditional(conditions=[{"query": {}, "then": "a", "x": 1}]),
            "path: strategy,conditions,0,x, message: There is no member 'x' here.",
        ),
        (
            conditional(conditions=[{"query": {"$and": [{"params.a": {"$like": 1}}]}, "then": "a"}]),
            "path: strategy,conditions,0,query,$and,0,params.a,$like, message: "
            f"Unsupported operator. Must be one of: {', '.join(OPERATORS)}",
        ),
        (
            conditional(conditions=[{"query": {"params.a": {"$regex": "("}}, "then": "a"}]),
            "path: strategy,conditions,0,query,params.a,$regex, message: This is no regular expression",
        ),
        ({**SAFE, "api_key": "sk-a"}, f"path: api_key, message: {SETTING}"),
        ({"targets": [SAFE], "retry": {"attempts": 1}}, f"path: strategy, message: {schema.NO_STRATEGY}"),
        (
            strategy("fallback", SAFE, {"targets": [SAFE], "retry": {"attempts": 1}}),
            f"path: targets,1,strategy, message: {schema.NO_STRATEGY}",
        ),
        *(
            (strategy("fallback", SAFE, nobody), f"path: targets,1, message: {schema.NOBODY}")
            for nobody in (
                {"retry": {"attempts": 1}},
                {"virtual_key": ""},
                {"passthrough": False},
                {"default_params": {"model": "@openai/gpt-5"}},
                {"override_params": {"model": "gpt-5"}, "cache": {"mode": "simple"}},
            )
        ),
        (
            {**SAFE, "strategy": {"mode": "fallback"}},
            f"path: targets, message: {schema.NO_TARGETS}",
        ),
        ({**strategy("single", SAFE), **SAFE}, f"path: provider, message: {schema.NOT_ASKED}"),
        (
            strategy("single", {**strategy("single", SAFE), "virtual_key": "openai"}),
            f"path: targets,0,virtual_key, message: {schema.NOT_ASKED}",
        ),
        (strategy("single", SAFE, SAFE), f"path: targets,1, message: {strategies.FIRST_ALONE}"),
        (
            {**SAFE, "retry": {"attempts": -1}},
            "path: retry,attempts, message: Number must be greater than or equal to 0",
        ),
        *(
            (
                {**SAFE, "request_timeout": number},
                "path: request_timeout, message: Number must be greater than 0",
            )
            for number in (0, -0.5)
        ),
        (
            {**SAFE, "cache": {"mode": "simple", "max_age": 59}},
            "path: cache,max_age, message: Number must be greater than or equal to 60",
        ),
        (
            {**SAFE, "cache": {"mode": "simple", "max_age": 7_776_001}},
            "path: cache,max_age, message: Number must be less than or equal to 7776000",
        ),
        *(
            (
                conditional(conditions=[{"query": {"params.a": {operator: "x"}}, "then": "a"}]),
                f"path: strategy,conditions,0,query,params.a,{operator}, "
                "message: Expected array, received string",
            )
            for operator in ("$in", "$nin")
        ),
        (
            conditional(conditions=[{"query": {"params.a": ["x"]}, "then": "a"}]),
            f"path: strategy,conditions,0,query,params.a, message: {strategies.NO_COMPARISON}",
        ),
        *(
            (
                conditional(conditions=[{"query": {f"{told}.b": 1}, "then": "a"}]),
                f"path: strategy,conditions,0,query,{told}.b, message: {strategies.ONE_MEMBER.format(told)}",
            )
            for told in ("params.a", "metadata.a")
        ),
        ({"provider": "@openai/gpt-4o"}, f"path: provider, message: {schema.NO_SLUG}"),
        ({"virtual_key": "openai/gpt-4o"}, f"path: virtual_key, message: {schema.NO_SLUG}"),
        ({"provider": "openai", "retry": {"attempts": 1}}, f"path: provider, message: {KEYLESS}"),
        (
            strategy("single", {"provider": "openai", "passthrough": True}),
            f"path: targets,0,provider, message: {KEYLESS}",
        ),
        *(
            (
                conditional(conditions=[{"query": {"$or": [{asked: 1}]}, "then": "a"}]),
                f"path: strategy,conditions,0,query,$or,0,{asked}, "
                "message: Conditions ask about `metadata.…`, `params.…` or `url.pathname`",
            )
            for asked in ("model", "param.model", "url.host", "headers.x", "metadata", "")
        ),
        (
            {**conditional("a"), "targets": [{**SAFE, "name": name} for name in "aba"]},
            "path: targets,2,name, message: There is a target of the name 'a' before it.",
        ),
        (
            {"retry": {"attempts": 1}, "custom_host": "https://llm.example.com/v1"},
            f"path: custom_host, message: {schema.NO_HOST}",
        ),
    ],
)
def test_a_saved_config_keeps_to_stricter_rules(config, violation):
    assert wrong(config, saved=True) == [violation]
    assert wrong(config) == []
    with pytest.raises(Invalid):
        tree(config, saved=True)
    with pytest.raises(Invalid):  # also where the text is known already
        tree(config, saved=True)


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "openai_project", "aws_secret_access_key", "awsSecretAccessKey", "azure_ad_token",
     "vertex_service_account_json", "workers_ai_account_id", "anthropic_beta", "resource_name"],
)  # fmt: skip
def test_no_secret_and_no_setting_is_kept_in_a_saved_config(name):
    config = strategy("fallback", SAFE, {"passthrough": True, name: "sk-a-secret"})
    (told,) = wrong(config, saved=True)
    assert told.startswith("path: targets,1,")
    assert told.endswith(SETTING)
    assert "sk-a-secret" not in told


@pytest.mark.parametrize(
    "node",
    [
        SAFE,
        {"virtual_key": "openai"},
        {"provider": "openai", "virtual_key": "openai"},
        {"override_params": {"model": "@openai/gpt-4o-mini"}},
        {"passthrough": True},
    ],
)
@pytest.mark.parametrize("spelling", ["custom_host", "customHost"])
def test_a_saved_config_names_no_host(node, spelling):
    host = {spelling: "https://llm.example.com/v1"}
    told = f"custom_host, message: {schema.NO_HOST}"
    assert wrong(node, saved=True) == []
    assert wrong({**node, **host}, saved=True) == [f"path: {told}"]
    assert wrong(strategy("fallback", {**node, **host}), saved=True) == [f"path: targets,0,{told}"]
    assert wrong({**strategy("fallback", node), **host}, saved=True) == [f"path: {told}"]


@pytest.mark.parametrize("key", [{"virtual_key": "openai"}, {"provider": "@openai"}])
def test_no_host_is_named_beside_a_virtual_key_nor_above_it(key):
    message = "custom_host cannot be used with a virtual key"
    host = {"custom_host": "https://llm.example.com/v1"}
    assert wrong({**key, **host}) == [f"path: custom_host, message: {message}"]
    assert wrong({**strategy("fallback", LEAF, *[key] * 60), **host}) == [
        f"path: custom_host, message: {message}"
    ]
    far = strategy("fallback", {**strategy("single", key), "customHost": host["custom_host"]})
    assert wrong(far) == [f"path: targets,0,custom_host, message: {message}"]
    assert wrong({**strategy("fallback", {**LEAF, **host}, key)}) == []


def test_no_host_reaches_a_virtual_key_that_a_model_names():
    host = {"custom_host": "https://llm.example.com/v1"}
    assert wrong({"override_params": {"model": "@openai/gpt-4o-mini"}, **host})


@pytest.mark.parametrize("key", [{"virtual_key": "openai"}, {"provider": "@openai"}])
def test_no_setting_stands_beside_a_virtual_key(key):
    (told,) = wrong({**key, "openai_project": "p"})
    assert told.startswith("path: openai_project, message: A virtual key brings its own settings")


@pytest.mark.parametrize("name", fields.UNBUILT)
def test_what_is_not_built_yet_is_said_to_be_so(name):
    assert f"path: {name}, message: {schema.NOT_BUILT}" in wrong({**LEAF, name: [{"id": "pg-a"}]})
    assert f"path: {name}, message: {schema.NOT_BUILT}" not in wrong({**LEAF, name: []})


MEMBERS = st.sampled_from(
    [
        *sorted(fields.NODE | fields.STRATEGY | fields.RETRY | fields.CACHE | fields.STICKY | fields.BREAKER),
        *(
            "query",
            "then",
            "$and",
            "$or",
            "$regex",
            "$eq",
            "params.a",
            "requestTimeout",
            "apiKey",
            "aws_region",
        ),
        *("openai_project", "prompt_id", "before_request_hooks", "options", "overrideParams"),
    ]
)
WORDS = st.sampled_from(
    [
        "single",
        "fallback",
        "loadbalance",
        "conditional",
        "simple",
        "openai",
        "@openai",
        "@",
        "metadata.a",
        "a",
        "(",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 600)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.just(10**400)
    | WORDS
    | st.text(st.characters(), max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(MEMBERS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=25,
)


def loose(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nodes that are nearly right, so that what is behind the first checks is reached too."""
    member = st.dictionaries(MEMBERS, VALUES, max_size=3)
    told = st.fixed_dictionaries(
        {"mode": WORDS}, optional={"conditions": VALUES, "sticky": member, "cb_config": member}
    )
    node = st.fixed_dictionaries({"strategy": told, "targets": st.lists(leaves, max_size=3)})
    return st.builds(lambda node, more: {**more, **node}, node, member)


NODES = st.recursive(
    st.builds(lambda more: {**LEAF, **more}, st.dictionaries(MEMBERS, VALUES, max_size=3)),
    loose,
    max_leaves=6,
)


@given(VALUES | NODES, st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_value_is_a_tree_or_a_list_of_violations(value, saved):
    assume(value is not None)
    told = schema.violations(value, saved=saved)
    assert all(isinstance(each.message, str) and each.message for each in told)
    assert len(told) <= schema.SHOWN
    assert came_of(json.dumps(value), saved=saved) == (Invalid if told else Tree)


def came_of(text: str, *, saved: bool) -> type:
    try:
        return type(compiled(text, saved=saved))
    except Invalid as error:
        return Invalid if error.violations else ValueError
    except Legacy:
        return Tree


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_tree_or_refused(text):
    with pytest.raises((NotJSON, Invalid)):
        compiled(text)


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("name", ["override_params", "default_params"])
@pytest.mark.parametrize("model", ["a\ud800b", "\udfff", "a\r\nb", "\0", "\x7f"])
def test_a_models_name_has_no_characters_that_no_form_can_hold(saved, name, model):
    said = "A model's name has no control characters and no half surrogate pairs"
    config = strategy("single", {**SAFE, name: {"model": model, "user": model}})
    assert wrong(config, saved=saved) == [f"path: targets,0,{name},model, message: {said}"]
    assert not wrong({**SAFE, name: {"model": "é 🎉", "user": model}}, saved=saved)


def test_a_config_of_settings_alone_asks_whom_the_request_names():
    found = tree({"retry": {"attempts": 2}, "request_timeout": 10})
    assert isinstance(found.root, Target)
    assert found.root.asked
    assert found.bare


def test_all_that_follows_the_at_sign_is_the_slug():
    assert tree({"provider": "@openai/gpt-4o"}).slugs == ("openai/gpt-4o",)
    assert tree({"override_params": {"model": "@openai/a/b"}}).slugs == ("openai",)


@pytest.mark.parametrize(
    "config",
    [
        {"retry": {"attempts": 1}},
        {"default_params": {"model": "@openai/gpt-5"}, "retry": {"attempts": 1}},
        {**SAFE, "retry": {"attempts": 0}, "request_timeout": 1, "cache": {"mode": "simple", "max_age": 60}},
        strategy("fallback", SAFE, {"passthrough": True}, {"override_params": {"model": "@openai/gpt-5"}}),
        strategy("single", strategy("fallback", SAFE, {"virtual_key": "openai"})),
    ],
)
def test_what_has_an_effect_is_no_fault_of_a_saved_config(config):
    assert wrong(config, saved=True) == []


def test_the_bounds_of_an_answers_age_are_those_of_the_cache():
    assert fields.MAX_AGE == (ages.LEAST, ages.MOST)


def test_targets_without_a_strategy_are_a_target_that_names_nobody():
    found = tree({"targets": [LEAF], "retry": {"attempts": 1}})
    assert isinstance(found.root, Target)
    assert not found.root.asked
    assert (found.root.provider, found.root.virtual_key, found.leaves) == ("", "", 1)


def test_the_credential_of_a_config_is_not_in_what_is_printed():
    found = tree(strategy("fallback", {**LEAF, "openai_project": "a-secret-project"}))
    assert isinstance(found.root, Fallback)
    assert "sk-a" not in repr(found)
    assert "a-secret-project" not in repr(found)
