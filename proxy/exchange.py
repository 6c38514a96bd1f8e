"""One request to one provider and its answer, read as far as the client's first byte needs."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from providers.errors import Garbled, NotSupported, ProviderError, TimedOut
from providers.types import Ask, Problem, Reading, WireRequest
from proxy import apart, errors, forwarding, upstream
from proxy.apart_child import Bytes
from proxy.call import Call
from proxy.outcome import Outcome
from proxy.record import Attempt, Record, cap
from proxy.routing import Leaf
from proxy.streaming import Stream
from proxy.upstream import Reply

LARGEST_ANSWER = 64 * 1024 * 1024  # bytes of a whole answer
LARGEST_ERROR = 1024 * 1024
GATEWAY_EXCEPTION = {"x-portkey-gateway-exception": "true"}  # nothing was asked of any provider


def ask(leaf: Leaf, call: Call, record: Record, tried: Attempt) -> Outcome:
    """Put the call in the provider's words, send it, and read what comes. Raises ProviderError."""
    raw = b"" if apart.is_large(call.raw) else bytes(call.raw)
    asked = Ask(call.dialect, call.body, raw, leaf.model, call.strict, call.headers)
    wire = rendered(leaf, call, asked)
    if leaf.forward:
        forwarding.add(wire.headers, call.headers, leaf.forward)
    record.ignored = wire.ignored
    tried.host = urlsplit(wire.url).netloc
    began = time.perf_counter()
    try:
        reply = sent(wire, leaf)
        try:
            return read(reply, leaf, call, asked, wire, record)
        except BaseException:
            reply.close()
            raise
    finally:
        record.waited(began)


def rendered(leaf: Leaf, call: Call, asked: Ask) -> WireRequest:
    """The call in the provider's words."""
    if apart.is_large(call.raw):
        return apart.request(leaf.provider, call.fn, asked, call.raw, leaf.credential)
    return leaf.provider.request(call.fn, asked, leaf.credential)


def sent(wire: WireRequest, leaf: Leaf) -> Reply:
    """The provider's reply. Its headers must be there within the leaf's own time, if it has one."""
    began = time.monotonic()
    try:
        return upstream.send(wire, named_by_client=leaf.named_by_client, patience=leaf.timeout)
    except TimedOut:
        if leaf.timeout is None or time.monotonic() < began + leaf.timeout:
            raise
        milliseconds = f"{leaf.timeout * 1000:g}ms"
        raise TimedOut(f"Request exceeded the timeout sent in the request: {milliseconds}") from None


def read(reply: Reply, leaf: Leaf, call: Call, asked: Ask, wire: WireRequest, record: Record) -> Outcome:
    """An error, a stream or a whole answer, by its status and type."""
    if not 200 <= reply.status < 300:
        return refused(reply, leaf, call.fn)
    if call.stream and reply.headers.get("content-type", "").startswith("text/event-stream"):
        return streamed(reply, leaf, call.fn, asked, wire, record)
    return whole(reply, leaf, call.fn, asked, wire)


def refused(reply: Reply, leaf: Leaf, fn: str) -> Outcome:
    """The provider's error in the one shape all have, its status kept; a redirect is never followed."""
    if reply.status < 400:
        raise Garbled(
            f"{leaf.provider.name} answered with a redirect ({reply.status}), which is not followed."
        )
    received = bytes(hidden(reply.read(LARGEST_ERROR), leaf))
    problem = leaf.provider.problem(fn, reply.status, received)
    body = errors.dump(errors.envelope(problem, leaf.provider.slug))
    return Outcome(
        reply.status,
        body,
        headers=shown(reply, leaf),
        verdict="failed",
        problem=problem,
        bodies={"received": received, "response": body},
    )


def whole(reply: Reply, leaf: Leaf, fn: str, asked: Ask, wire: WireRequest) -> Outcome:
    """A whole answer in the client's dialect."""
    reading = Reading()
    body: Bytes
    received = hidden(reply.read(LARGEST_ANSWER), leaf)
    if apart.is_large(received):
        body = apart.answer(leaf.provider, fn, asked, received, reading)
    else:
        body = leaf.provider.answer(fn, asked, bytes(received), reading)
    bodies: dict[str, Bytes] = {"response": body}
    if body != received:
        bodies |= {"sent": wire.body, "received": received}
    headers = shown(reply, leaf)
    verdict = "failed" if reading.problem else "finished"  # an error some send with a status of 200
    return Outcome(
        reply.status,
        body,
        headers=headers,
        verdict=verdict,
        reading=reading,
        problem=reading.problem,
        bodies=bodies,
    )


def streamed(reply: Reply, leaf: Leaf, fn: str, asked: Ask, wire: WireRequest, record: Record) -> Outcome:
    """A streamed answer, held until it is worth something; one that fails before that is an error."""
    reading, slug = Reading(), leaf.provider.slug
    native = leaf.provider.speaks(fn, asked.dialect)
    received: list[bytes] = []
    chunks = reply.body if native else kept(reply.body, received)
    pieces = leaf.provider.stream(fn, asked, chunks, reading)
    stream = Stream(hidden_pieces(pieces, reading, leaf), reading, reply, record, slug)
    if not native:
        stream.sent, stream.received = wire.body, received
        stream.hide = partial(hidden, leaf=leaf)
    stream.hold(settings.STREAM_HOLD_SECONDS)
    headers = shown(reply, leaf)
    if stream.problem is None:
        return Outcome(reply.status, content_type="text/event-stream", headers=headers, stream=stream)
    reply.close()
    problem = stream.problem
    body = errors.dump(errors.envelope(problem, slug))
    return Outcome(
        problem.status or 502,
        body,
        headers=headers,
        verdict="failed",
        reading=reading,
        problem=problem,
        bodies=stream.bodies() | {"response": body},
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
    status = errors.status_of(error)
    problem = errors.problem_of(error, slug)
    if isinstance(error, NotSupported):
        body, headers = errors.dump(errors.failure(error.message)), GATEWAY_EXCEPTION
        return Outcome(status, body, headers=headers, verdict="failed", problem=problem)
    body = errors.dump(errors.envelope(problem, "" if isinstance(error, TimedOut) else slug))
    return Outcome(status, body, verdict="failed", problem=problem, bodies={"response": body})


def hidden(received: Bytes, leaf: Leaf) -> Bytes:
    """What the provider sent, without the credential: some echo the request they refuse."""
    secret = leaf.credential.secret.encode()
    return received.replace(secret, mask(leaf)) if secret and holds(received, secret) else received


def holds(content: Bytes, text: bytes) -> bool:
    """Whether the text is in there; the others get their turn while a large content is searched."""
    for start in range(0, len(content), apart.LARGE):
        if content.find(text, start, start + apart.LARGE + len(text)) >= 0:
            return True
        if start:
            time.sleep(0)
    return False


def hidden_pieces(pieces: Iterator[bytes], reading: Reading, leaf: Leaf) -> Iterator[bytes]:
    """The same for a stream, and for the error that may end it."""
    secret = leaf.credential.secret.encode()
    for piece in pieces:
        yield piece.replace(secret, mask(leaf)) if secret and secret in piece else piece
    if reading.problem:
        reading.problem = hidden_problem(reading.problem, leaf)


def hidden_problem(problem: Problem, leaf: Leaf) -> Problem:
    texts: dict[str, Any] = {
        name: hidden_text(value, leaf)
        for name in ("message", "type", "param", "code")
        if isinstance(value := getattr(problem, name), str)
    }
    return replace(problem, **texts)


def shown(reply: Reply, leaf: Leaf) -> dict[str, str]:
    """The provider's headers that the client gets to see."""
    headers = forwarding.answered(reply.headers)
    return {name: hidden_text(value, leaf) for name, value in headers.items()}


def hidden_text(text: str, leaf: Leaf) -> str:
    secret = leaf.credential.secret
    return text.replace(secret, mask(leaf).decode()) if secret and secret in text else text


def mask(leaf: Leaf) -> bytes:
    secret = leaf.credential.secret
    return f"{secret[:2]}********{secret[-3:]}".encode() if len(secret) > 12 else b"********"
