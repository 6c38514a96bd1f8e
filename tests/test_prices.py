"""Prices of one's own: which one counts when, what the form refuses, and that what was charged stays told."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from prices import book as prices_book
from prices import models
from prices.book import NotRead, PriceBook
from prices.charging import BUCKETS, UNPRICED
from prices.models import PriceOverride
from providers.types import Usage

BEGUN, LATER, NOW = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 5, 9))
SECOND = timedelta(seconds=1)
USAGE = Usage(input=1000, output=100)
ANY = {
    "provider": "openai",
    "model": "own-model",
    "input": Decimal(2),
    "output": Decimal(8),
    "starts_at": BEGUN,
}


def override(**fields: Any) -> PriceOverride:
    return PriceOverride(**ANY | fields)


def price_of(*overrides: PriceOverride, names: tuple[str, ...] = ("own-model",), at: datetime = NOW) -> Any:
    return PriceBook(overrides).price("openai", names, USAGE, at)


def problems(**fields: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        override(**fields).full_clean()
    return refused.value.message_dict


def test_an_override_says_what_a_model_costs_that_no_list_knows() -> None:
    found = price_of(override(pk=7))
    assert (found.amount, found.pricing, found.source) == (Decimal("0.0028"), "priced", "override 7")
    assert found.lines == (
        {"bucket": "input", "tokens": 1000, "per_million": "2", "amount": "0.002"},
        {"bucket": "output", "tokens": 100, "per_million": "8", "amount": "0.0008"},
    )


def test_an_override_wins_over_the_list_also_by_the_name_that_was_asked_for() -> None:
    found = price_of(override(pk=1, model="gpt-4o"), names=("gpt-4o-2024-08-06", "gpt-4o"))
    assert found.source == "override 1"
    assert price_of(override(pk=1, model="gpt-4.1"), names=("gpt-4o",)).source.startswith("genai-prices")


@pytest.mark.parametrize(
    ("at", "source"),
    [(BEGUN - SECOND, ""), (BEGUN, "override 1"), (LATER - SECOND, "override 1"), (LATER, "override 2")],
    ids=["before", "from", "to its end", "then the next"],
)
def test_a_price_counts_from_its_beginning_to_just_before_its_end(at: datetime, source: str) -> None:
    spans = override(pk=1, ends_at=LATER), override(pk=2, starts_at=LATER)
    assert price_of(*spans, at=at).source == source


def test_a_whole_name_says_more_than_a_beginning_and_a_long_one_more_than_a_short_one() -> None:
    every = [
        override(pk=number, model=model)
        for number, model in enumerate(("*", "own-*", "own-mod*", "own-model"))
    ]
    sources = [
        price_of(*every, names=(name,)).source for name in ("Own-Model", "own-models", "own-x", "other")
    ]
    assert sources == ["override 3", "override 2", "override 1", "override 0"]


def test_a_bucket_without_a_price_of_its_own_costs_what_the_general_one_does() -> None:
    usage = Usage(cache_read=10, cache_write=10, reasoning=10, audio_input=10, audio_output=10)
    found = PriceBook([override(cache_read=Decimal("0.5"))]).price("openai", ("own-model",), usage, NOW)
    per_million = {line["bucket"]: line["per_million"] for line in found.lines}
    expected = {
        "cache_read": "0.5",
        "cache_write": "2",
        "reasoning": "8",
        "audio_input": "2",
        "audio_output": "8",
    }
    assert per_million == expected


def test_what_is_paid_by_the_call_costs_that_much_whatever_the_tokens() -> None:
    found = price_of(override(input=None, output=None, per_call=Decimal("0.01")))
    assert found.amount == Decimal("0.01")
    assert found.lines[-1] == {"bucket": "call", "per_call": "0.01", "amount": "0.01"}


def test_a_model_that_is_free_costs_nothing_and_says_so() -> None:
    found = price_of(override(pk=4, input=None, output=None, free=True))
    assert (found.amount, found.pricing, found.source) == (0, "free", "override 4")


rates = st.decimals(0, 1_000_000, places=6)
tokens = st.integers(0, 10_000_000)


@given(
    st.fixed_dictionaries(
        {"input": rates, "output": rates, "per_call": rates, "cache_read": rates | st.none()}
    ),
    st.builds(Usage, **dict.fromkeys(BUCKETS, tokens)),
)
def test_the_lines_of_an_override_add_up_exactly(fields: dict[str, Decimal], usage: Usage) -> None:
    found = PriceBook([override(**fields)]).price("openai", ("own-model",), usage, NOW)
    assert sum(Decimal(line["amount"]) for line in found.lines) == found.amount


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"provider": "nobody"}, "provider", models.UNKNOWN),
        ({"model": "own*model*"}, "model", models.STAR_INSIDE),
        ({"input": Decimal(-1)}, "input", models.NEGATIVE),
        ({"output": Decimal(1_000_001)}, "output", models.TOO_MUCH),
        ({"output": None}, "output", models.MISSING),
        ({"free": True}, "input", models.FREE_AND_PRICED),
        ({"ends_at": BEGUN}, "ends_at", models.BACKWARDS),
    ],
    ids=["provider", "star", "negative", "absurd", "missing", "free", "backwards"],
)
@pytest.mark.django_db
def test_what_cannot_be_meant_is_refused_in_words(fields: dict[str, Any], field: str, words: str) -> None:
    assert words in problems(**fields)[field]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("start", "end", "free"),
    [
        (BEGUN - timedelta(days=9), BEGUN, True),
        (LATER, None, True),
        (BEGUN - timedelta(days=9), BEGUN + SECOND, False),
        (LATER - SECOND, None, False),
        (BEGUN + SECOND, LATER - SECOND, False),
        (BEGUN - SECOND, None, False),
    ],
    ids=["before", "after", "into its beginning", "from its end", "inside", "around"],
)
def test_two_prices_of_one_model_are_never_in_force_at_once(
    start: datetime, end: datetime | None, free: bool
) -> None:
    override(ends_at=LATER).save()
    other = override(model="Own-Model", starts_at=start, ends_at=end)
    override(model="own-mod*", starts_at=start, ends_at=end).full_clean()
    if free:
        other.full_clean()
    else:
        with pytest.raises(ValidationError, match="Another price of own-model is in force then"):
            other.full_clean()


@pytest.mark.django_db
def test_the_database_refuses_two_prices_without_an_end() -> None:
    override().save()
    with pytest.raises(IntegrityError), transaction.atomic():
        override(starts_at=LATER).save()


@pytest.mark.django_db
def test_a_price_is_seen_once_it_is_there_and_once_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices_book, "EVERY_SECONDS", 0.0)
    book = PriceBook()

    def price() -> Any:
        book.look()
        return book.price("openai", ("own-model",), USAGE, NOW)

    assert price() == UNPRICED
    row = override()
    row.save()
    assert price().amount == Decimal("0.0028")
    row.input = Decimal(4)
    row.save()
    assert price().amount == Decimal("0.0048")
    row.delete()
    assert price() == UNPRICED


@pytest.mark.django_db
def test_a_look_that_finds_nothing_new_costs_one_query_and_soon_after_it_none(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    override().save()
    book = PriceBook()
    book.look()
    with django_assert_num_queries(0):
        book.look()
    monkeypatch.setattr(prices_book, "EVERY_SECONDS", 0.0)
    with django_assert_num_queries(1):
        book.look()


@pytest.mark.django_db
def test_with_the_database_away_the_prices_known_last_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    override().save()
    known, unknown = PriceBook(), PriceBook()
    known.look()
    monkeypatch.setattr(PriceBook, "read", away)
    known.look(at_once=True)
    assert known.price("openai", ("own-model",), USAGE, NOW).amount == Decimal("0.0028")
    with pytest.raises(NotRead, match="gone for lunch"):
        unknown.look()


@pytest.mark.django_db
def test_while_the_database_is_away_calls_seldom_wait_to_find_that_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prices_book, "EVERY_SECONDS", 0.0)
    book, tries = PriceBook(), []

    def tried(*_: Any) -> None:
        tries.append(None)
        away()

    with monkeypatch.context() as patch:
        patch.setattr(PriceBook, "read", tried)
        for _ in range(3):
            with pytest.raises(NotRead):
                book.look()
    book.look()
    with monkeypatch.context() as patch:
        patch.setattr(PriceBook, "read", tried)
        for _ in range(3):
            book.look()
    assert len(tries) == 3 + 1


def away(*_: Any) -> None:
    raise OperationalError("gone for lunch")


def test_a_worker_imports_no_price_list_with_the_pages_of_prices() -> None:
    code = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'; django.setup();"
        " import prices.admin, logs.pages.prices, logs.spawn, gateway_site.urls;"
        " sys.exit('genai_prices' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_now_has_no_fraction_of_a_second_that_a_form_would_not_show() -> None:
    assert models.now_in_seconds().microsecond == 0
    assert abs(models.now_in_seconds() - timezone.now()) < timedelta(seconds=2)
