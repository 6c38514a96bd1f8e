"""One request to one provider and its answer, read as far as the client's first byte needs."""

import time
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from django.conf import settings

from providers.errors import Garbled, NotSupported, ProviderError, TimedOut, Unrenderable
from providers.types import Ask, Reading, WireRequest
from proxy import apart, caching, errors, forwarding, hiding, upstream
from proxy.apart_child import Bytes
from proxy.outcome import Outcome
from proxy.record import Attempt, Record, cap
from proxy.streaming import BROKEN, Stream
from proxy.targets import Leaf
from proxy.upstream import Reply

LARGEST_ANSWER = 64 * 1024 * 1024  # bytes of a whole answer
LARGEST_ERROR = 1024 * 1024
GATEWAY_EXCEPTION = {"x-portkey-gateway-exception": "true"}  # nothing was asked of any provider


def ask(leaf: Leaf, record: Record, tried: Attempt) -> Outcome:
    """Put the call in the provider's words, send it, and read what comes. Raises ProviderError."""
    call = leaf.call
    raw = b"" if apart.is_large(call.raw) else bytes(call.raw)
    asked = Ask(
        call.dialect,
        call.body,
        raw,
        leaf.model,
        call.strict,
        call.headers,
        path=call.path,
        custom_host=bool(leaf.credential.base_url),
    )
    wire = rendered(leaf, asked)
    if leaf.forward:
        settings = {setting.header for setting in leaf.provider.settings} if leaf.held else set()
        forwarding.add(wire.headers, call.headers, leaf.forward, settings)
    record.ignored = wire.ignored
    consulted = caching.consult(leaf, wire, record, asked)
    if consulted.outcome is not None:
        return consulted.outcome
    tried.host = urlsplit(wire.url).netloc
    with record.waiting():
        reply = sent(wire, leaf)
    try:
        return consulted.keeping(read(reply, leaf, asked, wire, record))
    except BaseException:
        reply.close()
        raise


def rendered(leaf: Leaf, asked: Ask) -> WireRequest:
    """The call in the provider's words."""
    call = leaf.call
    if apart.is_large(call.raw):
        return apart.request(leaf.provider, call.fn, asked, call.raw, leaf.credential)
    return leaf.provider.request(call.fn, asked, leaf.credential)


def sent(wire: WireRequest, leaf: Leaf) -> Reply:
    """The provider's reply. Its headers must be there within the leaf's own time, if it has one."""
    began = time.monotonic()
    try:
        reply = upstream.send(wire, named_by_client=leaf.named_by_client, patience=leaf.timeout)
    except TimedOut:
        if leaf.timeout is None or time.monotonic() < began + leaf.timeout:
            raise
        milliseconds = f"{leaf.timeout * 1000:g}ms"
        raise TimedOut(f"Request exceeded the timeout sent in the request: {milliseconds}") from None
    reply.body = hiding.masked(reply.body, secrets(leaf))
    return reply


def secrets(leaf: Leaf) -> tuple[str, ...]:
    """What no answer may show: the credential, and the one it took over from while that is still tried."""
    held = leaf.held
    if held is None or held.previous is None:
        return hiding.spellings(leaf.credential.secret)
    return hiding.spellings(held.credential.secret) + hiding.spellings(held.previous.secret)


def read(reply: Reply, leaf: Leaf, asked: Ask, wire: WireRequest, record: Record) -> Outcome:
    """An error, a stream or a whole answer, by its status and type."""
    call = leaf.call
    if not 200 <= reply.status < 300:
        return refused(reply, leaf, call.fn, record)
    if call.stream and reply.headers.get("content-type", "").lower().startswith("text/event-stream"):
        return streamed(reply, leaf, call.fn, asked, wire, record)
    return whole(reply, leaf, call.fn, asked, wire, record)


def refused(reply: Reply, leaf: Leaf, fn: str, record: Record) -> Outcome:
    """The provider's error in the one shape all have, its status kept; a redirect is never followed."""
    if reply.status < 400:
        raise redirected(reply, leaf)
    with record.waiting():
        received = bytes(reply.read(LARGEST_ERROR))
    problem = leaf.provider.problem(fn, reply.status, received, leaf.model)
    body = errors.dump(errors.envelope(problem, leaf.provider.slug))
    return Outcome(
        reply.status,
        body,
        headers=shown(reply, leaf),
        verdict="failed",
        problem=problem,
        bodies={"received": received, "response": body},
    )


def redirected(reply: Reply, leaf: Leaf) -> Garbled:
    """A redirect is an error: a credential must not go where an answer says."""
    return Garbled(f"{leaf.provider.name} answered with a redirect ({reply.status}), which is not followed.")


def whole(reply: Reply, leaf: Leaf, fn: str, asked: Ask, wire: WireRequest, record: Record) -> Outcome:
    """A whole answer in the client's dialect."""
    reading = Reading()
    body: Bytes
    with record.waiting():
        received = reply.read(LARGEST_ANSWER)
    if apart.is_large(received):
        body = apart.answer(leaf.provider, fn, asked, received, reading)
    else:
        body = leaf.provider.answer(fn, asked, bytes(received), reading)
    problem, status = reading.problem, reply.status
    if problem:  # an error that some send with a status of 200
        status = problem.status or 502
        body = errors.dump(errors.envelope(problem, leaf.provider.slug))
    bodies: dict[str, Bytes] = {"response": body}
    if body != received:
        bodies |= {"sent": wire.body, "received": received}
    verdict = "failed" if problem else "finished"
    headers = shown(reply, leaf)
    return Outcome(
        status, body, headers=headers, verdict=verdict, reading=reading, problem=problem, bodies=bodies
    )


def streamed(reply: Reply, leaf: Leaf, fn: str, asked: Ask, wire: WireRequest, record: Record) -> Outcome:
    """A streamed answer, held until it is worth something; one that fails before that is an error."""
    reading, slug = Reading(), leaf.provider.slug
    native = leaf.provider.speaks(fn, asked)
    received: list[bytes] = []
    chunks = reply.body if native else kept(reply.body, received)
    pieces = leaf.provider.stream(fn, asked, chunks, reading)
    stream = Stream(pieces, reading, reply, record, slug)
    if not native:
        stream.sent, stream.received = wire.body, received
    with record.waiting():
        stream.hold(settings.STREAM_HOLD_SECONDS)
    headers = shown(reply, leaf)
    if stream.problem is None:
        return Outcome(reply.status, content_type="text/event-stream", headers=headers, stream=stream)
    reply.close()
    problem = stream.problem
    body = errors.dump(errors.envelope(problem, slug))
    return Outcome(
        problem.status or 500,
        body,
        headers=headers,
        verdict="failed",
        reading=reading,
        problem=problem,
        bodies=stream.bodies() | {"response": body},
        is_retryable=problem.type == BROKEN,  # as before the headers
    )


def kept(chunks: Iterable[bytes], received: list[bytes]) -> Iterator[bytes]:
    """The provider's own bytes, as many as the record keeps, on their way to be translated."""
    room = cap()
    for chunk in chunks:
        if room > 0:
            received.append(chunk)
            room -= len(chunk)
        yield chunk


def failed(error: ProviderError, slug: str) -> Outcome:
    """A failure without an answer of the provider's, as an outcome."""
    problem = errors.problem_of(error, slug)
    if isinstance(error, NotSupported):
        body = errors.dump(errors.failure(error.message))
        return Outcome(
            error.status, body, headers=GATEWAY_EXCEPTION, verdict="refused", problem=problem, unasked=True
        )
    body = errors.dump(errors.envelope(problem, slug))
    verdict = "refused" if isinstance(error, Unrenderable) else "failed"
    return Outcome(
        error.status,
        body,
        verdict=verdict,
        problem=problem,
        bodies={"response": body},
        is_retryable=error.retryable and not isinstance(error, TimedOut),
    )


def shown(reply: Reply, leaf: Leaf) -> dict[str, str]:
    """The provider's headers that the client gets to see."""
    headers = forwarding.answered(reply.headers)
    for secret in secrets(leaf):
        headers = hiding.headers(headers, secret)
    return headers
