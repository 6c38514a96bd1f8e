"""A call in words: one sentence that tells its story, and how its cost came about."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from logs.models import FOR_CACHE, HITS, Outcome, Pricing, RequestLog, UsageSource
from logs.story.timeline import lasting
from providers.catalog import PROVIDERS

OVERRIDE = "override "  # how price_source begins where PriceOverride priced
ENDINGS = {
    Outcome.FINISHED: "answered in {time}",
    Outcome.FAILED: "failed after {time}",
    Outcome.REFUSED: "was refused after {time}",
    Outcome.TRUNCATED: "broke off after {time}: the provider's stream has no end",
    Outcome.ABANDONED: "was given up by its client after {time}",
    Outcome.INTERRUPTED: "was interrupted: the gateway itself was stopped",
}
BUCKETS = {
    "input": "Input",
    "cache_read": "Read from the cache",
    "cache_write": "Written to the cache",
    "output": "Output",
    "reasoning": "Reasoning",
    "audio_input": "Audio in",
    "audio_output": "Audio out",
    "call": "The call",
    "cache_hit": "Answered from the gateway's cache",
    "embedding": "Embedding for the gateway's cache",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill; texts are empty where there is nothing to say."""

    what: str
    tokens: str
    rate: str
    amount: str


def sentence(log: RequestLog) -> str:
    """Who was asked, how it went, what it took."""
    through = f" through the virtual key {log.virtual_key}" if log.virtual_key else ""
    ending = ENDINGS.get(Outcome(log.outcome), "") if log.outcome in Outcome.values else log.outcome
    if log.outcome == Outcome.REFUSED and not asked_any(log):
        ending += ", before any provider was asked"
    facts = ", ".join(filter(None, (status(log), effort(log), tokens(log), spent(log))))
    return f"{subject(log)}{through} {ending.format(time=lasting(log.total_ms))}: {facts}."


def asked_any(log: RequestLog) -> bool:
    """Whether a request to any provider was made for the call."""
    told = log.attempts if isinstance(log.attempts, list) else []
    return any(isinstance(each, dict) and each.get("host") for each in told)


def subject(log: RequestLog) -> str:
    """The model at its provider; a call without a model by its path."""
    where = f" at {provider(log.provider)}" if log.provider else ""
    return f"{log.model or f'{log.method} {log.endpoint}'}{where}"


def provider(slug: str) -> str:
    known = PROVIDERS.get(slug)
    return known.name if known else slug


def status(log: RequestLog) -> str:
    """The status the client was told; none, where it left before."""
    told = str(log.status or "no status")
    return f"{told} {log.outcome}" if log.outcome == Outcome.FINISHED else told


def effort(log: RequestLog) -> str:
    """That the answer was had for nothing, or at a second try."""
    if log.cache_status in HITS:
        return "from the cache"
    return f"rescued by attempt {len(log.attempts)}" if log.rescued else ""


def tokens(log: RequestLog) -> str:
    if not log.total_tokens:
        return ""
    estimated = " (estimated)" if log.usage_source == UsageSource.ESTIMATED else ""
    return f"{log.total_tokens:,} tokens{estimated}"


def spent(log: RequestLog) -> str:
    return "cost unknown" if log.cost is None else "free" if log.pricing == Pricing.FREE else money(log.cost)


def money(amount: Decimal | None) -> str:
    """Dollars, every digit of them."""
    return "unknown" if amount is None else f"${amount.normalize():f}"


def bill(log: RequestLog) -> list[Line]:
    """How the cost came about, line by line; rows of earlier days do not know."""
    lines = log.cost_lines if isinstance(log.cost_lines, list) else []
    return [line(each) for each in lines if isinstance(each, dict)]


def line(told: dict[str, Any]) -> Line:
    bucket = str(told.get("bucket", ""))
    count = told.get("tokens")
    rate = f"{dollars(told.get('per_million'))} per million" if told.get("per_million") else ""
    return Line(
        BUCKETS.get(bucket, bucket),
        f"{count:,}" if isinstance(count, int) else "",
        rate or (f"{dollars(told.get('per_call'))} per call" if told.get("per_call") else ""),
        dollars(told.get("amount")),
    )


def dollars(text: Any) -> str:
    """A decimal in a text as money; what is none as it is."""
    try:
        return money(Decimal(str(text)))
    except InvalidOperation:
        return str(text)


def why(log: RequestLog) -> str:
    """What there is to say of a cost beside its lines."""
    if log.pricing == Pricing.UNPRICED:
        return unpriced(log)
    if log.pricing == Pricing.FREE:
        return free(log)
    return "" if log.cost_lines else "How it came about was not noted then."


def unpriced(log: RequestLog) -> str:
    """Unpriced is not free."""
    if not log.total_tokens:
        return "Nobody counted what it used, so what it cost is not known. That is not to say it was free."
    model = log.model_answered or log.model or "this model"
    return f"No price is known for {model} at {provider(log.provider)}. That is not to say it was free."


def free(log: RequestLog) -> str:
    if log.cache_status in HITS:
        return "The answer was kept from an earlier call: no provider was asked for it."
    if log.total_tokens:
        return "The price list asks nothing for this model."
    if log.fn == "models":
        return "A list of models costs nothing."
    if not asked(log):
        return "No provider was asked."
    if (log.status or 0) >= 400:
        return "The provider answered with an error, for which it asks nothing."
    return "Nothing was used that has a price."


def asked(log: RequestLog) -> bool:
    """Whether a provider was asked for the answer: an attempt without a host ended before it had one."""
    told = log.attempts if isinstance(log.attempts, list) else []
    known = [each for each in told if isinstance(each, dict) and each.get("path") != FOR_CACHE]
    return any(each.get("host") for each in known)


def source(told: str) -> str:
    """Whose price it was: the list's name, or the number of a price of one's own, as in its address."""
    return f"own price {told.removeprefix(OVERRIDE)}" if told.startswith(OVERRIDE) else told


def repriced(log: RequestLog) -> str:
    """That it was priced anew, where it was."""
    if log.repriced_at is None:
        return ""
    return f"Priced anew on {log.repriced_at:%Y-%m-%d %H:%M} UTC; at first: {money(log.cost_first)}."


def used(log: RequestLog) -> Iterator[tuple[str, int]]:
    """The tokens of each kind that there were."""
    for bucket, words in BUCKETS.items():
        if count := getattr(log, f"{bucket}_tokens", 0):
            yield words, count
