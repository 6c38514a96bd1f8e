"""What came of a target: asked as often as its retry allows, each time with the credential its key has.

One owner of retries, on the clock of the whole call. Which target is tried is routing's business, what is
sent and how it is read exchange's.
"""

import time
from datetime import UTC, datetime

from django.conf import settings

from configs import breaker
from configs.tree import Target
from providers.errors import ProviderError, Unrenderable
from providers.types import Problem
from proxy import errors, exchange, passthrough, retrying
from proxy.call import PASSTHROUGH
from proxy.held_now import after_waiting, with_other_credential
from proxy.outcome import Outcome
from proxy.params import Unchangeable
from proxy.plan import Plan
from proxy.record import OTHER_SECRET, RETRIED, Record
from proxy.retrying import Patience
from proxy.targets import Leaf

REFUSED = (401, 403)  # how a provider answers a credential it does not accept
WITHDRAWN = "The virtual key {} was taken away or moved while the call waited to ask again."
MOST_ATTEMPTS = 100  # of one call: a config is no means to flood a provider


def served(target: Target, plan: Plan, record: Record) -> Outcome:
    """What came of a target, asked as often as its retry allows; with the headers every answer carries."""
    try:
        leaf = plan.leaf(target)
    except ProviderError as error:
        return unserved(target, error, record)
    except errors.InvalidRequest as error:
        if plan.tree.leaves == 1 or not (target.asked or isinstance(error, Unchangeable)):
            raise
        return unserved(target, Unrenderable(str(error.detail)), record)  # another may still serve
    outcome, record.retry_count = persistently(leaf, record) if leaf.retry else (once(leaf, record), 0)
    if not outcome.unasked:
        outcome.headers = {**outcome.headers, **told(leaf.path, leaf.provider.slug, record)}
        if target.breaker and not outcome.from_cache:
            breaker.note(plan.place(target.path), target.breaker, outcome.counts_as)
    return outcome


def what_is_used_up(record: Record) -> str:
    """Of a call's time and tries, whatever its config has left to try; "" while there are some of both."""
    if len(record.attempts) >= MOST_ATTEMPTS:
        return f"{MOST_ATTEMPTS} tries"
    return f"{settings.WHOLE_CALL_SECONDS:g} s" if time.monotonic() >= over_at(record) else ""


def unserved(target: Target, error: ProviderError, record: Record) -> Outcome:
    """A target that cannot be asked at all."""
    tried = record.tries(target.path, target.provider, None, "")
    outcome, record.retry_count = exchange.failed(error, target.provider), 0
    record.tells(tried, outcome.status, outcome.problem)
    if not outcome.unasked:
        outcome.headers = told(target.path, target.provider, record)
    return outcome


def persistently(leaf: Leaf, record: Record) -> tuple[Outcome, int]:
    """What came of the leaf in the end, and what the client is told of its retries."""
    assert leaf.retry is not None
    patience = Patience(leaf.retry, over_at(record))
    outcome = once(leaf, record)
    while (seconds := patience.wait(outcome, left=MOST_ATTEMPTS - len(record.attempts))) is not None:
        record.leaves(RETRIED)
        outcome.leave()
        with record.waiting():
            retrying.sleep(seconds)
        if (now := after_waiting(leaf)) is None:
            return withdrawn(leaf, record, patience.retries, seconds), patience.count
        outcome = once(leaf := now, record, retries=patience.retries, waited=seconds)
    return outcome, patience.count


def withdrawn(leaf: Leaf, record: Record, retries: int, waited: float) -> Outcome:
    """What a call is told whose virtual key is not to be used any more, and was when it began to wait."""
    assert leaf.held is not None
    tried = record.tries(leaf.path, leaf.provider.slug, leaf.held, leaf.model)
    tried.retries, tried.waited_ms = retries, waited * 1000
    problem = Problem(WITHDRAWN.format(leaf.held.slug), "virtual_key_withdrawn")
    record.tells(tried, 503, problem)
    return Outcome(503, errors.dump(errors.envelope(problem)), problem=problem, verdict="refused")


def over_at(record: Record) -> float:
    """When (time.monotonic) the whole call has to be over."""
    return record.watched.began + float(settings.WHOLE_CALL_SECONDS)


def once(leaf: Leaf, record: Record, retries: int = 0, waited: float = 0) -> Outcome:
    """What came of one try. Where the provider refuses its credential, the key's other one is tried too.

    It is an attempt of its own, and what came of that counts, unless it is refused as well.
    """
    outcome = attempt(leaf, record, retries, waited)
    if not is_refusal(outcome) or (other := with_other_credential(leaf)) is None:
        return outcome
    record.leaves(OTHER_SECRET)
    again = attempt(other, record, retries, 0)
    return outcome if is_refusal(again) else again


def is_refusal(outcome: Outcome) -> bool:
    """Whether the provider, and not the gateway, says that it does not accept the credential."""
    return outcome.status in REFUSED and outcome.verdict == "failed"


def attempt(leaf: Leaf, record: Record, retries: int, waited: float) -> Outcome:
    """Ask the leaf's provider; every failure is an outcome."""
    tried = record.tries(leaf.path, leaf.provider.slug, leaf.held, leaf.model)
    tried.previous_secret = leaf.held is not None and leaf.credential is leaf.held.previous
    tried.retries, tried.waited_ms = retries, waited * 1000
    try:
        ask = passthrough.ask if leaf.call.fn == PASSTHROUGH else exchange.ask
        outcome = expired(leaf) or ask(leaf, record, tried)
    except ProviderError as error:
        outcome = exchange.failed(error, leaf.provider.slug)
    except BaseException as raised:
        record.tells(tried, 0, Problem(str(raised) or type(raised).__name__))
        raise
    record.tells(tried, outcome.counts_as, outcome.problem)
    return outcome


def expired(leaf: Leaf) -> Outcome | None:
    """The refusal of a virtual key whose day has passed."""
    held = leaf.held
    if held is None or held.expires_at is None or held.expires_at > datetime.now(UTC):
        return None
    problem = Problem(f"Portkey Virtual Key {held.slug} Expired", "virtual_key_expired_error", None, "01")
    return Outcome(401, errors.dump(errors.envelope(problem)), problem=problem, verdict="refused")


def told(path: str, provider: str, record: Record) -> dict[str, str]:
    """The headers every answer of a target carries."""
    return {
        "x-portkey-last-used-option-index": path,
        "x-portkey-cache-status": record.cache_status,
        errors.TRACE_HEADER: record.trace.id,
        "x-portkey-retry-attempt-count": str(record.retry_count),
        "x-portkey-provider": provider,
    }
