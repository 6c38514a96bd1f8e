"""Field maps: where each parameter of the common form goes in a provider's body, and what has no place.

A map is a tuple of Fields. A missing row is a statement: the provider has no such parameter; it is left
out, and its name comes back so that the record can say so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from providers.types import JSON, Ask

Via: TypeAlias = Callable[[Any, Ask], Any]


class _Dropped:
    """What a `via` returns for a value that this model, or this call, cannot take."""


DROPPED: Final = _Dropped()


def unchanged(value: Any, ask: Ask) -> Any:
    return value


def left_out(value: Any, ask: Ask) -> Any:
    """For a parameter that would fail the call whatever its value is, and says nothing about the answer."""
    return DROPPED


def read_elsewhere(value: Any, ask: Ask) -> None:
    """For a parameter that another row, or the client's dialect, takes care of."""


@dataclass(frozen=True, slots=True)
class Field:
    """One way of one parameter.

    `to`: its place in the provider's body, dots for nesting, a final `*` for the keys of the value itself;
    its own name if empty. `via` rewrites the
    value: None puts nothing there, DROPPED says that it was left out. `always`: ask `via` also when the
    client sent nothing (it is given None).
    """

    name: str
    to: str = ""
    via: Via = unchanged
    always: bool = False


def render(fields: Iterable[Field], ask: Ask) -> tuple[JSON, tuple[str, ...]]:
    """The provider's body, and the client's parameters left out of it.

    A later row wins the place an earlier one took. null counts as not sent.
    """
    rendered: JSON = {}
    known, dropped = set(), []
    for field in fields:
        known.add(field.name)
        value = ask.body.get(field.name)
        if value is None and not field.always:
            continue
        value = field.via(value, ask)
        if value is DROPPED:
            dropped.append(field.name)
        elif value is not None:
            put(rendered, field.to or field.name, value)
    unknown = [name for name, value in ask.body.items() if name not in known and value is not None]
    return rendered, tuple(dict.fromkeys(unknown + dropped))


def put(body: JSON, place: str, value: Any) -> None:
    """Puts a value at a dotted place. What stood on the way is copied: it may be the client's."""
    if place == "*":
        body.update(value)
        return
    head, _, rest = place.partition(".")
    if rest:
        inner = dict(body.get(head) or {})
        put(inner, rest, value)
        value = inner
    body[head] = value
