"""Field maps: where parameters go, and what is said of those that go nowhere."""

import copy

from providers.fields import DROPPED, Field, put, read_elsewhere, render
from providers.types import Ask


def rendered(fields, body):
    return render(fields, Ask("chat", body, b"", "m"))


def test_a_field_goes_to_its_place_under_its_own_name_or_another():
    fields = (Field("a"), Field("b", to="c"), Field("d", to="e.f.g"), Field("h", to="e.i"))
    assert rendered(fields, {"a": 1, "b": 2, "d": 3, "h": 4}) == (
        {"a": 1, "c": 2, "e": {"f": {"g": 3}, "i": 4}},
        (),
    )


def test_a_field_without_a_row_is_named():
    assert rendered((Field("a"),), {"a": 1, "seed": 2, "x": None}) == ({"a": 1}, ("seed",))


def test_a_value_that_cannot_be_taken_is_named_once():
    fields = (Field("a", via=lambda v, ask: DROPPED), Field("a", to="b", via=lambda v, ask: DROPPED))
    assert rendered(fields, {"a": 1}) == ({}, ("a",))


def test_null_counts_as_not_sent_and_a_value_may_put_nothing():
    fields = (Field("a"), Field("b", via=lambda v, ask: None), Field("c", via=read_elsewhere))
    assert rendered(fields, {"a": None, "b": 1, "c": 2}) == ({}, ())


def test_false_zero_and_empty_text_are_values():
    assert rendered((Field("a"), Field("b"), Field("c")), {"a": False, "b": 0, "c": ""})[0] == {
        "a": False,
        "b": 0,
        "c": "",
    }


def test_a_later_row_wins_the_place():
    fields = (Field("max_tokens"), Field("max_completion_tokens", to="max_tokens"))
    assert rendered(fields, {"max_tokens": 1, "max_completion_tokens": 2})[0] == {"max_tokens": 2}


def test_a_mandatory_field_is_asked_for_its_value():
    fields = (Field("max_tokens", via=lambda v, ask: v or 4096, always=True),)
    assert rendered(fields, {}) == ({"max_tokens": 4096}, ())


def test_a_value_may_feed_several_places():
    fields = (Field("a", to="*", via=lambda v, ask: {"x": v, "y": v}), Field("b", to="c.*"))
    assert rendered(fields, {"a": 1, "b": {"z": 2}})[0] == {"x": 1, "y": 1, "c": {"z": 2}}


def test_what_the_client_sent_is_never_changed():
    body = {"config": {"a": {"b": 1}}, "effort": "low"}
    before = copy.deepcopy(body)
    rendered_body, _ = rendered((Field("config"), Field("effort", to="config.a.effort")), body)
    assert rendered_body == {"config": {"a": {"b": 1, "effort": "low"}}}
    assert body == before


def test_putting_replaces_what_is_no_object():
    body = {"a": None}
    put(body, "a.b", 1)
    assert body == {"a": {"b": 1}}
