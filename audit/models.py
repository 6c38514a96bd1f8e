"""What was done to the gateway itself, by whom: one row for each object changed, and for each sign-in.

Events stand alone: no foreign keys, but ids, and names as they were. They are only ever added; the model
refuses all else, and so does the database (audit/append_only.py). Written by audit/trail.py.
"""

from functools import reduce
from operator import or_
from typing import Any, NoReturn

from django.db import connections, models
from django.db.models import Q
from django.db.models.functions import Left

NAME = 150  # characters of a name
FREQUENT = 5000  # events that a name is found in


class AppendOnly(TypeError):
    """Something tried to change or delete an audit event."""


class Action(models.TextChoices):
    """Portkey's words, and some for what it does not tell."""

    CREATE = "create", "Created"
    UPDATE = "update", "Changed"
    DELETE = "delete", "Deleted"
    ROTATE = "rotate", "Secret replaced"
    RESEAL = "reseal", "Secret sealed anew"
    FORGET = "forget", "Old secret ended"
    PUBLISH = "publish", "Published"
    EXPORT = "export", "Exported"
    MANAGE = "manage", "Managed"
    DUPLICATE = "duplicate", "Duplicated"
    SIGN_IN = "sign_in", "Signed in"
    SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"
    SIGN_OUT = "sign_out", "Signed out"
    PASSWORD_FAILED = "password_failed", "Password change failed"
    LIFT = "lift", "Pause lifted"
    PRUNE = "prune", "Pruned"


SAID = {
    Action.ROTATE: "replaced the secret of",
    Action.RESEAL: "sealed anew the secret of",
    Action.FORGET: "ended the old secret of",
    Action.LIFT: "lifted",
}
SAID_ALONE = {
    Action.SIGN_IN: "signed in",
    Action.SIGN_IN_FAILED: "failed to sign in",
    Action.SIGN_OUT: "signed out",
    Action.PASSWORD_FAILED: "gave a wrong password to change their own",
}


class ActorKind(models.TextChoices):
    USER = "user", "User"
    API_KEY = "api_key", "API key"
    COMMAND = "command", "Command"
    SYSTEM = "system", "System"


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def named(self, text: str) -> "AuditEventQuerySet":
        """Those whose actor's or object's name begins with `text`, or whose object has it for an id.

        A rare name is found by index. Of a frequent one the newest are wanted, and to put all of them in
        order took 8 s where there were a million: they are met with on the way down, which no index helps.
        """
        names = ("actor", "object")
        whole = Q(object_id=text)
        found = reduce(or_, (self._indexed(name, text) for name in names), whole)
        # Of all events: of those of a week, say, it could be that all others are read to count them.
        if AuditEvent.objects.filter(found).order_by()[:FREQUENT].count() < FREQUENT:
            return self.filter(found)
        begins = {f"{name}_begins": Left(name, len(text)) for name in names}
        return self.alias(**begins).filter(reduce(or_, (Q(**{name: text}) for name in begins), whole))

    def _indexed(self, name: str, text: str) -> Q:
        """In the words by which this database uses its index."""
        if connections[self.db].vendor == "postgresql":
            return Q(**{f"{name}__startswith": text})
        return Q(**{f"{name}__gte": text, f"{name}__lt": text + "\U0010ffff"})

    def update(self, **_: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEvent(models.Model):
    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField("time", auto_now_add=True)
    actor_kind = models.CharField("kind of actor", max_length=16, choices=ActorKind.choices)
    actor_id = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=NAME, blank=True)
    action = models.CharField(max_length=32, choices=Action.choices)
    object_kind = models.CharField("kind of object", max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object = models.CharField(max_length=255, blank=True)
    workspace_id = models.UUIDField(null=True)
    changes = models.JSONField(default=dict, help_text="Each field as it was and as it is. No secrets.")
    address = models.CharField(max_length=64, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = "event"
        verbose_name_plural = "events"
        ordering = ["-created_at", "-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="audit_newest"),
            models.Index(fields=["actor_kind", "actor_id", "-created_at"], name="audit_by_actor"),
            models.Index(fields=["object_kind", "object_id", "-created_at"], name="audit_by_object"),
            models.Index(fields=["action", "-created_at"], name="audit_by_action"),
            models.Index(fields=["object_id"], name="audit_by_object_id"),
            models.Index(fields=["actor"], opclasses=["varchar_pattern_ops"], name="audit_by_actor_name"),
            models.Index(fields=["object"], opclasses=["varchar_pattern_ops"], name="audit_by_object_name"),
        ]

    def __str__(self) -> str:
        """The event in a sentence, without its stop."""
        who = self.actor or "somebody"
        if self.action in SAID_ALONE:
            return f"{who} {SAID_ALONE[Action(self.action)]}"
        did = SAID.get(Action(self.action)) or self.get_action_display().lower()
        return f"{who} {did} the {in_words(self.object_kind)} {self.object}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly


def in_words(name: str) -> str:
    """`api_key` → `API key`."""
    return name.replace("_", " ").replace("api ", "API ")
