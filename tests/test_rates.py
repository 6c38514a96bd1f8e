"""What calls cost, to the last decimal, and that remembered rates say what the library says."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as Counted
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from prices import rates
from prices.rates import Price, price
from providers.types import Usage

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)

counts = st.integers(0, 400_000)
usages = st.builds(
    Usage, input=counts, cache_read=counts, cache_write=counts, output=counts, reasoning=counts
)


def counted(usage: Usage) -> Counted:
    """The library's way to count: cached tokens are input tokens too, reasoning is output too."""
    return Counted(
        input_tokens=usage.input + usage.cache_read + usage.cache_write,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output + usage.reasoning,
        output_reasoning_tokens=usage.reasoning,
    )


def test_each_bucket_has_its_own_price() -> None:
    usage = Usage(input=1000, cache_read=2000, output=300, reasoning=40)
    # 0.15 / 0.075 / 0.60 dollars a million; reasoning is charged as output
    expected = Decimal("0.000150") + Decimal("0.000150") + Decimal("0.000180") + Decimal("0.000024")
    assert price("openai", ["gpt-4o-mini"], usage, NOW) == Price(expected, "priced")


def test_what_is_written_to_a_cache_costs_more_and_what_is_read_less() -> None:
    usage = Usage(input=10, cache_read=1_000, cache_write=100, output=7)
    expected = Decimal("0.00003") + Decimal("0.0003") + Decimal("0.000375") + Decimal("0.000105")
    assert price("anthropic", ["claude-sonnet-4-5-20250929"], usage, NOW) == Price(expected, "priced")


def test_beyond_a_tier_every_token_is_charged_at_that_tier() -> None:
    model = ["gemini-2.5-pro"]
    at, beyond = (price("google", model, Usage(input=n, output=10), NOW).amount for n in (200_000, 200_001))
    assert at == Decimal("0.25") + Decimal("0.0001")
    assert beyond == Decimal("200001") * Decimal("0.0000025") + Decimal("0.00015")


def test_the_price_is_that_of_the_day_of_the_call() -> None:
    before, after = datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)
    usage = Usage(input=1_000_000)
    assert [price("openai", ["o3"], usage, day).amount for day in (before, after)] == [10, 2]


def test_an_unknown_model_is_unpriced_and_not_free() -> None:
    assert price("openai", ["my-own-model-7"], Usage(input=5), NOW) == Price(None, "unpriced")
    assert price("nobody", ["gpt-4o-mini"], Usage(input=5), NOW) == Price(None, "unpriced")
    assert price("openai", ["", ""], Usage(input=5), NOW) == Price(None, "unpriced")


def test_what_was_used_and_has_no_price_makes_the_whole_unpriced() -> None:
    # an embedding model has no price for output
    assert price("openai", ["text-embedding-3-small"], Usage(input=5, output=1), NOW).pricing == "unpriced"
    assert price("openai", ["text-embedding-3-small"], Usage(input=5), NOW).pricing == "priced"


def test_a_free_model_costs_nothing() -> None:
    assert price(
        "openrouter", ["agentica-org/deepcoder-14b-preview:free"], Usage(input=5, output=9), NOW
    ) == Price(Decimal(0), "free")


def test_the_name_asked_for_counts_where_the_answered_one_is_unknown() -> None:
    assert price("openai", ["ft:own:1", "gpt-4o"], Usage(input=4), NOW).amount == Decimal("0.00001")


def test_names_are_not_remembered_without_end() -> None:
    for number in range(rates.REMEMBERED + 10):
        price("openai", [f"nothing-{number}"], Usage(input=1), NOW)
    assert rates.known.cache_info().currsize == rates.REMEMBERED


def listed() -> list[tuple[str, str]]:
    """Every model of the library that has a provider of ours and prices for what is read and written."""
    ours = {library: slug for slug, library in rates.PROVIDERS.items()}
    names = [
        (ours[provider.id], model.id)
        for provider in get_snapshot().providers
        if provider.id in ours
        for model in provider.models
    ]
    return [(slug, name) for slug, name in names if {"input", "output"} <= buckets(slug, name)]


def buckets(slug: str, name: str) -> set[str]:
    model = rates.known(slug, name)
    return set(rates.rates(model, NOW).buckets) if model else set()


@given(usages, st.sampled_from(listed()))
def test_remembered_rates_say_what_the_library_says(usage: Usage, model: tuple[str, str]) -> None:
    slug, name = model
    expected = calc_price(
        counted(usage), name, provider_id=rates.PROVIDERS[slug], genai_request_timestamp=NOW
    ).total_price
    assert price(slug, [name], usage, NOW).amount == expected


@pytest.mark.parametrize("library", sorted(set(rates.PROVIDERS.values())))
def test_every_provider_named_is_one_of_the_librarys(library: str) -> None:
    assert library in {provider.id for provider in get_snapshot().providers}
