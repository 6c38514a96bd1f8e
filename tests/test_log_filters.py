"""From a query string to filters, and back; what cannot be read is said of its field."""

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from logs.asking.filters import Filters, Unreadable, read

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def asked(text: str) -> Filters:
    return read(QueryDict(text), NOW)


def test_what_is_not_asked_is_the_past_day():
    assert asked("") == Filters(since=NOW - timedelta(days=1), span="1d")


@pytest.mark.parametrize("span, back", [("1h", 3600), ("1d", 86400), ("7d", 604800), ("30d", 2592000)])
def test_a_span_with_a_name_counts_back_from_now(span, back):
    assert asked(f"span={span}").since == NOW - timedelta(seconds=back)


def test_all_time_has_no_bounds():
    assert asked("span=all") == Filters(span="all")


def test_a_span_of_ones_own_comes_before_one_with_a_name():
    filters = asked("span=7d&since=2026-03-01T10:00&until=2026-03-02")
    assert filters == Filters(
        since=datetime(2026, 3, 1, 10, tzinfo=UTC), until=datetime(2026, 3, 2, tzinfo=UTC)
    )


def test_times_are_in_utc_unless_they_say_otherwise():
    assert asked("since=2026-03-01T10:00:00%2B02:00").since == datetime(2026, 3, 1, 8, tzinfo=UTC)


def test_a_time_before_there_were_ids_is_the_first_there_is():
    assert asked("since=0001-01-01").since == datetime(1970, 1, 1, tzinfo=UTC)


def test_texts_are_taken_as_they_are_but_for_what_stands_around_them():
    filters = asked("model=+gpt-5%0A&workspace=a%00b&q=%20trace%20&metadata=+team+%3D+a=b+")
    assert (filters.model, filters.workspace, filters.search) == ("gpt-5", "ab", "trace")
    assert filters.metadata == (("team", "a=b"),)


@pytest.mark.parametrize("status, codes", [("404", range(404, 405)), ("4XX", range(400, 500))])
def test_a_status_is_a_code_or_a_class(status, codes):
    assert asked(f"status={status}").statuses() == codes


EVERYTHING = (
    "since=2026-03-01T10%3A00%3A00&until=2026-03-02T00%3A00%3A00&workspace=w&api_key=a+b&virtual_key=v"
    "&provider=openai&model=m%2F1&config=pc-a-1&status=4xx&outcome=failed&cache=hit&rescued=yes&metadata=a%3Db&metadata=c%3D&q=t"
)


@pytest.mark.parametrize("text", [EVERYTHING, "span=all", "span=1d&model=%26%3D%3F", "span=7d&q=x"])
def test_filters_give_back_the_query_they_were_read_from(text):
    assert asked(text).query() == text


WRONG = [
    ("since=yesterday", "since", "2026-03-31 14:05"),
    ("until=9999-12-31T23:59:59-10:00", "until", "2026-03-31 14:05"),
    ("since=2026-03-02&until=2026-03-01", "until", "before it begins"),
    ("span=1y", "span", "no such span"),
    ("status=teapot", "status", "404"),
    ("status=4x", "status", "404"),
    ("status=999", "status", "404"),
    ("status=٤٠٤", "status", "404"),
    ("outcome=good", "outcome", "no such outcome"),
    ("cache=full", "cache", "no such answer of the cache"),
    ("rescued=no", "rescued", "no such choice"),
    (f"config={'x' * 256}", "config", "255"),
    ("metadata=team", "metadata", "team=search"),
    ("metadata==x", "metadata", "team=search"),
    (f"metadata=a={'x' * 129}", "metadata", "128"),
    ("&".join(f"metadata=a{n}=b" for n in range(6)), "metadata", "At most 5"),
    (f"model={'x' * 256}", "model", "255"),
    (f"q={'x' * 256}", "q", "255"),
]


@pytest.mark.parametrize("text, field, words", WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_what_cannot_be_read_is_said_of_its_field(text, field, words):
    with pytest.raises(Unreadable) as raised:
        asked(text)
    assert list(raised.value.errors) == [field]
    assert words in raised.value.errors[field]


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(Unreadable) as raised:
        asked("status=x&outcome=x&metadata=x&since=x")
    assert set(raised.value.errors) == {"status", "outcome", "metadata", "since"}
