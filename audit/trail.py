"""Leaving events: what was done to which objects, as the database shows it, in the same transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model

from audit import actors, states
from audit.actors import Actor
from audit.models import NAME, Action, AuditEvent
from audit.states import State

BATCH = 200  # events written by one statement

Key = tuple[type[Model], str]


class Recording:
    """Objects that are about to change, as they were. Begun and ended inside the transaction of the change.

    `action` is what a change is called that is neither the making nor the end of a row, if the caller knows
    better than what shows: by itself it is an update, or a rotation where a secret is another.
    """

    def __init__(self, *objects: Model, action: str = "") -> None:
        self.action = action
        self.before: dict[Key, State | None] = {}
        self.unsaved: list[Model] = []  # those that get their key by being saved
        self.watch(*objects)

    def watch(self, *objects: Model) -> None:
        """These are about to change as well; what is watched already stays as it was first seen."""
        self._note_keys()
        self.unsaved += [each for each in objects if each.pk is None]
        wanted = {key_of(each): each.pk for each in objects if each.pk is not None}
        fresh = {key: pk for key, pk in wanted.items() if key not in self.before}
        found = read(fresh)
        self.before |= {key: found.get(key) for key in fresh}

    def _note_keys(self) -> None:
        """What had no key and has been saved meanwhile is new."""
        self.made(*(each for each in self.unsaved if each.pk is not None))

    def made(self, *objects: Model) -> None:
        """These have been made meanwhile."""
        for each in objects:
            self.before.setdefault(key_of(each), None)

    def leave(self) -> None:
        """One event for each object that is no longer what it was."""
        self._note_keys()
        after = read({key: key[1] for key in self.before})
        told = (self.event(key, before, after.get(key)) for key, before in self.before.items())
        AuditEvent.objects.bulk_create([each for each in told if each], batch_size=BATCH)

    def event(self, key: Key, before: State | None, after: State | None) -> AuditEvent | None:
        state = after or before
        changes = states.differences(before, after)
        if self.action == Action.RESEAL:
            changes.pop("secret", None)  # sealed otherwise, and the same
        if state is None or not changes:
            return None
        return event(
            what(before, after, self.action or usual(changes)),
            kind=states.kind_of(key[0]),
            id=key[1],
            name=state.name,
            workspace_id=state.workspace_id,
            changes=changes,
        )


def key_of(row: Model) -> Key:
    return type(row), str(row.pk)


def read(keys: dict[Key, Any]) -> dict[Key, State]:
    """The rows that are there now."""
    models = {model for model, _ in keys}
    found: dict[Key, State] = {}
    for model in models:
        rows = states.read(model, [pk for key, pk in keys.items() if key[0] is model])
        found |= {(model, pk): state for pk, state in rows.items()}
    return found


def what(before: State | None, after: State | None, between: str) -> str:
    if before is None:
        return Action.CREATE
    return Action.DELETE if after is None else between


def usual(changes: states.Changes) -> str:
    return Action.ROTATE if "secret" in changes else Action.UPDATE


def event(
    action: str,
    *,
    kind: str,
    id: str,  # noqa: A002 - an event's object has an id
    name: str,
    workspace_id: UUID | None = None,
    changes: states.Changes | None = None,
    actor: Actor | None = None,
) -> AuditEvent:
    """An event that is not saved yet, of whoever acts now unless it is said who."""
    who = actor or actors.current()
    return AuditEvent(
        actor_kind=who.kind,
        actor_id=who.id,
        actor=clean(who.name, NAME),
        action=action,
        object_kind=kind,
        object_id=id,
        object=clean(name, 255),
        workspace_id=workspace_id,
        changes=changes or {},
        address=who.address[:64],
    )


def clean(text: str, length: int) -> str:
    """What any column takes: PostgreSQL's refuse NUL."""
    return text.replace("\0", "")[:length]


gathered: ContextVar[Recording | None] = ContextVar("gathered", default=None)


@contextmanager
def gathering() -> Iterator[None]:
    """One transaction; what is recorded by signal inside becomes one event for each object, at its end."""
    with transaction.atomic():
        recording = Recording()
        token = gathered.set(recording)
        try:
            yield
        finally:
            gathered.reset(token)
        recording.leave()
