"""What a config makes of a request's parameters: defaults, the client's own, overrides, and then drops."""

import copy
import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.compiling import compiled, parts, targets_of
from configs.parameters import laid_over
from configs.tree import Settings
from proxy import apart, call, params
from proxy.call import Headers

BODY = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "Hi", "name": "ann"}, {"role": "user", "content": "Ho"}],
    "tools": [
        {"type": "function", "function": {"name": "a", "strict": True}},
        {"type": "function", "function": {"name": "b"}},
        "no object",
    ],
    "metadata": {"a": {"b": {"c": 1}}, "a.b": 2, "0": "zero"},
    "temperature": 0.5,
}
LEAF = {"provider": "openai", "api_key": "sk-a"}


def laid(*, body: Any = BODY, default: Any = None, override: Any = None, drop: Any = ()) -> dict[str, Any]:
    return laid_over(body, default or {}, override or {}, tuple(map(parts, drop)))


def settings_of(config: dict[str, Any]) -> list[Settings]:
    return [target.settings for target in targets_of(compiled(json.dumps(config)).root)]


def asked(body: dict[str, Any]) -> call.Call:
    return call.read("chatComplete", "chat", Headers({}), json.dumps(body).encode())


def test_a_default_gives_way_to_what_the_client_says_and_that_to_an_override():
    body = {"model": "m", "top_p": 0.1, "n": None, "stop": "own"}
    told = laid(
        body=body,
        default={"top_p": 0.9, "n": 2, "seed": 1, "user": "d"},
        override={"stop": "theirs", "user": "o"},
    )
    assert told == {"model": "m", "top_p": 0.1, "n": None, "stop": "theirs", "seed": 1, "user": "o"}


def test_a_parameter_is_replaced_whole():
    told = laid(
        body={"model": "m", "response_format": {"type": "json_object", "more": 1}, "stop": ["a"]},
        override={"response_format": {"type": "text"}, "stop": []},
    )
    assert told == {"model": "m", "response_format": {"type": "text"}, "stop": []}


def test_a_drop_has_the_last_word():
    told = laid(default={"seed": 1}, override={"top_p": 1}, drop=["seed", "top_p", "temperature", "nobody"])
    assert told == {name: value for name, value in BODY.items() if name != "temperature"}


def test_a_null_of_an_override_is_sent_and_drops_nothing():
    assert laid(override={"temperature": None})["temperature"] is None


@pytest.mark.parametrize(("own", "model"), [("portkey-default", "d"), (None, None), ("", ""), ("m", "m")])
def test_a_default_model_stands_in_for_the_name_that_means_none(own, model):
    assert laid(body={"model": own, "n": 1}, default={"model": "d"}) == {"model": model, "n": 1}


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("temperature", ("temperature",)),
        ("a.b.c", ("a", "b", "c")),
        ("messages[0].name", ("messages", 0, "name")),
        ("tools[*].function.strict", ("tools", "*", "function", "strict")),
        ("a[1][2]", ("a", 1, 2)),
        ("a.0", ("a", "0")),
        ("[0]", (0,)),
        ("", ()),
        ("...", ()),
        ("a..b", ("a", "b")),
        ("a-b_c d", ("a-b_c d",)),
    ],
)
def test_a_path_is_read_by_its_dots_and_brackets(path, steps):
    assert parts(path) == steps


def test_a_path_with_an_index_beyond_all_lists_leads_nowhere():
    assert laid(drop=[f"messages[{'9' * 5_000}]", "messages[-1]", "messages[x]", "messages[2]"]) == BODY
    assert compiled(json.dumps({**LEAF, "drop_params": [f"messages[{'1' * 5_000}]"]})).leaves == 1


@pytest.mark.parametrize(
    ("path", "place", "left"),
    [
        ("metadata.a.b", "metadata", {"a": {}, "a.b": 2, "0": "zero"}),
        ("metadata.a.b.c", "metadata", {"a": {"b": {}}, "a.b": 2, "0": "zero"}),
        ("metadata.0", "metadata", {"a": {"b": {"c": 1}}, "a.b": 2}),
        ("messages[0]", "messages", [{"role": "user", "content": "Ho"}]),
        ("messages[*]", "messages", []),
        (
            "messages[0].name",
            "messages",
            [{"role": "user", "content": "Hi"}, {"role": "user", "content": "Ho"}],
        ),
        ("messages[*].content", "messages", [{"role": "user", "name": "ann"}, {"role": "user"}]),
        (
            "tools[*].function.strict",
            "tools",
            [
                {"type": "function", "function": {"name": "a"}},
                {"type": "function", "function": {"name": "b"}},
                "no object",
            ],
        ),
        ("tools[0].function", "tools", [{"type": "function"}, *BODY["tools"][1:]]),  # type: ignore[index]
    ],
)
def test_a_path_leads_to_what_is_dropped_and_to_nothing_else(path, place, left):
    assert laid(drop=[path]) == {**BODY, place: left}


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            ".",
            "nobody",
            "nobody.at.all",
            "model.a",
            "model[0]",
            "model[*]",
            "messages.role",
            "messages.0",
        ),
        *(
            "messages[9].role",
            "metadata[0]",
            "metadata[*]",
            "temperature.x",
            "tools[2].function",
            "Temperature",
        ),
    ],
)
def test_a_path_to_nothing_leaves_the_body_as_it_was(path):
    assert laid(drop=[path]) == BODY


def test_paths_are_followed_one_after_the_other():
    assert laid(body={"a": [1, 2, 3]}, drop=["a[0]", "a[0]"]) == {"a": [3]}


def plainly_without(value: Any, path: tuple[str | int, ...]) -> Any:
    """One path after the other, with a copy of everything: what is true of drops, and too slow."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if name != step}
        return kept if step not in value or not rest else {**value, step: plainly_without(value[step], rest)}
    if not isinstance(value, list):
        return value
    hit = [step in ("*", index) for index in range(len(value))]
    if rest:
        return [plainly_without(each, rest) if at else each for each, at in zip(value, hit, strict=True)]
    return [each for each, at in zip(value, hit, strict=True) if not at]


NESTED = st.recursive(
    st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab*"), inner, max_size=3),
    max_leaves=20,
)
STEPS = st.sampled_from(["a", "b", "*", 0, 1, 2])


@given(
    st.dictionaries(st.sampled_from("ab"), NESTED, max_size=2),
    st.lists(st.lists(STEPS, min_size=1, max_size=4).map(tuple), max_size=4),
)
@settings(max_examples=500, deadline=None)
def test_all_paths_at_once_are_the_same_as_one_after_the_other(body, paths):
    expected: Any = body
    for path in paths:
        expected = plainly_without(expected, path)
    before = copy.deepcopy(body)
    assert laid_over(body, {}, {}, tuple(paths)) == expected
    assert body == before


def test_what_no_path_leads_to_is_not_copied():
    body = {"m": [{"b": 1}] * 3, "n": [{"a": 1}, {"b": 2}], "o": [[1], [2]]}
    told = laid(body=body, drop=["m[*].a", "m[7]", "n[*].a", "o[*][3]", "o[0].a"])
    assert told == {**body, "n": [{}, {"b": 2}]}
    assert told["m"] is body["m"]
    assert told["o"] is body["o"]
    assert told["n"][1] is body["n"][1]  # type: ignore[index]


WIDE = [f"m[*].a{index}" for index in range(32)]
COUNTED = [f"m[*][{index}].a" for index in range(32)]


@pytest.mark.parametrize(
    ("element", "drop"),
    [(1, WIDE), ({}, WIDE), ({"b": 1}, WIDE), ([], COUNTED), ([1], COUNTED), ([{}], COUNTED)],
)
def test_no_element_is_looked_at_for_each_path_anew(element, drop):
    """Calls within the module, of which there are a few for each container and none for each path."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    body = {"m": [copy.copy(element) for _ in range(2_000)]}
    steps = tuple(map(parts, drop))
    sys.setprofile(count)
    try:
        laid_over(body, {}, {}, steps)
    finally:
        sys.setprofile(None)
    assert calls < 2_000 * 8


def test_a_path_of_very_many_steps_is_refused():
    deep: Any = 1
    for _ in range(900):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="A path may have 32 steps"):
        compiled(json.dumps({**LEAF, "drop_params": [".".join("a" * 900)]}))
    (told,) = settings_of({**LEAF, "drop_params": [".".join("a" * 32)]})
    assert laid_over(deep, {}, {}, told.drop)["a"]


def test_a_childs_parameters_are_laid_over_its_parents_and_its_drops_replace_them():
    inherited, own = settings_of(
        {
            "strategy": {"mode": "fallback"},
            "override_params": {"model": "p", "a": {"x": 1}},
            "default_params": {"seed": 1, "n": 1},
            "drop_params": ["user"],
            "targets": [
                LEAF,
                {
                    **LEAF,
                    "override_params": {"a": {"y": 2}, "b": 1},
                    "default_params": {"n": 2},
                    "drop_params": ["stop"],
                },
            ],
        }
    )
    assert (inherited.override, inherited.default) == ({"model": "p", "a": {"x": 1}}, {"seed": 1, "n": 1})
    assert inherited.drop == (("user",),)
    assert (own.override, own.default) == ({"model": "p", "a": {"y": 2}, "b": 1}, {"seed": 1, "n": 2})
    assert own.drop == (("stop",),)


def test_siblings_do_not_see_each_others_overrides():
    first, second = settings_of(
        {
            "strategy": {"mode": "fallback"},
            "targets": [
                {**LEAF, "override_params": {"model": "a", "x": [1]}},
                {**LEAF, "default_params": {"y": 1}},
            ],
        }
    )
    came = asked({"model": "m", "messages": []})
    one, two = params.applied(came, first), params.applied(came, second)
    assert (one.model, one.body["x"]) == ("a", [1])
    assert (two.model, two.body) == ("m", {"model": "m", "messages": [], "y": 1})
    assert came.body == {"model": "m", "messages": []}


def test_a_camel_case_name_of_a_member_does_not_reach_into_parameters():
    (told,) = settings_of({**LEAF, "override_params": {"maxTokens": 1, "requestTimeout": {"aB": 2}}})
    assert told.override == {"maxTokens": 1, "requestTimeout": {"aB": 2}}


def test_an_override_switches_streaming_on_and_off():
    (on,) = settings_of({**LEAF, "override_params": {"stream": True}})
    (off,) = settings_of({**LEAF, "drop_params": ["stream"]})
    assert params.applied(asked({"model": "m"}), on).stream
    assert not params.applied(asked({"model": "m", "stream": True}), off).stream


@pytest.mark.parametrize("told", [{"override_params": {"model": 5}}, {"override_params": {"model": None}}])
def test_a_model_that_is_no_text_names_none(told):
    (given_settings,) = settings_of({**LEAF, **told})
    assert params.applied(asked({"model": "m"}), given_settings).model in ("m", "")


def test_where_nothing_is_changed_the_call_is_the_same():
    came = asked({"model": "m"})
    assert params.applied(came, Settings()) is came


def test_strictness_is_switched_off_by_either_and_on_by_none():
    came = asked({"model": "m"})
    (off,) = settings_of({**LEAF, "strict_open_ai_compliance": False, "override_params": {"a": 1}})
    assert not params.applied(came, off).strict
    (on,) = settings_of({**LEAF, "strictOpenAiCompliance": True})
    assert params.applied(came, on).strict


def test_a_large_body_is_changed_as_a_small_one_is():
    (told,) = settings_of(
        {
            **LEAF,
            "override_params": {"model": "o", "stop": ["x"]},
            "default_params": {"seed": 1, "n": 9},
            "drop_params": ["messages[0].name", "tools[*].strict", "temperature"],
        }
    )
    body = {
        "model": "m",
        "n": 1,
        "temperature": 1,
        "tools": [{"strict": 1}, {}],
        "messages": [{"name": "ann", "content": "A"}],
    }
    large = {**body, "messages": [{"name": "ann", "content": "A" * (apart.LARGE + 1)}]}
    try:
        small_one, large_one = params.applied(asked(body), told), params.applied(asked(large), told)
    finally:
        apart.leave(after=0)
    sent = json.loads(large_one.raw)
    assert sent.pop("messages") == [{"content": "A" * (apart.LARGE + 1)}]
    small = dict(small_one.body)
    assert small.pop("messages") == [{"content": "A"}]
    assert sent == small
    assert (large_one.model, small_one.model) == ("o", "o")


NAMES = st.sampled_from(["model", "a", "b", "0", "*"])
VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["x", "portkey-default"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
PATHS = st.lists(
    st.lists(NAMES | st.sampled_from(["[0]", "[1]", "[*]", "[7]"]), max_size=4).map(".".join), max_size=3
)


@given(OBJECTS, OBJECTS, OBJECTS, PATHS)
@settings(max_examples=200, deadline=None)
def test_nothing_that_was_given_is_ever_changed(body, default, override, drop):
    given_before = copy.deepcopy((body, default, override))
    told = laid(body=body, default=default, override=override, drop=drop)
    assert (body, default, override) == given_before
    told["new"] = 1
    told.pop("a", None)
    assert (body, default, override) == given_before


@given(OBJECTS, PATHS)
@settings(max_examples=200, deadline=None)
def test_what_was_dropped_by_its_names_is_not_there(body, drop):
    for path in drop:
        steps = parts(path)
        if steps and "[" not in path and "*" not in steps:
            assert not stands(laid(body=body, drop=[path]), steps)


def stands(value: Any, steps: tuple[str | int, ...]) -> bool:
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True
