"""The way of one call, top to bottom.

A call is handed down once and its answer comes up once. Whatever happens, one record opens when the key is
known and closes before the last bytes leave.
"""

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from keys import virtual_keys
from keys.callers import Caller
from keys.errors import DirectoryAway, forbidden
from keys.virtual_keys import HeldKey
from providers.errors import ProviderError
from providers.types import Problem
from proxy import apart, body, catalogue, errors, exchange, passthrough, routing, upstream, watch
from proxy import call as calls
from proxy.call import MODELS, PASSTHROUGH, Call, Headers
from proxy.outcome import Outcome
from proxy.record import Attempt, Record
from proxy.routing import Leaf, Node, Walk

REFUSED = (401, 403)  # how a provider answers a credential it does not accept
SCOPE = "completions.write"
LISTING_SCOPE = "virtual_keys.list"  # enough for a list of models


def answer(caller: Caller, fn: str, dialect: str, headers: Headers) -> Outcome:
    """What the client gets. A stream inside it ends the call when it is closed."""
    with ExitStack() as ending:
        watched = watch.begin(headers.environ)
        ending.callback(watched.end)
        record = ending.enter_context(Record(caller, headers, fn, dialect, watched))
        permit(caller, fn, headers)
        call, node = read(record, caller, fn, dialect, headers)
        outcome = follow(routing.walk(node), call, record) if node else known_models(caller)
        if outcome.stream:
            outcome.stream.ending = ending.pop_all()
        else:
            record.finish(outcome.verdict, outcome.status, outcome.reading, outcome.problem, outcome.bodies)
        return outcome


def permit(caller: Caller, fn: str, headers: Headers) -> None:
    """Refuse what this key may not do, and a call that left this gateway and came back."""
    allowed = SCOPE in caller.scopes or (fn == MODELS and LISTING_SCOPE in caller.scopes)
    if not allowed or not caller.workspace_id:
        raise forbidden()
    if headers.get(upstream.LOOP_HEADER) == upstream.LOOP_MARK:
        raise errors.LoopFound


def read(record: Record, caller: Caller, fn: str, dialect: str, headers: Headers) -> tuple[Call, Node | None]:
    """The call in the body and what it is to try; None for a list of models that names no provider.

    One that cannot be read is on record all the same.
    """
    raw = body.read(headers.environ)
    if apart.is_large(raw):
        record.open(raw)  # reading it takes a while
    try:
        call = calls.read(fn, dialect, headers, raw)
        record.model, record.stream = call.model, call.stream
        query = headers.environ.get("QUERY_STRING", "")
        node = routing.tree(caller, call, query) if fn != MODELS or routing.named(call, query) else None
    except Exception:
        record.open(raw)
        raise
    record.open(raw, node)
    return call, node


def known_models(caller: Caller) -> Outcome:
    """The models of the workspace's own virtual keys."""
    listed = catalogue.models(caller.workspace_id)
    return Outcome(200, listed, bodies={"response": listed})


def follow(walk: Walk, call: Call, record: Record) -> Outcome:
    """Try the leaves the walk names, telling it what came of each, until it says which outcome counts."""
    leaf = next(walk)
    while True:
        try:
            leaf = walk.send(served(leaf, call, record))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def served(leaf: Leaf, call: Call, record: Record) -> Outcome:
    """What came of the leaf. Where the provider refuses its credential, the key's other one is tried too.

    It is an attempt of its own, and what came of that counts, unless it is refused as well.
    """
    outcome = attempt(leaf, call, record)
    if not is_refusal(outcome) or (other := with_other_credential(leaf)) is None:
        return outcome
    again = attempt(other, call, record)
    return outcome if is_refusal(again) else again


def is_refusal(outcome: Outcome) -> bool:
    """Whether the provider, and not the gateway, says that it does not accept the credential."""
    return outcome.status in REFUSED and outcome.verdict == "failed"


def with_other_credential(leaf: Leaf) -> Leaf | None:
    """The leaf with what its key holds beside the credential that was refused; None where there is nothing.

    By what is known of the key now: the call may have waited long, and a grace been ended, a key switched off
    or a secret replaced meanwhile. A key that leads elsewhere by now is no longer this leaf's.
    """
    if leaf.held is None or (now := known_now(leaf.held)) is None:
        return None
    if now.credential != leaf.credential:
        return replace(leaf, held=now, credential=now.credential)
    if now.previous is None or now.previous_until is None or now.previous_until <= datetime.now(UTC):
        return None
    return replace(leaf, held=now, credential=now.previous)


def known_now(held: HeldKey) -> HeldKey | None:
    """The same key as the directory has it now; None if it is not to be used, or that cannot be told."""
    try:
        now = virtual_keys.find(held.workspace_id, held.slug)
    except DirectoryAway:
        return None
    if now is None or (now.integration_id, now.provider) != (held.integration_id, held.provider):
        return None
    return now


def attempt(leaf: Leaf, call: Call, record: Record) -> Outcome:
    """Ask the leaf's provider; every failure is an outcome, which carries the headers of §1.5."""
    tried = record.tries(leaf.path, leaf.provider.slug, leaf.held, leaf.model)
    tried.previous_secret = leaf.held is not None and leaf.credential is leaf.held.previous
    try:
        ask = passthrough.ask if call.fn == PASSTHROUGH else exchange.ask
        outcome = expired(leaf) or ask(leaf, call, record, tried)
    except ProviderError as error:
        outcome = exchange.failed(error, leaf.provider.slug)
    except BaseException as raised:
        record.tells(tried, 0, Problem(str(raised) or type(raised).__name__))
        raise
    record.tells(tried, outcome.status, outcome.problem)
    if not outcome.unasked:
        outcome.headers = {**outcome.headers, **told(tried, record)}
    return outcome


def expired(leaf: Leaf) -> Outcome | None:
    """The refusal of a virtual key whose day has passed."""
    held = leaf.held
    if held is None or held.expires_at is None or held.expires_at > datetime.now(UTC):
        return None
    problem = Problem(f"Portkey Virtual Key {held.slug} Expired", "virtual_key_expired_error", None, "01")
    return Outcome(401, errors.dump(errors.envelope(problem)), problem=problem, verdict="refused")


def told(tried: Attempt, record: Record) -> dict[str, str]:
    """The headers every answer of a leaf carries."""
    return {
        "x-portkey-last-used-option-index": tried.path,
        "x-portkey-cache-status": "DISABLED",
        errors.TRACE_HEADER: record.trace.id,
        "x-portkey-retry-attempt-count": str(tried.retries),
        "x-portkey-provider": tried.provider,
    }
