"""Large configs in the admin: what is shown of them is bounded, and so is the work for it."""

import html
import json
from typing import Any

import pytest
from django.test import Client

from configs import differences, drawing, dry_run, wording
from configs.compiling import compiled
from configs.conditions import Facts
from configs.creation import create_config
from configs.drawing import Box, Marks, drawn
from configs.dry_call import Call
from configs.written import Array, Object, written
from keys.models import Workspace
from tests.test_configs_admin import admin, page, shown, tried  # noqa: F401 - fixtures

ONE = {"provider": "@openai"}


def boxes(box: Box) -> list[Box]:
    return [box, *(each for below in box.below for each in boxes(below))]


def wide(parents: int, children: int, **more: Any) -> dict[str, Any]:
    inner = {"strategy": {"mode": "fallback"}, "targets": [ONE] * children}
    return {"strategy": {"mode": "loadbalance"}, "targets": [inner] * parents, **more}


# JSON, written as far as it is shown.


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -1.5,
        'ä"\\\n\ud800',
        [],
        {},
        [[], {}, [1, "a", None]],
        {"a": {"b": [{}]}, "": [False]},
        10**30,
    ],
)
def test_what_is_short_is_written_as_json_is(value: Any) -> None:
    assert written(value, 1_000) == json.dumps(value, ensure_ascii=False)


def test_what_is_made_as_it_is_written_is_written_the_same() -> None:
    told = Object([("a", Array([1, Object([])])), ("b", Array([]))])
    assert written(told, 100) == '{"a": [1, {}], "b": []}'


@pytest.mark.parametrize("most", [0, 1, 5, 17])
def test_of_what_is_long_the_beginning_is_written(most: int) -> None:
    value = {"abc": [1, {"d": "efghijklmnop"}], "q": "r" * 100}
    whole = json.dumps(value)
    told = written(value, most)
    assert len(told) > most
    assert told[: most + 1] == whole[: most + 1]


def test_no_more_is_made_than_is_written() -> None:
    endless = iter(int, 1)
    assert written(Array(endless), 50).startswith("[0, 0, 0")


def test_words_of_a_value_end_where_it_is_cut() -> None:
    assert wording.value({"y": [1] * 45_000}) == '{"y": [' + ("1, " * 65)[:193] + "…"
    assert wording.parameters({f"p{n}": n for n in range(50_000)}).endswith("…")
    assert wording.statuses(frozenset(range(100, 100_000))).endswith("…")


# The drawing.


def test_of_a_large_tree_no_branch_takes_the_room_of_the_others() -> None:
    box = drawn(compiled(json.dumps(wide(40, 20))))
    told = boxes(box)
    assert (len(told), box.whole, box.shown) == (drawing.MOST_IN_ALL, 841, drawing.MOST_IN_ALL)
    assert len(box.below) == 40
    assert sum(each.left_out for each in told) == 841 - drawing.MOST_IN_ALL
    assert [len(each.below) for each in box.below[11:15]] == [20, 19, 0, 0]


def test_a_tree_that_is_drawn_as_a_whole_says_nothing_of_it() -> None:
    box = drawn(compiled(json.dumps(wide(10, 20))))
    assert (len(boxes(box)), box.whole) == (211, 0)


def test_settings_are_put_into_words_once_for_all_that_inherit_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(told: Any) -> list[tuple[str, str]]:
        asked.append(id(told))
        return [("sets", "x")]

    monkeypatch.setattr(wording, "settings", counting)
    box = drawn(compiled(json.dumps(wide(10, 10, override_params={"a": 1}))))
    assert {len(each.settings) for each in boxes(box) if each.kind == "target"} == {1}
    assert len(asked) == 1


def test_the_page_says_how_much_is_not_drawn(
    admin: Client,  # noqa: F811
    workspace: Workspace,
) -> None:
    told = wide(40, 20, override_params={"x": {"y": [1] * 5_000}})
    config = create_config(workspace, "Large", json.dumps(told))
    for text in (shown(admin.get(page(config))), shown(tried(admin, config))):
        assert "of its 841 targets and strategies 300 are here" in text
        assert text.count("and 20, which are not drawn") == 27
        assert "and 1 more, which is not drawn" in text


def test_conditions_are_told_as_far_as_they_are_shown() -> None:
    queries = [{"query": {"$or": [{"params.x": "y" * 100}] * 50}, "then": "t"}] * 100
    strategy = {"mode": "conditional", "conditions": queries, "default": "t"}
    box = drawn(compiled(json.dumps({"strategy": strategy, "targets": [{**ONE, "name": "t"}]})))
    way = box.below[0].way
    assert way.startswith('if (params.x is "yyy')
    assert way.endswith("…, or otherwise")
    assert len(way) < 1_100


# Dry runs.


def test_a_dry_run_tells_a_part_of_very_many(admin: Client, workspace: Workspace) -> None:  # noqa: F811
    balance = {"strategy": {"mode": "loadbalance"}, "targets": [ONE] * 200}
    told = {"strategy": {"mode": "fallback"}, "targets": [balance, *[ONE] * 100]}
    config = create_config(workspace, "Many", json.dumps(told))
    answer = tried(admin, config)
    run = answer.context["run"]
    assert sum(run.shares.values()) == pytest.approx(1)
    assert (len(run.firsts), len(run.firsts[0].next), run.firsts[0].unshown) == (200, 10, 90)
    text = html.unescape(shown(answer))
    assert text.count("After it:") == dry_run.SHOWN
    assert "And 150 more targets may be the first." in text
    assert "and 90 more." in text


def test_of_very_many_conditions_the_first_and_the_one_that_decided_are_told() -> None:
    conditions = [{"query": {"metadata.n": f"{number}"}, "then": "t"} for number in range(300)]
    strategy = {"mode": "conditional", "conditions": conditions}
    tree = compiled(json.dumps({"strategy": strategy, "targets": [{**ONE, "name": "t"}]}))
    (step,) = dry_run.run(tree, Call(Facts({"n": "250"}, {}, "/v1"))).steps
    assert [check.holds for check in step.checks] == [False] * dry_run.SHOWN + [True]
    assert step.checks[-1].number == 251
    assert step.checks[-1].words == 'metadata.n is "250"'
    assert step.unshown == 300 - dry_run.SHOWN - 1


def test_a_dry_run_marks_what_is_drawn_of_a_large_tree() -> None:
    tree = compiled(json.dumps(wide(40, 20)))
    run = dry_run.run(tree, Call(Facts({}, {}, "/v1")))
    box = drawn(tree, Marks(run.shares))
    assert [each.chance for each in box.below] == ["2.5 %"] * 40


# Versions.


def test_a_page_of_two_long_versions_is_not_much_longer_than_one_text(
    admin: Client,  # noqa: F811
    workspace: Workspace,
) -> None:
    from configs.creation import change_config

    config = create_config(workspace, "Long", json.dumps({**ONE, "override_params": {"x": [1] * 10_000}}))
    change_config(config, text=json.dumps({**ONE, "override_params": {"x": [2] * 10_000}}))
    text = shown(admin.get(page(config, "versions")))
    assert text.count("gh-came") == text.count("gh-went") == differences.SHOWN
    assert text.count("more, which are not shown") == 2
    assert len(text) < len(config.text) + 150_000
