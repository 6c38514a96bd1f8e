"""From what a call used to what it cost, by the list prices of genai-prices (https://github.com/pydantic/genai-prices).

The library counts a token in every unit it belongs to (`input_tokens` holds the cached ones) and charges the
most specific unit that has a price; our buckets are disjoint, so each simply has the price of its own unit
or else of the whole direction. Its own calculation takes over 100 µs a call; rates are looked up here once
and multiplied. Importing this costs some 25 MB: only what runs beside the calls does.

Not counted, for the buckets do not tell: the service tier, and caches written for longer than the usual time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from providers.types import Usage

Pricing = Literal["priced", "free", "unpriced"]

MILLION, THOUSAND, NOTHING = Decimal(1_000_000), Decimal(1_000), Decimal(0)
REMEMBERED = 4096  # names of models come from clients

# our slug to the library's; a provider that is not here has no list price
PROVIDERS: Final = {
    "anthropic": "anthropic",
    "azure-ai": "azure",
    "azure-openai": "azure",
    "bedrock": "aws",
    "bedrock-mantle": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "databricks": "databricks",
    "deepseek": "deepseek",
    "fireworks-ai": "fireworks",
    "google": "google",
    "groq": "groq",
    "mistral-ai": "mistral",
    "moonshot": "moonshotai",
    "novita-ai": "novita",
    "openai": "openai",
    "openrouter": "openrouter",
    "ovhcloud": "ovhcloud",
    "perplexity-ai": "perplexity",
    "together-ai": "together",
    "vertex-ai": "google",
    "voyage": "voyageai",
    "workers-ai": "cloudflare",
    "x-ai": "x-ai",
    "z-ai": "zai",
    "zhipu": "zhipuai",
}

# each bucket of Usage: the library's price keys, the most specific first
BUCKETS: Final = {
    "input": ("input_mtok",),
    "cache_read": ("cache_read_mtok", "input_mtok"),
    "cache_write": ("cache_write_mtok", "input_mtok"),
    "output": ("output_mtok",),
    "reasoning": ("output_reasoning_mtok", "output_mtok"),
    "audio_input": ("input_audio_mtok", "input_mtok"),
    "audio_output": ("output_audio_mtok", "output_mtok"),
}
FOR_INPUT: Final = ("input", "cache_read", "cache_write", "audio_input")

Rate = Callable[[int], Decimal]  # from the tokens of the whole input to dollars a token


@dataclass(frozen=True, slots=True)
class Price:
    """What a call cost in USD; `amount` is None where nobody knows the price, which is not free."""

    amount: Decimal | None
    pricing: Pricing


@dataclass(frozen=True, slots=True)
class Rates:
    """A model's prices by bucket; a bucket without one is missing. `call` is charged for each request."""

    buckets: dict[str, Rate]
    call: Decimal
    free: bool


UNPRICED: Final = Price(None, "unpriced")


def price(provider: str, models: Iterable[str], usage: Usage, at: datetime) -> Price:
    """What `usage` cost at `at` (aware), under the first of the names of `models` that has a price."""
    for name in models:
        if name and (model := known(provider, name)):
            return charge(rates(model, at), usage)
    return UNPRICED


def charge(of: Rates, usage: Usage) -> Price:
    """Multiply; a bucket that was used and has no price makes the whole unpriced."""
    if of.free:
        return Price(NOTHING, "free")
    used = [(bucket, count) for bucket in BUCKETS if (count := getattr(usage, bucket))]
    whole_input = sum(count for bucket, count in used if bucket in FOR_INPUT)
    amount = of.call
    for bucket, count in used:
        rate = of.buckets.get(bucket)
        if rate is None:
            return UNPRICED
        amount += rate(whole_input) * count
    return Price(amount, "priced")


def rates(model: ModelInfo, at: datetime) -> Rates:
    """The model's rates at that time: some change on a date, some by the hour."""
    prices = model.prices if isinstance(model.prices, ModelPrice) else model.get_prices(at)
    found = _compiled.get(id(prices))
    if found is None:
        found = _compiled[id(prices)] = compiled(prices)
    return found


_compiled: dict[int, Rates] = {}  # by the library's own objects, which live as long as it does


def compiled(prices: ModelPrice) -> Rates:
    buckets = {}
    for bucket, keys in BUCKETS.items():
        listed = next((value for key in keys if (value := getattr(prices, key)) is not None), None)
        if listed is not None:
            buckets[bucket] = rate(listed)
    stated = [value for name, value in vars(prices).items() if not name.startswith("_") and value is not None]
    return Rates(
        buckets,
        call=(prices.requests_kcount or NOTHING) / THOUSAND,  # type: ignore[operator]  # never tiered
        free=all(value == 0 for value in stated),  # the library lists a free model without prices
    )


def rate(listed: Decimal | TieredPrices) -> Rate:
    """Dollars a token. Beyond a tier's start, every token is charged at that tier."""
    if isinstance(listed, Decimal):
        flat = listed / MILLION
        return lambda _: flat
    tiers = [(tier.start, tier.price / MILLION) for tier in reversed(listed.tiers)]
    base = listed.base / MILLION
    return lambda whole_input: next((each for start, each in tiers if whole_input > start), base)


@lru_cache(maxsize=REMEMBERED)
def known(provider: str, name: str) -> ModelInfo | None:
    """The library's model of that name, in upper or lower case; its own look-up would remember every name."""
    every = get_snapshot().providers
    listed = next((each for each in every if each.id == PROVIDERS.get(provider)), None)
    return listed.find_model(name.lower(), all_providers=every) if listed else None
