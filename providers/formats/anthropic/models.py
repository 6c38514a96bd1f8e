"""What each Claude model takes, by the beginning of its name; the longest beginning wins.

Read on 2026-11-22 from platform.claude.com/docs (the models' own pages, "effort", the Sonnet 5.5 and
Haiku 5.5 migration guides) and the types of the anthropic package 2.12.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

LEVELS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Model:
    """`output`: most tokens of an answer, sent when the client sets no limit. `sampling`: temperature, top_p
    and top_k are accepted. `budget`, `adaptive`: ways to make it think. `off`: the thinking type that stops
    a model which thinks unasked; empty if there is nothing to send. `always`: it cannot be stopped.
    `late_system`: system messages may stand in the conversation. `schemas`: answers may be bound to a JSON
    schema. `one_sampler`: temperature and top_p are refused together.
    """

    output: int
    sampling: bool = True
    budget: bool = False
    adaptive: bool = False
    efforts: tuple[str, ...] = ()
    off: str = ""
    always: bool = False
    late_system: bool = False
    schemas: bool = True
    one_sampler: bool = False


def _current(*, off: str = "", always: bool = False, late_system: bool = True) -> Model:
    """A model of the generation that began with Opus 4.7: adaptive thinking, all efforts, no sampling."""
    return Model(
        128_000, False, adaptive=True, efforts=LEVELS, off=off, always=always, late_system=late_system
    )


# Newer than this table.
UNKNOWN_CLAUDE = Model(64_000, budget=False, adaptive=True, efforts=LEVELS, one_sampler=True)
# Another vendor's model that speaks Messages; 4,096 suits them all.
UNKNOWN = Model(4_096, budget=True, schemas=False)

# It thinks by a budget and by an effort.
_EITHER_WAY = Model(
    128_000, budget=True, adaptive=True, efforts=("low", "medium", "high", "max"), one_sampler=True
)

MODELS = {
    "claude-instant": Model(4_096, schemas=False),
    "claude-2": Model(4_096, schemas=False),
    "claude-3": Model(4_096, schemas=False),
    "claude-3-5": Model(8_192, schemas=False),
    "claude-3-7": Model(64_000, budget=True, schemas=False),
    "claude-opus-4": Model(32_000, budget=True, schemas=False),
    "claude-opus-4-1": Model(32_000, budget=True, schemas=False, one_sampler=True),
    "claude-sonnet-4": Model(64_000, budget=True, schemas=False),
    "claude-sonnet-4-5": Model(64_000, budget=True, one_sampler=True),
    "claude-haiku-4-5": Model(64_000, budget=True, one_sampler=True),
    "claude-opus-4-5": Model(64_000, budget=True, efforts=LEVELS[:3], one_sampler=True),
    "claude-opus-4-6": _EITHER_WAY,
    "claude-sonnet-4-6": _EITHER_WAY,
    "claude-opus-4-7": _current(late_system=False),
    "claude-opus-4-8": _current(),
    "claude-sonnet-5": _current(off="disabled", late_system=False),
    "claude-opus-5": _current(off="disabled"),
    "claude-sonnet-5-5": _current(off="between_tools"),
    "claude-haiku-5-5": _current(off="disabled"),
    "claude-opus-5-5": _current(always=True),
    "claude-fable-5": _current(always=True),
    "claude-mythos-5": _current(always=True),
}


@lru_cache(maxsize=1024)
def model_of(name: str) -> Model:
    """What is known of a model."""
    beginnings = [beginning for beginning in MODELS if name.startswith(beginning)]
    if beginnings:
        return MODELS[max(beginnings, key=len)]
    return UNKNOWN_CLAUDE if name.startswith("claude-") else UNKNOWN
