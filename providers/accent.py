"""How a provider that speaks OpenAI's words differs from OpenAI: an accent, in rows and small pure functions.

A call or an answer that an accent does not touch passes as the bytes it came in. The accents themselves are
in accents/, a file for each provider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from providers.fields import DROPPED, Field, put
from providers.types import JSON, Ask

Retold = Callable[[JSON, Ask], JSON]


def wants_usage(body: JSON) -> bool:
    """Whether a call asks for usage in its stream as OpenAI's clients do."""
    options = body.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


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
    as strict clients are told them. `repeats_role`: the role comes with every chunk. `wants_usage`: whether
    the body of a call asks for usage in its stream. `named`: answers get the provider's slug.
    """

    fields: tuple[Field, ...] = ()
    wanted: tuple[bytes, ...] | None = None
    everywhere: bool = True
    answers: bool = True
    retold: Retold | None = None
    marks: tuple[bytes, ...] = ()
    finishes: Mapping[str, str] = field(default_factory=dict)
    repeats_role: bool = False
    wants_usage: Callable[[JSON], bool] = wants_usage
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
        if body.get(row.name, DROPPED) is None:
            body = {name: each for name, each in body.items() if name != row.name}
        if value is None and not row.always:
            continue
        given, place = row.via(value, ask), row.to or row.name
        if given is value and (place == row.name or value is None):
            continue
        body = dict(body) if body is ask.body else body
        if place != row.name or given is None or given is DROPPED:
            body.pop(row.name, None)
        if given is DROPPED:
            dropped.append(row.name)
        elif given is not None:
            put(body, place, given)
    return body, tuple(dict.fromkeys(dropped))


def _looks(accent: Accent, ask: Ask) -> bool:
    """Whether the request may hold something that is put otherwise."""
    if not accent.fields or (ask.custom_host and not accent.everywhere):
        return False
    if accent.wanted is None or not ask.raw:
        return True
    return _any_of(accent.wanted).search(ask.raw) is not None


@lru_cache(maxsize=256)
def _any_of(marks: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Finds one of several in a third of the time that looking for each takes."""
    return re.compile(b"|".join(map(re.escape, marks)))


def retold(accent: Accent, said: JSON, ask: Ask) -> JSON:
    """An answer or a chunk in OpenAI's words; the same object if it is in them already."""
    if accent.retold:
        said = accent.retold(said, ask)
    return finished(accent, said) if accent.finishes and ask.strict else said


def finished(accent: Accent, said: JSON) -> JSON:
    """With OpenAI's finish reasons."""
    choices = choices_of(said)
    if not any(_reason(choice) in accent.finishes for choice in choices):
        return said
    told = [
        {**choice, "finish_reason": accent.finishes[reason]}
        if (reason := _reason(choice)) in accent.finishes
        else choice
        for choice in choices
    ]
    return {**said, "choices": told}


def choices_of(said: JSON) -> list[JSON]:
    """The choices of an answer or a chunk, as far as they are objects."""
    choices = said.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _reason(choice: JSON) -> str:
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) else ""
