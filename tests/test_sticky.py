"""Who comes again goes where it went: by what it is known, whom it is given, and what Redis keeps of that."""

import math
import time
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.sticky import chosen, identifier, remembered
from configs.tree import Sticky
from shared_state import link
from shared_state.link import Link
from tests.redis_server import Given, Own

Server = Own | Given

CALLERS = [f"caller {number}" for number in range(10_000)]

WEIGHTS = st.lists(st.floats(0.01, 100), min_size=2, max_size=6).map(lambda found: list(enumerate(found)))
places = st.text(min_size=1, max_size=20)


def known(
    *fields: str, key: str = "key", metadata: object = None, params: object = None, headers: object = None
) -> str:
    """The identifier of a call, for fields in the words of a config."""
    named = tuple((field.split(".", 1)[0], field.split(".", 1)[1]) for field in fields)
    return identifier(Sticky(named), key, metadata or {}, params or {}, headers or {})  # type: ignore[arg-type]


def test_without_fields_a_caller_is_known_by_its_key():
    assert known() == known(metadata={"user": "anybody"})
    assert known() != known(key="another")


@pytest.mark.parametrize("source", ["metadata", "params", "headers"])
def test_a_field_tells_callers_of_one_key_apart(source: str):
    def of(value: object) -> str:
        return known(f"{source}.user", **{source: {"user": value}})  # type: ignore[arg-type]

    assert of("a") == of("a") != of("b")
    assert of("a") != known(f"{source}.user", key="another", **{source: {"user": "a"}})  # type: ignore[arg-type]


@pytest.mark.parametrize("nothing", [{}, {"user": None}, {"user": ""}, {"user": ["a"]}, {"user": {"a": 1}}])
def test_a_field_without_a_value_says_nothing(nothing: dict[str, object]):
    assert known("metadata.user", metadata=nothing) == known()


def test_the_same_value_of_another_field_is_another_caller():
    fields = ("metadata.a", "metadata.b")
    assert known(*fields, metadata={"a": "x"}) != known(*fields, metadata={"b": "x"})
    assert known("metadata.a", metadata={"a": "x"}) != known("params.a", params={"a": "x"})


def test_the_name_of_a_header_is_found_in_any_case():
    assert known("headers.X-User", headers={"x-user": "a"}) != known()


def test_numbers_and_truths_are_values():
    seen = [known("params.n", params={"n": value}) for value in (0, 1, 1.5, True, False, 10**30)]
    assert len({*seen, known()}) == 7
    assert known("params.n", params={"n": 1.0}) == known("params.n", params={"n": 1})


def test_any_text_has_an_identifier_and_shows_none_of_it():
    secret = "Bearer a-secret \ud800 \0 |"
    assert len(known("headers.authorization", headers={"authorization": secret})) == 64


@settings(max_examples=15)
@given(places, WEIGHTS)
def test_shares_are_as_the_weights_say(place: str, weights: list[tuple[int, float]]):
    counts = Counter(chosen(place, caller, weights) for caller in CALLERS)
    total = sum(weight for _, weight in weights)
    for index, weight in weights:
        share = weight / total
        deviation = math.sqrt(len(CALLERS) * share * (1 - share))
        assert abs(counts[index] - len(CALLERS) * share) <= 6 * deviation + 1


@given(places, WEIGHTS, st.data())
def test_without_a_target_only_its_own_callers_move(
    place: str, weights: list[tuple[int, float]], data: st.DataObject
):
    gone, _ = data.draw(st.sampled_from(weights))
    left = [pair for pair in weights if pair[0] != gone]
    none = [(index, 0.0 if index == gone else weight) for index, weight in weights]
    for caller in CALLERS[:200]:
        before, after = chosen(place, caller, weights), chosen(place, caller, left)
        assert after == chosen(place, caller, none) != gone
        assert after == before or before == gone


@given(places, WEIGHTS, st.data())
def test_a_target_that_weighs_more_takes_from_others_and_loses_none(
    place: str, weights: list[tuple[int, float]], data: st.DataObject
):
    heavier, _ = data.draw(st.sampled_from(weights))
    changed = [(index, weight * 3 if index == heavier else weight) for index, weight in weights]
    for caller in CALLERS[:200]:
        before, after = chosen(place, caller, weights), chosen(place, caller, changed)
        assert after in (before, heavier)


def test_the_order_of_targets_does_not_matter():
    weights = [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert all(chosen("p", each, weights) == chosen("p", each, weights[::-1]) for each in CALLERS[:500])


def test_a_caller_may_have_another_target_at_another_place():
    even = [(0, 1.0), (1, 1.0)]
    same = sum(chosen("here", each, even) == chosen("there", each, even) for each in CALLERS)
    assert 4_500 < same < 5_500


def test_a_choice_is_the_same_in_every_process_and_version():
    weights = [(0, 0.2), (1, 0.3), (2, 0.5)]
    assert [chosen("config 1", f"caller {number}", weights) for number in range(8)] == [
        0,
        2,
        1,
        1,
        1,
        2,
        1,
        1,
    ]


@pytest.mark.parametrize("weights", [[], [(0, 0.0), (1, 0.0)]])
def test_where_nobody_can_be_chosen_that_is_said(weights: list[tuple[int, float]]):
    with pytest.raises(ValueError):
        chosen("p", "c", weights)
    with pytest.raises(ValueError):
        remembered("p", "c", weights, 60)


# What Redis keeps.


@pytest.fixture
def place() -> str:
    return f"{uuid4().hex} config"


FIRST, SECOND = [(0, 1.0), (1, 0.0)], [(0, 0.001), (1, 1_000.0)]


def test_a_choice_outlives_a_change_of_weights(redis: Server, place: str):
    assert remembered(place, "c", FIRST, 60) == 0
    assert chosen(place, "c", SECOND) == 1
    assert remembered(place, "c", SECOND, 60) == 0
    assert remembered(place, "another", SECOND, 60) == 1


def test_a_choice_is_kept_for_its_time(redis: Server, place: str):
    remembered(place, "c", FIRST, 1)
    time.sleep(1.1)
    assert remembered(place, "c", SECOND, 60) == 1
    with link.use() as client:
        assert 50 < client.ttl(link.key("sticky", place, "c")) <= 60  # type: ignore[operator]


@pytest.mark.parametrize(("slug", "days"), [("inline", 1), ("pc-main", 30)])
def test_a_choice_is_kept_a_day_for_an_inline_config_and_thirty_for_a_saved_one(
    redis: Server, place: str, slug: str, days: int
):
    place = f"workspace:{slug}:{place}"
    remembered(place, "c", FIRST, 31_536_000)
    with link.use() as client:
        left = client.ttl(link.key("sticky", place, "c"))
        client.delete(link.key("sticky", place, "c"))
    assert 86_400 * days - 60 < left <= 86_400 * days  # type: ignore[operator]


@pytest.mark.parametrize("now", [[(1, 1.0)], [(0, 0.0), (1, 1.0)]], ids=["gone", "weighs nothing"])
def test_a_target_that_may_not_be_chosen_any_more_is_replaced(
    redis: Server, place: str, now: list[tuple[int, float]]
):
    remembered(place, "c", FIRST, 60)
    assert remembered(place, "c", now, 60) == 1
    assert remembered(place, "c", [(0, 1_000.0), (1, 0.001)], 60) == 1


@pytest.mark.parametrize("kept", [b"7", b"-1", b"", b"nonsense", b"\xff", b"00"])
def test_what_is_no_target_is_replaced(redis: Server, place: str, kept: bytes):
    with link.use() as client:
        client.set(link.key("sticky", place, "c"), kept, ex=60)
    assert remembered(place, "c", FIRST, 60) == 0
    assert remembered(place, "c", SECOND, 60) == 0


def test_another_worker_finds_the_choice(redis: Server, place: str, monkeypatch: pytest.MonkeyPatch):
    remembered(place, "c", FIRST, 60)
    monkeypatch.setattr(link, "use", Link(redis.url).use)
    assert remembered(place, "c", SECOND, 60) == 0


@pytest.fixture(params=["none", "away"])
def without_redis(
    request: pytest.FixtureRequest, redis: Server, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    def end() -> None:
        if request.param == "away":
            redis.stop()
        else:
            monkeypatch.setattr(link, "use", Link("").use)

    return end


def test_without_redis_a_choice_goes_by_the_weights(without_redis: Callable[[], None], place: str):
    assert remembered(place, "c", FIRST, 60) == 0
    without_redis()
    assert remembered(place, "c", SECOND, 60) == 1
    weights = [(0, 1.0), (1, 1.0)]
    for caller in CALLERS[:100]:
        assert remembered(place, caller, weights, 60) == chosen(place, caller, weights)
