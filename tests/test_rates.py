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
from prices.charging import BUCKETS, UNPRICED
from prices.rates import SOURCE, price
from providers.types import Usage

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)

counts = st.integers(0, 400_000)
texts = {bucket: counts for bucket in BUCKETS if not bucket.startswith("audio")}
usages = st.builds(Usage, **texts)
ROUNDED = len(BUCKETS) * Decimal("5E-13")  # dollars: half of the column's last place for each line


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
    found = price("openai", ["gpt-4o-mini"], usage, NOW)
    assert (found.amount, found.pricing, found.source) == (expected, "priced", SOURCE)
    assert list(found.lines) == [
        {"bucket": "input", "tokens": 1000, "per_million": "0.15", "amount": "0.00015"},
        {"bucket": "cache_read", "tokens": 2000, "per_million": "0.075", "amount": "0.00015"},
        {"bucket": "output", "tokens": 300, "per_million": "0.6", "amount": "0.00018"},
        {"bucket": "reasoning", "tokens": 40, "per_million": "0.6", "amount": "0.000024"},
    ]


def test_a_price_for_each_request_is_a_line_of_its_own() -> None:
    found = price("perplexity-ai", ["sonar"], Usage(input=10), NOW)
    assert found.lines[1:] == ({"bucket": "call", "per_call": "0.012", "amount": "0.012"},)
    assert found.amount == Decimal("0.00001") + Decimal("0.012")


def test_what_is_written_to_a_cache_costs_more_and_what_is_read_less() -> None:
    usage = Usage(input=10, cache_read=1_000, cache_write=100, output=7)
    expected = Decimal("0.00003") + Decimal("0.0003") + Decimal("0.000375") + Decimal("0.000105")
    assert price("anthropic", ["claude-sonnet-4-5-20250929"], usage, NOW).amount == expected


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
    assert price("openai", ["my-own-model-7"], Usage(input=5), NOW) == UNPRICED
    assert price("nobody", ["gpt-4o-mini"], Usage(input=5), NOW) == UNPRICED
    assert price("openai", ["", ""], Usage(input=5), NOW) == UNPRICED


def test_what_was_used_and_has_no_price_makes_the_whole_unpriced() -> None:
    # an embedding model has no price for output
    assert price("openai", ["text-embedding-3-small"], Usage(input=5, output=1), NOW).pricing == "unpriced"
    assert price("openai", ["text-embedding-3-small"], Usage(input=5), NOW).pricing == "priced"


def test_a_free_model_costs_nothing() -> None:
    model = ["agentica-org/deepcoder-14b-preview:free"]
    found = price("openrouter", model, Usage(input=5, output=9), NOW)
    assert (found.amount, found.pricing, found.lines, found.source) == (0, "free", (), SOURCE)


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
    amount = price(slug, [name], usage, NOW).amount
    assert amount is not None
    assert abs(amount - expected) <= ROUNDED


@given(st.builds(Usage, **dict.fromkeys(BUCKETS, counts)), st.sampled_from(listed()))
def test_the_lines_add_up_to_the_cost_exactly(usage: Usage, model: tuple[str, str]) -> None:
    slug, name = model
    found = price(slug, [name], usage, NOW)
    assert sum(Decimal(line["amount"]) for line in found.lines) == found.amount
    told = {line["bucket"]: line["tokens"] for line in found.lines if line["bucket"] != "call"}
    assert told == {bucket: count for bucket in BUCKETS if (count := getattr(usage, bucket))} or (
        found.pricing == "free"
    )


@pytest.mark.parametrize("library", sorted(set(rates.PROVIDERS.values())))
def test_every_provider_named_is_one_of_the_librarys(library: str) -> None:
    assert library in {provider.id for provider in get_snapshot().providers}
