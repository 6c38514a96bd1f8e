"""The models that the price list knows for each of our providers: `python -m prices.names` prints them.

Importing this costs what importing the price list costs; who serves calls asks prices/listing.py. The
library says what a model costs, not what it does: that is told from what is charged for, and by its name.
"""

import re
import sys
from datetime import UTC, datetime

import orjson
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice

from prices.rates import PROVIDERS

DEPLOYED = {"azure-openai"}  # a model there is called what whoever deployed it called it
OTHER_WORK = re.compile(
    r"(?:^|[^a-z0-9])(?:images?|live|moderation|\w*ocr|realtime|rerank(?:er)?|sonic|transcribe|tts|voice|whisper)"
    r"(?:[^a-z0-9]|$)"
)
MADE = ("output_image_mtok", "output_video_mtok")  # prices of those whose answers are no text
PREFIX = re.compile(r"\W$")  # `ft:gpt-3.5-turbo-` stands for every name that begins so
SPELT = {  # the library keeps other spellings of a provider's names too, and other vendors' prices
    "google": re.compile(r"gem[a-z]+-.+"),
    "openrouter": re.compile(r".+/.+"),
}
ANYWHERE = re.compile(r"(?!.*:[a-z]).+")  # `:free` and its like are OpenRouter's


def main() -> None:
    """Print a JSON object: a provider's slug, and the names it is known to have."""
    now = datetime.now(UTC)
    told = {slug: names(slug, now) for slug in sorted(PROVIDERS.keys() - DEPLOYED)}
    sys.stdout.write(orjson.dumps(told).decode())


def names(slug: str, at: datetime) -> list[str]:
    """The current models of a provider that complete, chat or embed, in order."""
    spelt = SPELT.get(slug, ANYWHERE)
    listed = next((each for each in get_snapshot().providers if each.id == PROVIDERS[slug]), None)
    found = [model for model in listed.models if is_current_text(model, at)] if listed else []
    return sorted({model.id for model in found if spelt.fullmatch(model.id) and not PREFIX.search(model.id)})


def is_current_text(model: ModelInfo, at: datetime) -> bool:
    """Whether a model reads text and writes text or vectors, and is not marked as on its way out."""
    if model.deprecated or OTHER_WORK.search(model.id.lower()):
        return False
    prices = model.prices if isinstance(model.prices, ModelPrice) else model.get_prices(at)
    charged = {name for name, value in vars(prices).items() if not name.startswith("_") and value is not None}
    return not charged or ("input_mtok" in charged and charged.isdisjoint(MADE))


if __name__ == "__main__":
    main()
