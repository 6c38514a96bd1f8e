"""Users and groups of the admin: Django's own models, so their changes are heard of by Django's signals.

Whoever saves one is heard, the admin, a command and a shell; `QuerySet.update` is not. Inside
`audit.trail.gathering` what is done to one object is one event, else each save is.
"""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Model, signals

from audit.trail import Recording, gathered

AUDITED: tuple[type[Model], ...] = (User, Group)
RECORDING = "_audit_recording"  # where a row keeps what it was, between the two signals


def listen() -> None:
    for model in AUDITED:
        for signal in (signals.pre_save, signals.pre_delete):
            signal.connect(before, sender=model, dispatch_uid=f"audit {model.__name__} {id(signal)}")
        for signal in (signals.post_save, signals.post_delete):
            signal.connect(after, sender=model, dispatch_uid=f"audit {model.__name__} {id(signal)}")
        for each in model._meta.many_to_many:
            signals.m2m_changed.connect(
                members, sender=each.remote_field.through, dispatch_uid=f"audit {each}"
            )


def before(instance: Model, **how: Any) -> None:
    if is_of_no_account(instance, how.get("update_fields")):
        return
    if (recording := gathered.get()) is not None:
        recording.watch(instance)
    else:
        instance.__dict__[RECORDING] = Recording(instance)


def after(instance: Model, **_: Any) -> None:
    if recording := instance.__dict__.pop(RECORDING, None):
        recording.leave()


def members(instance: Model, action: str, reverse: bool, **_: Any) -> None:
    """Permissions and groups of `instance`. Given from the other side they are not heard; nothing does so."""
    if not reverse:
        (before if action.startswith("pre_") else after)(instance)


def is_of_no_account(instance: Model, fields: frozenset[str] | None) -> bool:
    """A sign-in notes its time, and may hash the same password anew."""
    if fields == frozenset({"last_login"}):
        return True
    return fields == frozenset({"password"}) and getattr(instance, "_password", None) is None
