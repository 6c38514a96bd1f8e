"""How a provider that speaks OpenAI's words differs from OpenAI: an accent, in rows and small pure functions.

A call or an answer that an accent does not touch passes as the bytes it came in. The accents themselves are
in accents/, a file for each provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from providers.fields import DROPPED, Field, put
from providers.types import JSON, Ask

Retold = Callable[[JSON, Ask], JSON]


@dataclass(frozen=True, slots=True)
class Accent:
    """What is put otherwise.

    `fields`: parameters of the request; what has no row passes as it came, and a `via` that gives back the
    very object it was given changes nothing. `wanted`: bytes one of which stands in every request that
    `fields` would change (None: always look). `everywhere`: also for hosts that somebody named instead of
    the provider's own.

    `answers`: they come with the accent, too. `retold`: a whole answer, or one chunk of a stream, in
    OpenAI's words, the same object where nothing is to be changed. `marks`: bytes one of which stands in
    every chunk of mere content that `retold` would change. `finishes`: finish reasons OpenAI does not have,
    as strict clients are told them. `repeated`: bytes that come with every chunk and belong to the first
    alone. `named`: answers get the provider's slug.
    """

    fields: tuple[Field, ...] = ()
    wanted: tuple[bytes, ...] | None = None
    everywhere: bool = True
    answers: bool = True
    retold: Retold | None = None
    marks: tuple[bytes, ...] = ()
    finishes: Mapping[str, str] = field(default_factory=dict)
    repeated: tuple[bytes, ...] = ()
    named: bool = True


def adjusted(accent: Accent, ask: Ask) -> tuple[JSON, tuple[str, ...]]:
    """The body as the provider wants it, and the parameters left out; the client's own if nothing changes.

    null counts as not sent. Raises Unrenderable.
    """
    if not _looks(accent, ask):
        return ask.body, ()
    body, dropped = ask.body, []
    for row in accent.fields:
        value = ask.body.get(row.name)
        if value is None and not row.always:
            continue
        given = row.via(value, ask)
        if given is value and (row.to or row.name) == row.name:
            continue
        body = dict(body) if body is ask.body else body
        if (row.to or row.name) != row.name or given is None or given is DROPPED:
            body.pop(row.name, None)
        if given is DROPPED:
            dropped.append(row.name)
        elif given is not None:
            put(body, row.to or row.name, given)
    return body, tuple(dict.fromkeys(dropped))


def _looks(accent: Accent, ask: Ask) -> bool:
    """Whether the request may hold something that is put otherwise."""
    if not accent.fields or (ask.custom_host and not accent.everywhere):
        return False
    return accent.wanted is None or not ask.raw or any(mark in ask.raw for mark in accent.wanted)


def retold(accent: Accent, said: JSON, ask: Ask) -> JSON:
    """An answer or a chunk in OpenAI's words; the same object if it is in them already."""
    if accent.retold:
        said = accent.retold(said, ask)
    return finished(accent, said) if accent.finishes and ask.strict else said


def finished(accent: Accent, said: JSON) -> JSON:
    """With OpenAI's finish reasons."""
    choices = said.get("choices")
    if not isinstance(choices, list) or not any(_reason(choice) in accent.finishes for choice in choices):
        return said
    told = [
        {**choice, "finish_reason": accent.finishes[reason]}
        if (reason := _reason(choice)) in accent.finishes
        else choice
        for choice in choices
    ]
    return {**said, "choices": told}


def _reason(choice: object) -> str:
    reason = choice.get("finish_reason") if isinstance(choice, dict) else None
    return reason if isinstance(reason, str) else ""
