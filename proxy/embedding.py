"""One embedding, asked for the cache by a virtual key: bounded in time, on record, and never a call's end."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cache import numbers
from cache.semantic import Likeness
from keys import virtual_keys
from keys.errors import DirectoryAway
from keys.virtual_keys import HeldKey
from providers.catalog import PROVIDERS
from providers.errors import Garbled, ProviderError, TimedOut, Unrenderable
from providers.json_text import loads
from providers.types import JSON, Ask, Problem, Reading
from proxy import hiding, upstream
from proxy.record import Attempt, Record
from proxy.upstream import Reply

SECONDS = 5.0  # for all of it
LARGEST_ANSWER = 512 * 1024  # bytes; an embedding of 4,096 numbers has some 90,000
CHARACTERS = 4  # of a token, where a provider does not count them
FN, PATH = "embed", "cache"


def embedded(text: str, way: Likeness, workspace_id: str, record: Record) -> Any:
    """The direction of a text; None if it cannot be had, which is on record as an attempt."""
    held = found(workspace_id, way.virtual_key)
    tried = beside(record, held, way)
    try:
        if held is None:
            raise Unrenderable(f"The virtual key {way.virtual_key} for embeddings is not active.")
        with record.waiting():
            vector = asked(text, way, held, tried)
    except ProviderError as error:
        record.tells(tried, tried.status or error.status, Problem(error.message))
        return None
    record.tells(tried, tried.status, None)
    return vector


def found(workspace_id: str, slug: str) -> HeldKey | None:
    """The workspace's virtual key, if it can be used now."""
    try:
        held = virtual_keys.find(workspace_id, slug)
    except DirectoryAway:
        return None
    if held is None or (held.expires_at is not None and held.expires_at <= datetime.now(UTC)):
        return None
    return held


def beside(record: Record, held: HeldKey | None, way: Likeness) -> Attempt:
    """An attempt that stands before the leaf's own, which stays the call's last word."""
    of_leaf, held_before = record.attempts[-1:], record.held
    tried = record.tries(PATH, held.provider if held else "", held, way.model)
    if of_leaf:
        record.attempts[-2:] = [tried, *of_leaf]
    record.held = held_before
    return tried


def asked(text: str, way: Likeness, held: HeldKey, tried: Attempt) -> Any:
    """The provider's embedding. Raises ProviderError."""
    until = time.monotonic() + SECONDS
    provider, ask = PROVIDERS[held.provider], asking(text, way)
    wire = provider.request(FN, replace(ask, custom_host=bool(held.credential.base_url)), held.credential)
    tried.host = urlsplit(wire.url).netloc
    reply = upstream.send(wire, named_by_client=False, patience=SECONDS)
    reply.body = hiding.masked(reply.body, hiding.spellings(held.credential.secret))
    try:
        tried.status = reply.status
        body = read(reply, until)
    finally:
        reply.close()
    if reply.status != 200:
        raise Garbled(provider.problem(FN, reply.status, body, way.model).message, status=reply.status)
    answer = provider.answer(FN, ask, body, reading := Reading())
    tried.tokens = reading.usage.total if reading.usage else len(text) // CHARACTERS + 1
    if reading.problem:
        raise Garbled(reading.problem.message)
    return vector_in(answer, provider.name)


def asking(text: str, way: Likeness) -> Ask:
    body: JSON = {"model": way.model, "input": text}
    if way.dimensions:
        body["dimensions"] = way.dimensions
    return Ask("embeddings", body, b"", way.model)


def read(reply: Reply, until: float) -> bytes:
    """The whole body, if it comes in time. Raises ProviderError."""
    parts, size = [], 0
    reply.pause_at = until
    for piece in reply.body:
        if time.monotonic() >= until:
            raise TimedOut(f"{reply.name} did not answer within {SECONDS:g} s.")
        parts.append(piece)
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise Garbled(f"{reply.name} sent an embedding of more than {LARGEST_ANSWER} bytes.")
    return b"".join(parts)


def vector_in(answer: bytes, name: str) -> Any:
    """The first embedding of an answer. Raises Garbled."""
    try:
        return numbers.direction(loads(answer)["data"][0]["embedding"])
    except (ValueError, LookupError, TypeError):
        raise Garbled(f"{name} sent no embedding.") from None
