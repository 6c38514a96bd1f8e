"""The way of one call, top to bottom.

A call is handed down once and its answer comes up once. Whatever happens, one record opens when the key is
known and closes before the last bytes leave.
"""

from contextlib import ExitStack
from datetime import UTC, datetime

from keys.callers import Caller
from keys.errors import forbidden
from providers.errors import ProviderError
from providers.types import Problem
from proxy import body, errors, exchange, routing, upstream, watch
from proxy import call as calls
from proxy.call import Call, Headers
from proxy.outcome import Outcome
from proxy.record import Attempt, Record
from proxy.routing import Leaf, Walk

SCOPE = "completions.write"


def answer(caller: Caller, fn: str, dialect: str, headers: Headers) -> Outcome:
    """What the client gets. A stream inside it ends the call when it is closed."""
    with ExitStack() as ending:
        ending.callback(watch.begin(headers.environ).end)
        record = ending.enter_context(Record(caller, headers, fn, dialect))
        permit(caller, headers)
        call = read(record, fn, dialect, headers)
        node = routing.tree(caller, call, headers.environ.get("QUERY_STRING", ""))
        outcome = follow(routing.walk(node), call, record)
        if outcome.stream:
            outcome.stream.ending = ending.pop_all()
        else:
            record.finish(outcome.verdict, outcome.status, outcome.reading, outcome.problem, outcome.bodies)
        return outcome


def permit(caller: Caller, headers: Headers) -> None:
    """Refuse what this key may not do, and a call that left this gateway and came back."""
    if SCOPE not in caller.scopes or not caller.workspace_id:
        raise forbidden()
    if headers.get(upstream.LOOP_HEADER) == upstream.LOOP_MARK:
        raise errors.LoopFound


def read(record: Record, fn: str, dialect: str, headers: Headers) -> Call:
    """The call in the body. One that cannot be read is on record all the same."""
    raw = body.read(headers.environ)
    try:
        call = calls.read(fn, dialect, headers, raw)
    except Exception:
        record.open(raw)
        raise
    record.open(raw, model=call.model, stream=call.stream)
    return call


def follow(walk: Walk, call: Call, record: Record) -> Outcome:
    """Try the leaves the walk names, telling it what came of each, until it says which outcome counts."""
    leaf = next(walk)
    while True:
        try:
            leaf = walk.send(attempt(leaf, call, record))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def attempt(leaf: Leaf, call: Call, record: Record) -> Outcome:
    """Ask the leaf's provider; every failure is an outcome, which carries the headers of §1.5."""
    tried = record.tries(leaf.path, leaf.provider.slug, leaf.held, leaf.model)
    try:
        outcome = expired(leaf) or exchange.ask(leaf, call, record, tried)
    except ProviderError as error:
        outcome = exchange.failed(error, leaf.provider.slug)
    record.tells(tried, outcome.status, outcome.problem)
    if outcome.headers is not exchange.GATEWAY_EXCEPTION:
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
