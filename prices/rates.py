"""What the list prices of genai-prices say a model costs (https://github.com/pydantic/genai-prices).

The library counts a token in every unit it belongs to (`input_tokens` holds the cached ones) and charges the
most specific unit that has a price; our buckets are disjoint, so each simply has the price of its own unit
or else of the whole direction. Its own calculation takes over 100 µs a call; rates are looked up here once,
and prices/charging.py multiplies. Importing this costs some 25 MB: only what runs beside the calls does.

Not counted, for the buckets do not tell: the service tier, and caches written for longer than the usual time.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Final

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from prices.charging import BUCKETS, NOTHING, UNPRICED, Price, Rate, Rates, charge, flat, tariff
from providers.types import Usage

THOUSAND = Decimal(1_000)
REMEMBERED = 4096  # names of models come from clients
SOURCE: Final = f"genai-prices {version('genai-prices')}"

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

# each of our buckets that has a price of its own: the library's key of it
KEYS: Final = {
    "input": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "output": "output_mtok",
    "reasoning": "output_reasoning_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
}


def price(provider: str, models: Iterable[str], usage: Usage, at: datetime) -> Price:
    """What `usage` cost at `at` (aware), under the first of the names of `models` that has a price."""
    for name in models:
        if name and (model := known(provider, name)):
            return charge(rates(model, at), usage)
    return UNPRICED


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
    for bucket, candidates in BUCKETS.items():
        stated = (getattr(prices, KEYS[each]) for each in candidates)
        listed = next((each for each in stated if each is not None), None)
        if listed is not None:
            buckets[bucket] = rate(listed)
    every = [value for name, value in vars(prices).items() if not name.startswith("_") and value is not None]
    return Rates(
        buckets,
        call=(prices.requests_kcount or NOTHING) / THOUSAND,  # type: ignore[operator]  # never tiered
        free=all(value == 0 for value in every),  # the library lists a free model without prices
        source=SOURCE,
    )


def rate(listed: Decimal | TieredPrices) -> Rate:
    """Beyond a tier's start, every token is charged at that tier."""
    if isinstance(listed, Decimal):
        return flat(listed)
    tiers = [(tier.start, tariff(tier.price)) for tier in reversed(listed.tiers)]
    base = tariff(listed.base)
    return lambda whole_input: next((each for start, each in tiers if whole_input > start), base)


@lru_cache(maxsize=REMEMBERED)
def known(provider: str, name: str) -> ModelInfo | None:
    """The library's model of that name, in upper or lower case; its own look-up would remember every name."""
    every = get_snapshot().providers
    listed = next((each for each in every if each.id == PROVIDERS.get(provider)), None)
    return listed.find_model(name.lower(), all_providers=every) if listed else None
