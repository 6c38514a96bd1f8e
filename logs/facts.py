"""The facts of a call as JSON, whatever clients and providers have put into them.

Nothing is refused here but what JSON has no way to say at all; who then still has to tell of a call tells
the essential facts. What a row makes of facts is logs/rows.py's.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import orjson

LONG_BYTES = 16 << 10  # of encoded facts; beyond it their texts are cut
TEXTS = (4096, 256)  # characters left of each text: first the longest column's, then what is always short
ITEMS = 256  # left of each list and mapping then
LISTED = "models"  # what a provider listed: the one list that is worth its length
LISTED_BYTES = 64 << 10  # left of it
SHORT = ("outcome", "provider", "model", "cache_status")  # texts that are essential
COUNTED = 2**53  # a count beyond is no count


def encoded(facts: Mapping[str, Any]) -> bytes:
    """The facts as JSON, with texts and lists cut where all of it would be long."""
    told = dumped(facts)
    if len(told) <= LONG_BYTES:
        return told
    listed = {name: first(facts[name]) for name in facts if name == LISTED}
    cut = rest = {name: facts[name] for name in facts if name != LISTED}
    for length in TEXTS:
        if len(dumped(cut)) <= LONG_BYTES:
            break
        cut = shortened(rest, length)
    return dumped(cut | listed)


def first(names: Any) -> list[str]:
    """As many of a list of names as LISTED_BYTES hold."""
    kept = list(names or ())
    while (size := len(dumped(kept))) > LISTED_BYTES:
        kept = kept[: len(kept) * LISTED_BYTES // size]
    return kept


def dumped(facts: Any) -> bytes:
    """What orjson refuses (a lone surrogate, a huge integer) goes through json."""
    try:
        return orjson.dumps(facts)
    except TypeError:
        return json.dumps(facts, default=plain).encode()


def plain(value: Any) -> Any:
    """What json does not know, in the words orjson has for it."""
    return members(value) if is_dataclass(value) else str(value)


def members(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def shortened(value: Any, length: int) -> Any:
    """The value with at most `length` characters of each text and ITEMS of each list and mapping."""
    if isinstance(value, str):
        return value[:length]
    if is_dataclass(value):
        value = members(value)
    if isinstance(value, Mapping):
        return {shortened(key, length): shortened(value[key], length) for key in list(value)[:ITEMS]}
    if isinstance(value, list | tuple):
        return [shortened(each, length) for each in value[:ITEMS]]
    return value


def essential(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a call when nothing else can be: short, and encoded for certain."""
    told: dict[str, Any] = {name: short(facts.get(name)) for name in SHORT}
    told |= {name: counted(facts.get(name)) for name in ("status", "total_ms")}
    told["partial"] = bool(facts.get("partial"))
    used = facts.get("usage")
    used = members(used) if is_dataclass(used) else used
    if isinstance(used, Mapping):
        told["usage"] = {short(name)[:16]: counted(used[name]) for name in list(used)[:8]}
    return told


def short(value: Any) -> str:
    return value[:64].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def counted(value: Any) -> float | None:
    return value if isinstance(value, int | float) and abs(value) <= COUNTED else None
