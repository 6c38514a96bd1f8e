"""How often and after what wait a target is asked again: statuses in, seconds out. Nothing is waited for."""

import time
from typing import Any

import pytest

from configs.tree import Retry
from proxy import retrying
from proxy.outcome import Outcome
from proxy.retrying import Patience

CODES = frozenset((429, 500, 503))


def waits(rule: Retry, *came: Outcome, until: float = 3600) -> tuple[list[float], int]:
    """The waits between tries that came to these outcomes, and the count the client is told."""
    patience, waited = Patience(rule, time.monotonic() + until), []
    for outcome in came:
        seconds = patience.wait(outcome)
        if seconds is None:
            break
        waited.append(seconds)
    return waited, patience.count


def failed(status: int = 500, **headers: str) -> Outcome:
    return Outcome(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_waits_double_from_a_second_on():
    assert waits(Retry(5, CODES), *[failed()] * 6) == ([1, 2, 4, 8, 16], -1)


def test_an_answer_ends_them_and_is_counted():
    assert waits(Retry(5, CODES), failed(), failed(), Outcome(200)) == ([1, 2], 2)


def test_a_status_that_is_not_listed_counts_as_an_answer():
    assert waits(Retry(5, CODES), failed(), failed(400)) == ([1], 1)


def test_what_was_not_answered_at_all_is_asked_again_whatever_is_listed():
    assert waits(Retry(1, frozenset()), Outcome(500, is_retryable=True), failed()) == ([1], 1)


def test_a_gateway_exception_is_not_asked_again():
    assert waits(Retry(3, CODES), Outcome(500, unasked=True)) == ([], 0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after_ms": "250"}, 0.25),
        ({"x_ms_retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"Retry_After": "0"}, 0),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1),
        ({"retry_after": "-3"}, 1),
        ({"retry_after": "1.5"}, 1),
        ({}, 1),
    ],
)
def test_a_provider_is_taken_at_its_word_where_the_config_says_so(headers, seconds):
    rule = Retry(3, CODES, heeds_retry_after=True)
    assert waits(rule, failed(429, **headers))[0] == [seconds]
    assert waits(Retry(3, CODES), failed(429, **headers))[0] == [1]


def test_other_statuses_have_no_word_in_it():
    assert waits(Retry(3, CODES, heeds_retry_after=True), failed(503, retry_after="9"))[0] == [1]


def test_after_a_wait_as_told_the_others_are_none():
    rule = Retry(3, CODES, heeds_retry_after=True)
    assert waits(rule, failed(429, retry_after="5"), failed(), failed()) == ([5, 0, 0], 3)


def test_a_wait_of_nothing_is_one_as_told_too():
    rule = Retry(3, CODES, heeds_retry_after=True)
    assert waits(rule, failed(429, retry_after="0"), failed(), failed()) == ([0, 0, 0], 3)


@pytest.mark.parametrize(("first", "second"), [("61", "1"), ("40", "21")])
def test_a_minute_of_waiting_as_told_is_enough(first, second):
    rule = Retry(5, CODES, heeds_retry_after=True)
    waited, count = waits(rule, failed(429, retry_after=first), failed(429, retry_after=second))
    assert (sum(waited) <= 60, count) == (True, -1)


def test_no_wait_goes_beyond_the_end_of_the_whole_call():
    assert waits(Retry(5, CODES), *[failed()] * 6, until=5) == ([1, 2, 4], -1)
    assert waits(Retry(5, CODES), failed(), until=0.5) == ([], -1)


def test_sleeping_is_one_place(monkeypatch: pytest.MonkeyPatch):
    """So that tests of whole calls can stand in for it."""
    slept: list[Any] = []
    monkeypatch.setattr(retrying, "sleep", slept.append)
    retrying.sleep(3)
    assert slept == [3]
