"""The queries of conditional routing: every operator at its edges, as JavaScript would have it."""

import gc
import json
import math
import resource
import subprocess
import sys
from typing import Any

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from configs import conditions, engines, patterns
from configs.conditions import (
    OPERATORS,
    UNDEFINED,
    Facts,
    TooLong,
    UnknownOperator,
    js_number,
    js_text,
    query,
)
from configs.patterns import Pattern

PARAMS = {
    "model": "gpt-4o-mini",
    "temperature": 0.5,
    "n": 1,
    "stream": True,
    "user": None,
    "stop": ["a", "b"],
    "tool_choice": {"type": "auto"},
    "messages": [{"role": "user", "content": "Hi"}],
    "a": {"b": "deep"},
    "dotted.name": "never seen",
    "": "the empty name",
}
FACTS = Facts({"plan": "paid", "age": "42", "n": "1", "empty": ""}, PARAMS, "/v1/chat/completions")


def holds(told: dict[str, Any], facts: Facts = FACTS) -> bool:
    return query(told).holds(facts)


@pytest.mark.parametrize(
    ("told", "held"),
    [
        ({}, True),
        ({"metadata.plan": "paid"}, True),
        ({"metadata.plan": "free"}, False),
        ({"metadata.plan": "Paid"}, False),
        ({"metadata.plan": "paid", "params.n": 1}, True),
        ({"metadata.plan": "paid", "params.n": 2}, False),
        ({"metadata.plan": {}}, True),
        ({"metadata.nothing": {}}, True),
        ({"params.stop": []}, True),
    ],
)
def test_all_entries_of_a_query_must_hold_and_none_is_enough(told, held):
    assert holds(told) is held


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.plan", "paid"),
        ("params.model", "gpt-4o-mini"),
        ("url.pathname", "/v1/chat/completions"),
        ("params.model.further.segments", "gpt-4o-mini"),
        ("url.pathname.more", "/v1/chat/completions"),
        ("params.", "the empty name"),
        ("params.a.b", {"b": "deep"}),
    ],
)
def test_exactly_two_segments_of_a_path_are_read(path, value):
    assert FACTS.value(path) == value


@pytest.mark.parametrize(
    "path",
    [
        "params.dotted.name",
        "url.search",
        "url",
        "body.model",
        "model",
        "",
        ".",
        "..",
        "Params.model",
        "params.no",
    ],
)
def test_what_no_path_leads_to_is_undefined(path):
    assert FACTS.value(path) is UNDEFINED


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ("1", 1),
        (1, "1"),
        (True, 1),
        (1, True),
        (False, 0),
        (None, False),
        (None, 0),
        (0, None),
        ("", None),
        ("", 0),
        ("", False),
        ("null", None),
        ([], []),
        (["a"], ["a"]),
        ({}, {}),
        (["a"], "a"),
        (math.nan, math.nan),
        (UNDEFINED, None),
        (UNDEFINED, "undefined"),
        (UNDEFINED, ""),
    ],
)
def test_equality_looks_at_the_type_too(value, other):
    facts = Facts({}, {} if value is UNDEFINED else {"x": value}, "")
    assert not holds({"params.x": {"$eq": other}}, facts)
    assert holds({"params.x": {"$ne": other}}, facts)
    assert not holds({"params.x": {"$in": ["zzz", other]}}, facts)
    assert holds({"params.x": {"$nin": ["zzz", other]}}, facts)
    if not isinstance(other, dict | list):
        assert not holds({"params.x": other}, facts)


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, 1.0),
        (0.0, -0.0),
        ("ä", "ä"),
        (None, None),
        (True, True),
        (2**53, 2**53 + 1),  # one number to JavaScript
        (10**400, 10**401),
        (10**400, math.inf),
        ("\ud800", "\ud800"),
    ],
)
def test_what_javascript_calls_the_same_is_equal(value, other):
    facts = Facts({}, {"x": value}, "")
    assert holds({"params.x": other}, facts)
    assert holds({"params.x": {"$eq": other}}, facts)
    assert not holds({"params.x": {"$ne": other}}, facts)
    assert holds({"params.x": {"$in": [None if value is not None else 7, other]}}, facts)
    assert not holds({"params.x": {"$nin": [other]}}, facts)


@pytest.mark.parametrize("operand", ["paid", "a paid one", None, 4, {"0": "paid"}, True])
def test_an_operand_that_is_no_array_fails_membership_and_its_contrary(operand):
    assert not holds({"metadata.plan": {"$in": operand}})
    assert not holds({"metadata.plan": {"$nin": operand}})


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({"$eq": "x"}, False),
        ({"$in": ["x", None]}, False),
        ({"$gt": -1e9}, False),
        ({"$gte": 0}, False),
        ({"$lt": 1e9}, False),
        ({"$lte": 0}, False),
        ({"$ne": "x"}, True),
        ({"$nin": ["x"]}, True),
        ({"$nin": []}, True),
        ({"$regex": "^undefined$"}, True),
        ({"$regex": "fine"}, True),
        ({"$regex": "null"}, False),
        ({"$regex": "^$"}, False),
    ],
)
def test_what_is_missing_is_unequal_to_all_and_matched_as_undefined(asked, held):
    assert holds({"metadata.nobody": asked}) is held
    assert holds({"params.nobody": asked}) is held


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (3.25, 3.25),
        ("3", 3),
        ("3.5 apples", 3.5),
        ("  7", 7),
        ("\ufeff\xa0\u20037", 7),
        ("+1", 1),
        ("-1e3x", -1000),
        ("1e", 1),
        ("1e+", 1),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5),
        ("0x1f", 0),
        ("1_000", 1),
        ("1,5", 1),
        ("Infinity!", math.inf),
        ("-Infinity", -math.inf),
        ([4, 5], 4),
        ([[6]], 6),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        ("9" * 400, math.inf),
    ],
)
def test_numbers_are_read_as_parsefloat_does(value, number):
    assert js_number(value) == number


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "apples",
        "e5",
        ".",
        "-",
        "+-1",
        "infinity",
        "NaN",
        "٣",
        True,
        False,
        None,
        [],
        {},
        [None],
        UNDEFINED,
        math.nan,
    ],
)
def test_what_parsefloat_cannot_read_compares_to_nothing(value):
    assert math.isnan(js_number(value))
    for operator in ("$gt", "$gte", "$lt", "$lte"):
        for other in (0, "x", value):
            assert not holds({"params.x": {operator: other}}, Facts({}, {"x": value}, ""))
            assert not holds({"params.x": {operator: value}}, Facts({}, {"x": other}, ""))


@pytest.mark.parametrize(
    ("operator", "less", "same", "more"),
    [
        ("$gt", False, False, True),
        ("$gte", False, True, True),
        ("$lt", True, False, False),
        ("$lte", True, True, False),
    ],
)
@pytest.mark.parametrize("spelled", [lambda number: number, str])
def test_comparisons_are_by_number_also_of_texts(operator, less, same, more, spelled):
    for value, held in ((9, less), (10, same), (100, more)):
        assert holds({"params.x": {operator: 10}}, Facts({}, {"x": spelled(value)}, "")) is held
        assert holds({"params.x": {operator: spelled(10)}}, Facts({}, {"x": value}, "")) is held


def test_all_operators_of_a_path_must_hold():
    assert holds({"params.temperature": {"$gt": 0.1, "$lt": 0.9}})
    assert not holds({"params.temperature": {"$gt": 0.1, "$lt": 0.2}})
    assert holds({"metadata.age": {"$gte": 18, "$ne": "43", "$in": ["42"]}})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (UNDEFINED, "undefined"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (12345678901234567890, "12345678901234567000"),
        (10**400, "Infinity"),
        (-math.inf, "-Infinity"),
        ([], ""),
        ([1, [2, None], "c"], "1,2,,c"),
        ({}, "[object Object]"),
        ([{}], "[object Object]"),
    ],
)
def test_a_pattern_sees_a_value_as_javascript_tells_it(value, text):
    assert js_text(value) == text


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        ("mini", True),
        ("^gpt", True),
        ("^mini", False),
        ("MINI", False),
        ("(?<=4o-)mini$", True),
        ("^(?!gpt)", False),
        (r"(\w)\1", False),
        ("[", False),
        ("(", False),
        ("*", False),
        ("", True),
        (r"\d", True),
    ],
)
def test_a_pattern_is_searched_for_and_one_that_is_none_finds_nothing(pattern, held):
    assert holds({"params.model": {"$regex": pattern}}) is held


def test_a_pattern_may_be_a_number_or_nothing():
    assert holds({"metadata.age": {"$regex": 4}})
    assert not holds({"metadata.age": {"$regex": None}})
    assert holds({"params.user": {"$regex": None}})


def test_a_pattern_has_the_last_word_about_its_path():
    assert holds({"params.model": {"$regex": "gpt", "$eq": "something else", "$like": 1}})
    assert not holds({"params.model": {"$eq": "something else", "$regex": "gpt"}})
    assert not holds({"params.model": {"$regex": "gpt"}, "params.n": 2})  # but not about the query


def test_an_operator_there_is_none_of_is_named_when_it_is_reached():
    with pytest.raises(UnknownOperator) as raised:
        holds({"metadata.plan": {"$like": "p%"}})
    assert str(raised.value) == "Unsupported operator used in the query router: $like"
    assert not holds({"metadata.plan": {"$eq": "free", "$like": "p%"}})
    assert not holds({"metadata.plan": "free", "params.model": {"$like": "p%"}})
    assert holds({"$or": [{}, {"metadata.plan": {"$like": "p%"}}]})
    assert not holds({"$and": [{"metadata.plan": "free"}, {"metadata.plan": {"$like": "p%"}}]})
    with pytest.raises(UnknownOperator):
        holds({"metadata.nobody": {"$and": []}})


def test_a_list_beside_a_path_has_its_indexes_for_operators():
    with pytest.raises(UnknownOperator, match=r": 0$"):
        holds({"params.stop": ["a", "b"]})


@pytest.mark.parametrize(
    ("told", "held"),
    [
        ({"$and": []}, True),
        ({"$or": []}, False),
        ({"$and": [{}, {"metadata.plan": "paid"}]}, True),
        ({"$and": [{}, {"metadata.plan": "free"}]}, False),
        ({"$or": [{"metadata.plan": "free"}, {"params.n": 1}]}, True),
        ({"$or": [{"metadata.plan": "free"}, {"params.n": 2}]}, False),
        ({"$and": [{"$or": [{"params.n": 2}, {"params.n": 1}]}, {"$and": [{}]}]}, True),
        ({"$and": [{}], "metadata.plan": "free"}, True),
        ({"$or": [{}], "metadata.plan": {"$like": 1}}, True),
        ({"$and": [{}], "$or": []}, True),
        ({"$or": [], "$and": [{}]}, False),
        ({"metadata.plan": "free", "$or": [{}]}, False),
        ({"metadata.plan": "paid", "$or": [{}], "params.n": 2}, True),
    ],
)
def test_a_group_answers_at_once_and_what_follows_it_is_ignored(told, held):
    assert holds(told) is held


def test_groups_may_be_nested_as_deep_as_a_config_may_be():
    told: dict[str, Any] = {"metadata.plan": "paid"}
    for _ in range(60):
        told = {"$and": [{"$or": [told]}]}
    assert holds(told)


def test_values_nested_beyond_reason_have_no_text():
    deep: Any = "x"
    for _ in range(sys.getrecursionlimit() * 2):
        deep = [deep]
    assert not holds({"params.x": {"$regex": "x"}}, Facts({}, {"x": deep}, ""))
    assert not holds({"params.x": {"$gt": 0}}, Facts({}, {"x": deep}, ""))


def test_lone_surrogates_are_texts_like_others():
    facts = Facts({"x": "a\ud800b"}, {}, "")
    assert holds({"metadata.x": "a\ud800b"}, facts)
    assert holds({"metadata.x": {"$regex": "^a.b$"}}, facts)
    assert holds({"metadata.x": {"$regex": "a\ud800"}}, facts)
    assert holds({"metadata.x": {"$regex": "(?=a)"}}, facts)


BLOWING_UP = ["(x+x+)+y", "(?:x?){40}x{40}y", "(x|x)*y", "(?=x)(x+x+)+y", r"(x+x+)+\1y", "^(?=(x|x)*y)"]


@pytest.mark.parametrize("pattern", BLOWING_UP)
def test_a_pattern_that_would_take_years_is_given_up(pattern):
    """`re` takes minutes over these; a test that hangs is its own message."""
    assert not Pattern(pattern).finds("x" * 5_000)


@pytest.mark.parametrize("pattern", ["[ab]*a[ab]{200}c", "(?:[ab]?a?b?){300}c"])
def test_the_quick_engine_is_not_asked_more_than_it_can_do_in_a_turn(pattern, monkeypatch):
    """RE2 cannot be stopped: a long text and a large pattern cost it seconds."""
    asked: list[int] = []

    class Quick:
        programsize = Pattern(pattern).size

        def search(self, text: str) -> None:
            asked.append(len(text))

    monkeypatch.setattr(engines, "quick", lambda text: Quick())
    tried = Pattern(pattern)
    most = patterns.MOST_STEPS // Quick.programsize
    assert not tried.finds("a" * most)
    assert asked == [most]
    assert not tried.finds("a" * (most + 1))
    assert not tried.finds("a" * 500_000)
    assert asked == [most]


def test_a_long_text_is_searched_all_the_same():
    assert Pattern(r"\bneedle (in|of) hay$").finds("hay " * 120_000 + "needle in hay")
    assert not Pattern(r"\bneedle (in|of) hay$").finds("hay " * 120_000)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=(((((a{1000}){1000}){1000}){1000}){1000}))",  # `regex` would write that out, all of it
        "((a{100}){100}){100}",
        "(?x)(?=((((a{ 1000 }){ 1000 }){ 1000 }){ 1000 }))",
        "(?V1x)(?=((((a{1 000}){1 000}){1 000}){1 000}))",
        "(?=x)" + "(?:" * 50 + "ab" + "){3,4}" * 50,
        "x" * (engines.LONGEST + 1),
        "(" * 400 + ")" * 399,
        "(?=" * 150,
        "(?=(?:" + r"[ab]\d" * 150 + "){1000})",  # written out to 60 MB
        "\\",
        "(?=a{99999999999999999999})",
    ],
)
def test_a_pattern_that_costs_too_much_to_read_is_none(pattern):
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read = Pattern(pattern)
    assert not read.is_valid
    assert not read.finds("a" * 1_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_counts_that_are_usual_are_read_by_the_engine_that_looks_ahead():
    assert Pattern(r"^(?=.{8,64}$)\d{4}-\d{2}-\d{2}").finds("2026-11-29")


def test_the_slow_engine_is_always_given_a_time(monkeypatch):
    given_times = []

    class Spy:
        def search(self, text: str, timeout: float) -> None:
            given_times.append(timeout)
            raise TimeoutError

    monkeypatch.setattr(engines, "kept", engines.Kept(engines.KEPT_BYTES))
    monkeypatch.setattr(regex, "compile", lambda *_, **__: Spy())
    assert not Pattern("(?=a)").finds("a")
    assert given_times == [patterns.SLOWEST]


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["\ud800", "1", "undefined", "(?=a)", "[", "a*", "(a+)+$"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(["metadata.a", "params.a", "url.pathname", "a", "", "params.b.c"]) | st.text(
    max_size=6
)
ASKED = st.dictionaries(
    st.sampled_from([*OPERATORS, "$and", "$like", "0"]) | st.text(max_size=3), VALUES, max_size=4
)
QUERIES = st.recursive(
    st.dictionaries(PATHS, VALUES | ASKED, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or", "params.a"]), st.lists(inner, max_size=3) | VALUES, max_size=3
    ),
    max_leaves=5,
)
NAMED = st.dictionaries(st.sampled_from(["a", "b", ""]), VALUES)


@given(QUERIES, NAMED, NAMED, st.text(max_size=10))
@settings(max_examples=300, deadline=None)
def test_every_query_holds_or_does_not_or_names_an_operator(told, metadata, params, pathname):
    facts = Facts(metadata, params, pathname)
    try:
        held: object = query(told).holds(facts)
    except UnknownOperator:
        held = None
    assert held in (True, False, None)


@given(VALUES, VALUES)
@settings(max_examples=200, deadline=None)
def test_contraries_are_contrary(value, other):
    facts = Facts({}, {"x": value}, "")
    assert holds({"params.x": {"$eq": other}}, facts) is not holds({"params.x": {"$ne": other}}, facts)
    among = [other, value, None]
    assert holds({"params.x": {"$in": among}}, facts) is not holds({"params.x": {"$nin": among}}, facts)


@given(SCALARS, SCALARS)
@settings(max_examples=200, deadline=None)
def test_comparisons_agree_with_each_other(value, other):
    facts = Facts({}, {"x": value}, "")
    more, less, at_least, at_most = (
        holds({"params.x": {operator: other}}, facts) for operator in ("$gt", "$lt", "$gte", "$lte")
    )
    assert not (more and less)
    assert at_least >= more
    assert at_most >= less
    assert (at_least or at_most) is not (math.isnan(js_number(value)) or math.isnan(js_number(other)))


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_pattern_or_none(pattern, text):
    assert Pattern(pattern).finds(text) in (True, False)


@given(st.text("()[]{}*+?|\\^$.ab1,=<!:P-", max_size=30))
@settings(max_examples=300, deadline=None)
def test_what_looks_like_a_pattern_is_one_or_none(pattern):
    assert Pattern(pattern).finds("ab1" * 20) in (True, False)


def test_a_query_is_read_from_what_json_says():
    told = json.loads('{"params.x": {"$gt": 1e400}, "params.y": 123456789012345678901234567890}')
    assert not holds(told, Facts({}, {"x": 5, "y": 123456789012345678901234567890}, ""))
    assert holds({"params.y": told["params.y"]}, Facts({}, {"y": 123456789012345678901234567890}, ""))


# What one call may cost.


@pytest.fixture
def clock(monkeypatch):
    """A clock of which each look takes a millisecond. `turns`: when the others had theirs."""

    class Clock:
        now, turns = 0.0, list[float]()

        def monotonic(self) -> float:
            self.now += 0.001
            return self.now

    told = Clock()
    monkeypatch.setattr(conditions, "time", told)
    monkeypatch.setattr(conditions, "turn", lambda: told.turns.append(told.now))
    return told


MANY = 5_000
FALSE = {"params.y": {"$eq": "no"}}


@pytest.mark.parametrize(
    "told",
    [
        {
            "$or": [{"params.x": {"$ne": 1, "$gt": 0, "$gte": 0, "$lt": 9, "$lte": 9, "$nin": [1]}} | FALSE]
            * MANY
        },
        {f"params.{index}": {} for index in range(MANY)} | FALSE,
        {"$or": [FALSE] * MANY},
        {"$or": [{"params.x": {"$in": [1]}}] * MANY},
        {"$and": [{}] * MANY},
        {"$and": [{"$or": [{"$and": [{}]}]}] * MANY},
    ],
)
def test_others_have_their_turn_and_what_takes_too_long_is_given_up(told, clock, monkeypatch):
    compared: list[float] = [0]

    def noted(holds):
        return lambda value, other: compared.append(clock.now) or holds(value, other)

    monkeypatch.setattr(conditions, "OPERATORS", {name: noted(holds) for name, holds in OPERATORS.items()})
    with pytest.raises(TooLong):
        query(told).holds(Facts({}, {"x": "5"}, "", most=2.0))
    assert clock.now >= 2
    assert max(compared) < 2.5  # the others' turns do not count
    pauses = [later - sooner for sooner, later in zip([0, *clock.turns], clock.turns, strict=False)]
    assert max(pauses) < 0.01


def test_what_passes_between_two_looks_does_not_count(clock):
    facts = Facts({}, {"x": "5"}, "", most=2.0)
    for _ in range(10):
        clock.now += 60  # a provider is asked
        facts.begin()
        assert holds({"params.x": "5"}, facts)


@pytest.mark.parametrize("value", [["x"] * 1_001, [["x"] * 400] * 3, ["x" * 600_000, "y" * 600_000]])
def test_a_list_that_is_long_beyond_measure_has_no_text(value):
    facts = Facts({}, {"x": value}, "")
    assert js_text(value) == ""
    assert not holds({"params.x": {"$regex": "x"}}, facts)
    assert not holds({"params.x": {"$gte": 0}}, facts)


def test_a_list_of_a_thousand_elements_has_one():
    assert js_text([1] * 1_000) == ",".join("1" * 1_000)


def test_a_number_is_read_from_how_a_text_begins():
    assert js_number("12" + " " * 5_000_000) == 12
    assert js_number("1" * 5_000) == math.inf
    assert math.isnan(js_number(" " * 5_000 + "1"))


def test_a_value_is_looked_for_in_a_long_list_and_not_compared_with_each_of_it(monkeypatch):
    told = query({"params.x": {"$in": [*range(50_000), *map(str, range(50_000))]}})
    asked: list[Any] = []
    real = conditions.identity
    monkeypatch.setattr(conditions, "identity", lambda value: asked.append(value) or real(value))
    for value, held in ((7.0, True), ("49999", True), ("50000", False), (True, False), ("x" * 90_000, False)):
        assert told.holds(Facts({}, {"x": value}, "")) is held
    assert len(asked) == 4  # and a text that is longer than all of them is not even read


# The engines of patterns.


def test_engines_are_kept_by_what_they_come_to(monkeypatch):
    kept = engines.Kept(2 << 20)
    monkeypatch.setattr(engines, "kept", kept)
    for index in range(100):
        Pattern(f"a{index}")
    few = len(kept.engines)
    assert 20 < few < 100
    assert kept.bytes == sum(size for _, size in kept.engines.values()) <= kept.most
    for index in range(5):
        Pattern(rf"\p{{L}}{{20}}{index}")  # which needs more room
    assert len(kept.engines) < few
    assert kept.bytes <= kept.most


def test_a_pattern_finds_the_same_when_its_engine_is_gone(monkeypatch):
    monkeypatch.setattr(engines, "kept", engines.Kept(0))
    for text in ("^b+$", "(?=b)b+"):
        read = Pattern(text)
        assert read.finds("bb")
        assert not read.finds("a")
    assert not engines.kept.engines


def test_no_cache_of_a_library_keeps_what_ours_gave_up(monkeypatch):
    monkeypatch.setattr(engines, "kept", engines.Kept(0))
    for text in ("unheard of", "(?=unheard of)"):
        first, second = (engines.quick(text) or engines.slow(text) for _ in range(2))
        assert first is not second


def test_patterns_of_any_kind_stay_within_their_memory():
    """What remembers most of a text: each letter seen leads elsewhere."""
    script = """
import random, resource
from configs.patterns import Pattern
text = "".join(random.Random(1).choice("ab") for _ in range(20_000))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for index in range(1_500):
    Pattern(f"[ab]*a[ab]{{14}}c{index}").finds(text)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert int(told.stdout) < 64 * 1024  # KiB


def test_the_quick_engine_is_not_given_what_it_reads_at_length(monkeypatch):
    given: list[str] = []
    monkeypatch.setattr(engines, "kept", engines.Kept(engines.KEPT_BYTES))
    monkeypatch.setattr(engines.re2, "_Regexp", lambda text, _: given.append(text))
    for text in (r"\p{L}" * 31, r"[\p{L}\P{N}]" * 16):
        assert Pattern(text).is_slow
    assert given == []
