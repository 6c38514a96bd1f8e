"""The way of one call, top to bottom.

A call is handed down once and its answer comes up once. Whatever happens, one record opens when the key is
known and closes before the last bytes leave.
"""

from contextlib import ExitStack

from configs import sticky
from configs.tree import Target
from keys.callers import Caller
from keys.errors import forbidden
from proxy import apart, body, catalogue, choosing, errors, routing, tries, upstream, watch
from proxy import call as calls
from proxy.call import MODELS, Headers
from proxy.errors import InvalidConfig, InvalidRequest
from proxy.outcome import Outcome
from proxy.plan import Plan
from proxy.record import FELL_BACK, Record
from proxy.routing import Draw

SCOPE = "completions.write"
LISTING_SCOPE = "virtual_keys.list"  # enough for a list of models


def answer(caller: Caller, fn: str, dialect: str, headers: Headers) -> Outcome:
    """What the client gets. A stream inside it ends the call when it is closed."""
    with ExitStack() as ending:
        watched = watch.begin(headers.environ)
        ending.callback(watched.end)
        watched.whose = caller.workspace_id or ""
        record = ending.enter_context(Record(caller, headers, fn, dialect, watched))
        permit(caller, fn, headers)
        plan = read(record, caller, fn, dialect, headers)
        outcome = follow(plan, record) if plan else known_models(caller)
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


def read(record: Record, caller: Caller, fn: str, dialect: str, headers: Headers) -> Plan | None:
    """The call in the body and what it is to try; None for a list of models that names no provider.

    One that cannot be read is on record all the same.
    """
    raw = body.read(headers.environ)
    if apart.is_large(raw):
        record.open(raw)  # reading it takes a while
    try:
        call = calls.read(fn, dialect, headers, raw)
        record.model, record.stream = call.model, call.stream
        chosen = choosing.chosen(caller, headers)
        if chosen.slug:
            record.follows(chosen.facts())
        plan = Plan.of(chosen, call, caller)
    except Exception as error:
        if isinstance(error, InvalidConfig):
            record.follows(error.facts)
        record.open(raw)
        raise
    record.open(raw, plan.only if plan else None)
    return plan


def known_models(caller: Caller) -> Outcome:
    """The models of the workspace's own virtual keys."""
    listed = catalogue.models(caller.workspace_id)
    return Outcome(200, listed, bodies={"response": listed})


def follow(plan: Plan, record: Record) -> Outcome:
    """Try the targets the walk names, telling it what came of each, until it says which outcome counts."""
    if isinstance(root := plan.tree.root, Target):  # as nearly always: there is no way to find
        return tries.served(root, plan, record)
    walk = routing.walk(root, plan.asking(record.skipped))
    asked, outcome = next(walk), None
    while True:
        if isinstance(asked, Draw):
            came: Outcome | int = remembered(asked, plan)
        else:
            if outcome is not None:
                record.leaves(FELL_BACK)
                outcome.leave()
            came = outcome = tries.served(asked, plan, record)
            if used_up := tries.what_is_used_up(record):
                outcome.is_last = True
                record.adds_to_error(f"Nothing else is tried: the call has had its {used_up}.")
        try:
            asked = walk.send(came)
        except StopIteration as end:
            counts: Outcome = end.value
            return counts
        except InvalidRequest:  # to where nothing can be asked
            record.leaves(FELL_BACK)
            raise


def remembered(draw: Draw, plan: Plan) -> int:
    """The target that a sticky load balancer gives this caller."""
    who = sticky.identifier(
        draw.sticky, plan.caller.id, plan.facts().metadata, plan.call.body, plan.call.headers
    )
    return sticky.remembered(plan.lasting_place(draw.path), who, draw.among, draw.sticky.ttl)
