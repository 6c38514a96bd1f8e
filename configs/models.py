"""Saved configs and what they were: how to route, under a slug of a workspace.

A config holds its present text; each text it ever had is a version, which nobody changes. Whether a text is a
config is for configs/creation.py to say, and every change is saved through it. No config holds a secret.
"""

import re
import secrets
import uuid
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.text import slugify

from keys.models.base import SLUG, Row, Visible, by_beginning

IN_USE = "This config is the default of {}: name another one there first."
NAMED = 5  # of those whose default a config is


class Status(models.TextChoices):
    ACTIVE = "active", "Active"
    ARCHIVED = "archived", "Archived"


class ConfigQuerySet(Visible["Config"]):
    def within(self, workspace_id: UUID | str) -> "ConfigQuerySet":
        return self.filter(workspace_id=workspace_id)

    def called(self, name: str) -> "ConfigQuerySet":
        """The one of this slug or id."""
        found = Q(slug=name)
        if UUID_FORM.fullmatch(name):
            found |= Q(pk=name)
        return self.filter(found)


UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def new_slug(name: str) -> str:
    """`Fallback to Azure` → `pc-fallba-6317bc`."""
    begins = slugify(name)[:6].strip("-_") or "config"
    return f"pc-{begins}-{secrets.token_hex(3)}"


class Config(Row):
    kind = "config"

    workspace = models.ForeignKey("keys.Workspace", models.PROTECT, related_name="configs")
    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=255, editable=False, validators=[SLUG])
    status = models.CharField(
        max_length=16,
        choices=Status.choices,
        default=Status.ACTIVE,
        help_text="An archived config stays, and no call finds it.",
    )
    text = models.TextField("config", help_text="A JSON object.")
    number = models.PositiveIntegerField("version", default=0, editable=False)
    owner = models.CharField("made by", max_length=150, blank=True, editable=False)
    updated_by = models.CharField(max_length=150, blank=True, editable=False)

    objects = ConfigQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = by_beginning("config", "name", "slug")
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="config_slug_in_workspace")]

    def __str__(self) -> str:
        return f"{self.name} ({self.slug})" if self.slug else self.name

    def clean(self) -> None:
        self.slug = self.slug or new_slug(self.name)
        if self.status != Status.ACTIVE and (users := self.default_of()):
            raise ValidationError({"status": IN_USE.format(", ".join(users))})

    def default_of(self) -> list[str]:
        """The workspace and the API keys whose default this is, some of them if there are many."""
        spaces = [f"workspace {each.name}" for each in self.default_of_workspaces.all()]
        keys = [f"API key {each.name}" for each in self.default_of_keys.order_by()[: NAMED + 1]]
        return spaces + (keys if len(keys) <= NAMED else [*keys[:NAMED], "others"])

    @property
    def current(self) -> "ConfigVersion":
        """The version that is in force."""
        return self.versions.get(number=self.number)


class ConfigVersion(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    config = models.ForeignKey(Config, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    author = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "version"
        ordering = ["-number"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["config", "number"], name="config_version_is_one")]

    def __str__(self) -> str:
        return f"{self.config.slug}, version {self.number}"
