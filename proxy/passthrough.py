"""A call to a path we do not know: it goes to the provider as it came, and the answer comes back as it is.

Method, path, query and body are the client's, as are all headers but those that are ours to set
(proxy/forwarding.py). A virtual key must allow it, for such a call can do whatever its credential can.
"""

import errno
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from providers import overhearing, passing
from providers.problems import problem_of, unreadable
from providers.types import Ask, Problem, Reading, WireRequest
from proxy import apart, body, caching, errors, exchange, form, forwarding, hiding
from proxy.apart_child import Bytes
from proxy.call import Call
from proxy.outcome import Outcome
from proxy.record import Attempt, Record
from proxy.streaming import Stream
from proxy.targets import Leaf
from proxy.upstream import Reply

EMPTY = (204, 205, 304)  # statuses whose answer has no body
UNDERSTOOD = 64 * 1024  # bytes of an error answer that are looked into
# An answer can be anything, and the admin is served from the same host: no browser is to make a page of it.
HARMLESS = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}


def ask(leaf: Leaf, record: Record, tried: Attempt) -> Outcome:
    """Send the call on and pass the answer back. Raises ProviderError."""
    call = leaf.call
    if leaf.held and not leaf.held.passthrough:
        return forbidden(leaf.held.slug, call)
    wire = addressed(leaf, call)
    consulted = caching.consult(leaf, wire, record, headers=HARMLESS)
    if consulted.outcome is not None:
        return consulted.outcome
    tried.host = urlsplit(wire.url).netloc
    with record.waiting():
        reply = exchange.sent(wire, leaf)
    try:
        outcome = consulted.keeping(read(reply, leaf, record))
    except BaseException:
        reply.close()
        raise
    if wire.body is not call.raw:
        outcome.bodies["sent"] = wire.body
    return outcome


def forbidden(slug: str, call: Call) -> Outcome:
    """The refusal of a virtual key that serves known paths only."""
    path = call.path.partition("?")[0]
    message = (
        f"The virtual key {slug} allows the gateway's own calls only, and {call.method} /v1{path} is none."
    )
    problem = Problem(message, "passthrough_not_allowed")
    body = {"type": "error", **errors.envelope(problem)}  # Anthropic's clients look for the type
    return Outcome(403, errors.dump(body), problem=problem, verdict="refused")


def addressed(leaf: Leaf, call: Call) -> WireRequest:
    """The client's request at the provider's address."""
    asked = Ask("", call.body, b"", leaf.model, headers=call.headers, method=call.method, path=call.path)
    wire = leaf.provider.passed(asked, leaf.credential, relabelled(leaf, call))
    ours = {setting.header for setting in leaf.provider.settings} if leaf.held else set()
    forwarding.pass_on(wire.headers, call.headers, ours)
    return wire


def relabelled(leaf: Leaf, call: Call) -> Bytes:
    """The client's body; where it names a virtual key before the model, without it."""
    if call.model == leaf.model:
        return call.raw
    if call.form is not None:
        return form.relabelled(call.form, call.raw, leaf.model)
    if not call.body:
        return call.raw
    if apart.is_large(call.raw):
        return apart.relabelled(call.raw, leaf.model)
    return passing.relabelled(Ask("", call.body, bytes(call.raw), leaf.model))


def read(reply: Reply, leaf: Leaf, record: Record) -> Outcome:
    """An error, or one JSON value, is read whole so that the record knows what was used; the rest flows."""
    kind = reply.headers.get("content-type", "")
    for secret in exchange.secrets(leaf):
        kind = hiding.text(kind, secret)
    if 300 <= reply.status < 400 and reply.status not in EMPTY:
        raise exchange.redirected(reply, leaf)
    if reply.status in EMPTY or reply.status >= 400 or (body.is_json(kind) and not is_huge(reply)):
        return whole(reply, kind, leaf, record)
    return streamed(reply, kind, leaf, record)


def is_huge(reply: Reply) -> bool:
    """Whether an answer says that it is more than can be read whole."""
    length = reply.headers.get("content-length", "")
    return length.isdecimal() and int(length) > exchange.LARGEST_ANSWER


def whole(reply: Reply, kind: str, leaf: Leaf, record: Record) -> Outcome:
    reading = Reading(content=True, ended=True)
    with record.waiting():
        received = reply.read(exchange.LARGEST_ANSWER)
    problem = None
    if reply.status >= 400:
        problem = told(leaf.provider.slug, bytes(received[:UNDERSTOOD]))
    elif apart.is_large(received):
        apart.overhear(leaf.provider, received, reading)
    else:
        overhearing.answer(leaf.provider.slug, received, reading)
    return Outcome(
        reply.status,
        received,
        content_type=kind,
        headers=exchange.shown(reply, leaf) | HARMLESS,
        verdict="failed" if problem else "finished",
        reading=reading,
        problem=problem,
        bodies={"response": received},
    )


def told(slug: str, body: bytes) -> Problem:
    """What an error says, for the record; one that is nested beyond measure says nothing."""
    try:
        return problem_of(slug, body)
    except RecursionError:
        return unreadable(slug, body)


def streamed(reply: Reply, kind: str, leaf: Leaf, record: Record) -> Outcome:
    reading, slug = Reading(), leaf.provider.slug
    if kind.lower().startswith("text/event-stream"):
        pieces = overhearing.stream(slug, reply.body, reading, attentive=record.is_routed)
    else:
        pieces = overhearing.unheard(reply.body, reading)
    stream = Passing(pieces, reading, reply, record, slug)
    with record.waiting():
        stream.hold(settings.STREAM_HOLD_SECONDS)
    headers = exchange.shown(reply, leaf) | HARMLESS
    outcome = Outcome(reply.status, content_type=kind, headers=headers, stream=stream)
    if (problem := reading.problem) and not reading.content:
        outcome.problem, outcome.amounts_to = problem, problem.status or 500
    return outcome


class Passing(Stream):
    """An answer that is passed on as it comes, whatever it is. Where it breaks off, so do we.

    Where its end can be told, its record closes before the end leaves; else when nothing more comes.
    """

    @property
    def is_decided(self) -> bool:
        return super().is_decided or self.reading.problem is not None

    def passing(self) -> Iterator[bytes]:
        if self.held:
            yield self.keep(self.held)
        for piece in self.pieces:
            if piece:
                self.advance(piece)
                yield self.keep(piece)
        self.passed()
        self.reply.settle()

    def keep(self, piece: bytes) -> bytes:
        if self.size < self.cap:
            self.kept.append(piece)
        self.size += len(piece)
        if self.reading.ended:
            self.passed()
        return piece

    def passed(self) -> None:
        """Nothing that counts comes any more."""
        self.finish("failed" if self.reading.problem else "finished", self.reading.problem)

    def ends(self, outcome: str, problem: Problem) -> bytes:
        """The connection is cut, for nothing can be added to bytes of an unknown kind.

        To the server it is as if the client had cut it, of which it makes no fuss.
        """
        self.finish(outcome, problem)
        raise ConnectionResetError(errno.ECONNRESET, "The provider's answer broke off.") from None
