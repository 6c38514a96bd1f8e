"""Pieces of a stream put together: texts grow, lists of numbered things grow by their numbers.

Bounded: so many things in a list, so deep. What goes beyond is the last that was said.
"""

from typing import Any

from logs.story.values import JSON

THINGS = 128  # numbered things of one list
DEEP = 6
ONCE = ("id", "type", "role", "index", "name", "object")  # said once, or again and again


class Ordered:
    """Numbered things, in the order in which they came; those beyond THINGS are one."""

    def __init__(self) -> None:
        self.things: dict[Any, JSON] = {}

    def at(self, number: Any) -> JSON:
        key = number if isinstance(number, int | str) else None
        if key not in self.things and len(self.things) >= THINGS:
            key = "beyond"
        return self.things.setdefault(key, {})

    def values(self) -> list[JSON]:
        return list(self.things.values())


def last(whole: JSON, said: JSON, but: tuple[str, ...] = ()) -> None:
    """Of everything the last that was said; what is null says nothing."""
    whole |= {name: value for name, value in said.items() if value is not None and name not in but}


def merged(whole: Any, delta: Any, depth: int = 0) -> Any:
    """What was said so far, with a delta added to it."""
    match whole, delta:
        case (None, _) if not isinstance(delta, dict | list):
            return delta
        case (_, None):
            return whole
        case str(), str():
            return whole + delta
        case ((dict() | None), dict()) if depth < DEEP:
            return grown(whole or {}, delta, depth)
        case ((list() | None), list()) if depth < DEEP:
            return added(whole or [], delta, depth)
    return delta


def grown(whole: JSON, delta: JSON, depth: int) -> JSON:
    for name, value in delta.items():
        if name in ONCE and whole.get(name):
            continue
        whole[name] = merged(whole.get(name), value, depth + 1)
    return whole


def added(whole: list[Any], delta: list[Any], depth: int) -> list[Any]:
    """Things with a number are added to the one of that number, others to the end."""
    for each in delta[:THINGS]:
        number = each.get("index") if isinstance(each, dict) else None
        place = next((n for n, had in enumerate(whole) if is_numbered(had, number)), None)
        if place is not None:
            whole[place] = merged(whole[place], each, depth + 1)
        elif len(whole) < THINGS:
            whole.append(merged({}, each, depth + 1) if isinstance(each, dict) else each)
    return whole


def is_numbered(thing: Any, number: Any) -> bool:
    return number is not None and isinstance(thing, dict) and thing.get("index") == number
