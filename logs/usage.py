"""What a call used, as its provider counted it or as we estimate it, and what that cost.

Three calls look alike, for nobody counted their tokens: one that cost nothing, because no provider was asked
or the provider only said that something was wrong; one whose usage can be estimated from its texts; and one
that may have used much, of which we saw nothing. The last is unpriced, which is not free.

An answer out of the cache tells the usage of the call that it was made for, which was counted there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from logs import estimates
from logs.models import FOR_CACHE, HITS, Outcome, UsageSource
from logs.segments import Body
from prices import rates
from prices.charging import UNPRICED, Price
from providers.errors import Garbled, Unreachable
from providers.types import Usage

LARGEST = 2**53  # a count beyond is no count, and JSON would not carry it
MOST = Decimal(10) ** 8  # dollars the column holds
NO_COST = Price(Decimal(0), "free")
KEPT = Price(Decimal(0), "free", ({"bucket": "cache_hit", "amount": "0"},))  # an answer out of the cache
EMBEDDING = "embedding"  # in the place of a bucket: of an embedding for the cache
BUCKETS = tuple(field.name for field in fields(Usage))
CLOCK, CLOCK_STATUS = "timeout_error", 408  # how calls end that a clock of ours ended; providers say it too
BROKEN = {Unreachable.code, Garbled.code, "incomplete_response"}  # an answer may have been on its way
Pricer = Callable[[str, Sequence[str], Usage, datetime], Price]  # prices/book.py, or the list alone
BEGUN = {Outcome.TRUNCATED, Outcome.ABANDONED, Outcome.INTERRUPTED}


class Spent(Enum):
    """What a call used that nobody counted to its end."""

    NOTHING = auto()
    SOMETHING = auto()  # an estimate tells
    UNKNOWN = auto()


# A list of models is free; what passes through may be anything, unless it only reads or deletes.
UNCOUNTED = {"models": Spent.NOTHING, "proxy": Spent.UNKNOWN}
FREE = ("/messages/count_tokens", "/moderations", "/files")  # at OpenAI and Anthropic, by their price lists


def usage(
    log: Mapping[str, Any],
    opened: Mapping[str, Any],
    closed: Mapping[str, Any],
    bodies: Mapping[str, Body],
    price: Pricer = rates.price,
) -> dict[str, Any]:
    """The columns of usage and cost; `log` has all others, `opened` and `closed` are the call's facts."""
    used, source, spent = counted(log, opened, closed, bodies)
    row = {f"{bucket}_tokens": getattr(used, bucket) for bucket in BUCKETS}
    return row | {"total_tokens": used.total, "usage_source": source.value} | cost(log, used, spent, price)


def counted(
    log: Mapping[str, Any], opened: Mapping[str, Any], closed: Mapping[str, Any], bodies: Mapping[str, Body]
) -> tuple[Usage, UsageSource, Spent]:
    """The call's tokens and who counted them. A chat that used no token at all was not counted."""
    if log["cache_status"] in HITS:
        return Usage(), UsageSource.NONE, Spent.NOTHING
    told, partial = reported(closed), closed.get("partial")
    if told.total and not partial:
        source = UsageSource.ESTIMATED if closed.get("estimated") else UsageSource.PROVIDER
        return told, source, Spent.SOMETHING
    spent = uncounted(log, closed, bodies)
    if spent is Spent.NOTHING or (spent is Spent.UNKNOWN and not told.total):
        return Usage(), UsageSource.NONE, spent
    estimate = estimates.estimate(bodies, count(opened.get("body_bytes")))
    if told.total:  # the input is counted when the answer begins, the output when it ends
        estimate = replace(told, output=max(told.output, estimate.output))
    return estimate, UsageSource.ESTIMATED, Spent.SOMETHING


def reported(closed: Mapping[str, Any]) -> Usage:
    told = closed.get("usage") or {}
    return Usage(**{bucket: count(told.get(bucket)) for bucket in BUCKETS})


def count(value: Any) -> int:
    number = int(value or 0)
    return number if 0 <= number <= LARGEST else 0 if number < 0 else LARGEST


def uncounted(log: Mapping[str, Any], closed: Mapping[str, Any], bodies: Mapping[str, Body]) -> Spent:
    """What a call used whose provider did not say, or not to the end.

    Facts may be missing: the gateway was killed, or there was no room for them.
    """
    if closed and not asked(closed):
        return Spent.NOTHING
    status = log["status"] or 0
    if log["fn"] in UNCOUNTED:
        said_no = status >= 400 and not unanswered(log, closed)
        free = said_no or log["method"] != "POST" or log["endpoint"].endswith(FREE)
        return Spent.NOTHING if free else UNCOUNTED[log["fn"]]
    match log["outcome"]:
        case outcome if outcome in BEGUN:
            return Spent.SOMETHING
        case Outcome.FINISHED:
            return Spent.SOMETHING if status < 300 else Spent.NOTHING
        case Outcome.FAILED if status < 400:
            return failed_midway(log, bodies)
        case Outcome.FAILED:
            return Spent.UNKNOWN if unanswered(log, closed) else Spent.NOTHING
    return Spent.NOTHING


def asked(closed: Mapping[str, Any]) -> bool:
    """Whether a provider was asked for the answer: an attempt without a host ended before it had one."""
    attempts = closed.get("attempts")
    if attempts is None:
        return True
    return any(each.get("host") != "" and each.get("path") != FOR_CACHE for each in attempts)


def failed_midway(log: Mapping[str, Any], bodies: Mapping[str, Body]) -> Spent:
    """A call whose answer began well: what was delivered counts, and an error before that does not."""
    if estimates.estimate(bodies, 0).output:
        return Spent.SOMETHING
    unseen = log["stream"] and "response" not in bodies
    return Spent.UNKNOWN if unseen or log["error_type"] in {CLOCK, *BROKEN} else Spent.NOTHING


def unanswered(log: Mapping[str, Any], closed: Mapping[str, Any]) -> bool:
    """Whether a call failed without the provider's saying so: it may have been at work on the answer."""
    attempts = closed.get("attempts")
    if not attempts or attempts[-1].get("status") == 0 or log["error_type"] in BROKEN:
        return True
    return bool(log["error_type"] == CLOCK and log["status"] == CLOCK_STATUS)


def cost(log: Mapping[str, Any], used: Usage, spent: Spent, price: Pricer) -> dict[str, Any]:
    own = answer_cost(log, used, spent, price)
    embeddings = [embedding_cost(tried, log["created_at"], price) for tried in embedded(log["attempts"])]
    return told(altogether(own, *embeddings))


def answer_cost(log: Mapping[str, Any], used: Usage, spent: Spent, price: Pricer) -> Price:
    """What the answer itself cost."""
    if log["cache_status"] in HITS:
        return KEPT
    if spent is Spent.NOTHING:
        return NO_COST
    return priced(log, used, price) if used.total else UNPRICED


def embedded(attempts: Any) -> list[Mapping[str, Any]]:
    """The attempts by which an embedding was had for the cache."""
    known = [each for each in attempts if isinstance(each, Mapping)] if isinstance(attempts, list) else []
    return [each for each in known if each.get("path") == FOR_CACHE and count(each.get("tokens"))]


def embedding_cost(tried: Mapping[str, Any], at: datetime, price: Pricer) -> Price:
    used = Usage(input=count(tried.get("tokens")))
    found = price(str(tried.get("provider")), (str(tried.get("model")),), used, at)
    lines = tuple({**line, "bucket": EMBEDDING} for line in found.lines)
    return replace(found, lines=lines) if found.amount is not None else UNPRICED


def altogether(own: Price, *beside: Price) -> Price:
    """The price of an answer with what was paid beside it; unpriced if any of it is."""
    amounts = [each.amount for each in (own, *beside)]
    if not beside or None in amounts:
        return own if not beside else UNPRICED
    total = sum((amount for amount in amounts if amount is not None), Decimal(0))
    lines = sum((each.lines for each in beside), own.lines)
    source = own.source or beside[0].source
    return Price(total, "priced" if total else own.pricing, lines, source)


def priced(log: Mapping[str, Any], used: Usage, price: Pricer) -> Price:
    """What tokens cost when they were used, by the model that answered, else the one that was asked."""
    found = price(log["provider"], (log["model_answered"], log["model"]), used, log["created_at"])
    return UNPRICED if found.amount is None or found.amount >= MOST else found


def told(found: Price) -> dict[str, Any]:
    """A price as the columns have it."""
    return {
        "cost": found.amount,
        "currency": "USD",
        "pricing": found.pricing,
        "cost_lines": found.lines,
        "price_source": found.source,
    }
