"""Trying a stored credential out, for somebody in the admin: one real call by the door all calls leave by.

It is the cheapest the provider offers: its list of models, or one token of a model that is named. It is no
call of an app, so it leaves no row; what came back is shown as text, with the secrets hidden.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from keys import tokens
from keys.crypto import Unsealable
from keys.models import Integration
from providers.catalog import PROVIDERS
from providers.errors import ProviderError, TimedOut
from providers.json_text import dumps
from providers.types import Ask, Credential, Provider, Reading, WireRequest
from proxy import hiding, upstream
from proxy.upstream import Reply

SECONDS = 10.0  # for all of it
LARGEST = 1024 * 1024  # bytes of an answer that are read
SHOWN = 4096  # characters of it that are shown
PUBLIC_LISTS = {"openrouter"}  # whose models are told without a key, so that a list shows nothing of it


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of it. `status` is 0 where no answer came; `seconds` until it was there."""

    asked: str
    status: int
    seconds: float
    text: str
    problem: str = ""

    @property
    def works(self) -> bool:
        return 200 <= self.status < 300 and not self.problem


def lists_models(provider: Provider) -> bool:
    """Whether its list of models shows that a key is accepted."""
    return "models" in provider.operations and provider.slug not in PUBLIC_LISTS


def tried(integration: Integration, model: str = "") -> Tested:
    """Ask the provider with this credential alone. `model`: "" for the list of models."""
    provider = PROVIDERS[integration.provider]
    try:
        credential, before = integration.credential(), integration.previous_credential()
        fn, asked = ask(model, custom_host=bool(credential.base_url))
        wire = provider.request(fn, asked, credential)
    except (ProviderError, Unsealable) as error:
        return Tested("", 0, 0, "", str(error))
    return exchange(provider, fn, asked, wire, secrets(credential, before))


def ask(model: str, *, custom_host: bool) -> tuple[str, Ask]:
    """What is asked, and its fn."""
    if not model:
        return "models", Ask("models", {}, b"", "", method="GET", custom_host=custom_host)
    messages = [{"role": "user", "content": "Hi"}]
    body = {"model": model, "messages": messages, "max_completion_tokens": 1}
    return "chatComplete", Ask("chat", body, dumps(body), model, custom_host=custom_host)


def secrets(*credentials: Credential | None) -> list[str]:
    """What is not to be shown, whoever sends it back."""
    return [spelled for each in credentials if each is not None for spelled in hiding.spellings(each.secret)]


def exchange(provider: Provider, fn: str, asked: Ask, wire: WireRequest, hidden: list[str]) -> Tested:
    """Send it, and tell what came."""
    began = time.monotonic()
    where = f"{wire.method} {wire.url}"
    try:
        status, body = answered(wire, hidden, began + SECONDS)
    except ProviderError as error:
        return Tested(where, 0, time.monotonic() - began, "", masked(error.message, hidden))
    took = time.monotonic() - began
    text, problem = read(provider, fn, asked, status, body)
    return Tested(where, status, took, text[:SHOWN], problem)


def answered(wire: WireRequest, hidden: list[str], by: float) -> tuple[int, bytes]:
    """The status and the body. Raises ProviderError, TimedOut where `by` has come."""
    reply = upstream.send(wire, named_by_client=False, patience=SECONDS)
    try:
        return reply.status, b"".join(hiding.masked(within(reply, by), hidden))
    finally:
        reply.close()


def within(reply: Reply, by: float) -> Iterator[bytes]:
    """What arrives of the body until then, and no more than is worth reading."""
    size, pieces = 0, iter(reply.body)
    while size < LARGEST:
        reply.pause_at = by
        if (piece := next(pieces, None)) is None:
            return
        if time.monotonic() >= by:
            raise TimedOut(f"The answer was not whole after {SECONDS:g} s.")
        size += len(piece)
        yield piece


def masked(text: str, hidden: list[str]) -> str:
    for secret in hidden:
        text = text.replace(secret, tokens.hint(secret))
    return text


def read(provider: Provider, fn: str, asked: Ask, status: int, body: bytes) -> tuple[str, str]:
    """What to show of an answer, and what is wrong with it: the models' names rather than their list."""
    text = body.decode(errors="replace")
    if status >= 400:
        return text, provider.problem(fn, status, body, asked.model).message
    if status >= 300:
        return text, f"{provider.name} answered with a redirect, which is not followed."
    reading = Reading()
    try:
        provider.answer(fn, asked, body, reading)
    except ProviderError as error:
        return text, error.message
    return "\n".join(sorted(reading.models)) or text, reading.problem.message if reading.problem else ""
