"""A row as the audit log knows it, and how two of them differ. Of secrets it only says that they changed."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Field, Model

BATCH = 500  # rows read by one statement
LONGEST = 1000  # characters of a value
MASK = "*****"

UNTOLD = {"id", "created_at", "updated_at", "last_used_at", "last_login", "date_joined", "hint"}
SECRET = re.compile(r"secret|digest|sealed|password|token|canary")
BEFORE_LAST = re.compile(r"previous_")  # what a rotation keeps for a while: its `previous_until` tells enough
HINTED = {"digest", "sealed_secret"}  # what `hint` hints at; told as "secret"

Changes = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class State:
    """A row as it was read; `values` holds secrets, is compared and never told."""

    row: Model = field(repr=False)
    values: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return str(self.row)

    @property
    def workspace_id(self) -> Any:
        own = self.row.pk if kind_of(type(self.row)) == "workspace" else None
        return getattr(self.row, "workspace_id", own)


def kind_of(model: type[Model]) -> str:
    """What the directory calls it; what is not of the directory has the name of its model."""
    return str(getattr(model, "kind", "") or model._meta.model_name)


def read(model: type[Model], keys: Iterable[Any]) -> dict[str, State]:
    """The rows of these primary keys as they are in the database now, each under its key as text."""
    wanted = [key for key in keys if key is not None]
    found: dict[str, State] = {}
    for start in range(0, len(wanted), BATCH):
        rows = model._base_manager.filter(pk__in=wanted[start : start + BATCH])
        found |= {str(row.pk): State(row, dict(values(row))) for row in rows}
    return found


def values(row: Model) -> Iterator[tuple[str, Any]]:
    for each in told_fields(row):
        yield each.name, each.value_from_object(row)
    for each in row._meta.many_to_many:
        others = getattr(row, each.name).select_related()
        yield each.name, sorted(called(other) for other in others)


def called(other: Model) -> str:
    """What belongs to a row: by its id too where several may have the same name."""
    return f"{other} ({other.pk})" if hasattr(other, "kind") else str(other)


def told_fields(row: Model) -> Iterator["Field[Any, Any]"]:
    for each in row._meta.concrete_fields:
        if each.name not in UNTOLD and not (SECRET.search(each.name) and BEFORE_LAST.search(each.name)):
            yield each


def differences(before: State | None, after: State | None) -> Changes:
    """Each field that is not what it was, before and after, in JSON's terms."""
    one = after or before
    return {
        label(name): pair(before, after, name)
        for name in (one.values if one else ())
        if value(before, name) != value(after, name)
    }


def pair(before: State | None, after: State | None, name: str) -> list[Any]:
    """The field as it was and as it is; of what belongs to a row all that came or went, however many."""
    was, now = value(before, name), value(after, name)
    state = after or before
    if state is None or not state.row._meta.get_field(name).many_to_many:
        if SECRET.search(name) or not are_long(was, now):
            return [told(before, name), told(after, name)]
        return [cut(text) for text in around_the_change(was, now)]
    stayed = set(was or ()) & set(now or ())
    if not stayed or size(was) + size(now) <= LONGEST:
        return [was, now]
    rest = [f"… and {len(stayed)} that stayed"]
    return [[each for each in side or () if each not in stayed] + rest for side in (was, now)]


def are_long(was: Any, now: Any) -> bool:
    """Whether these are two texts of which one is too long to be told whole."""
    return isinstance(was, str) and isinstance(now, str) and max(len(was), len(now)) > LONGEST


def around_the_change(was: str, now: str) -> tuple[str, str]:
    """Of two texts the lines from the first to the last that differ."""
    one, other = was.splitlines(), now.splitlines()
    first = common(one, other)
    last = min(common(one[::-1], other[::-1]), min(len(one), len(other)) - first)
    before, after = ["…"] * bool(first), ["…"] * bool(last)
    sides = ([*before, *side[first : len(side) - last], *after] for side in (one, other))
    told_was, told_now = ("\n".join(side) for side in sides)
    return told_was, told_now


def common(one: list[str], other: list[str]) -> int:
    """How many lines two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (mine, theirs) in enumerate(pairs) if mine != theirs), min(len(one), len(other)))


def size(names: list[str] | None) -> int:
    return sum(map(len, names or ()))


def label(name: str) -> str:
    return "secret" if name in HINTED else name


def value(state: State | None, name: str) -> Any:
    """What is compared. Empty is empty, whichever way a column says so."""
    found = None if state is None else state.values[name]
    return None if found in ("", [], {}) else found


def told(state: State | None, name: str) -> Any:
    """What an event says of this field."""
    found = value(state, name)
    if state is None or found is None:
        return None
    if SECRET.search(name):
        return getattr(state.row, "hint", MASK) if name in HINTED else MASK
    return plain(related(state.row, name) or found)


def related(row: Model, name: str) -> str:
    """What a foreign key leads to, by name and id; "" for any other field."""
    if not row._meta.get_field(name).many_to_one:
        return ""
    try:
        other = getattr(row, name)
    except ObjectDoesNotExist:  # deleted meanwhile
        return ""
    return f"{other} ({other.pk})"


def plain(found: Any) -> Any:
    """JSON as it is, everything else as text; what is long is cut."""
    if found is None or isinstance(found, bool | int | float):
        return found
    if isinstance(found, dict | list):
        return found if len(text := json.dumps(found, default=str)) <= LONGEST else cut(text)
    return cut(found.isoformat() if hasattr(found, "isoformat") else str(found))


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
