"""A workspace: what belongs together and is nobody else's business."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models

from keys.models.base import SLUG, Row, Visible, by_beginning

DEFAULT_SLUG = "default"


class WorkspaceQuerySet(Visible["Workspace"]):
    def default(self) -> "Workspace":
        """The workspace that is meant where none is named; made if it is not there."""
        return self.get_or_create(slug=DEFAULT_SLUG, defaults={"name": "Default"})[0]


class Workspace(Row):
    kind = "workspace"

    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=255, unique=True, validators=[SLUG])
    description = models.TextField(blank=True)
    log_bodies = models.BooleanField(
        "log bodies", default=True, help_text="Keep what was asked and answered, not only that it was."
    )
    default_config = models.ForeignKey(
        "configs.Config",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="default_of_workspaces",
        help_text="Of calls that name none, where their API key has none either.",
    )

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = by_beginning("workspace", "name", "slug")

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if problem := unfit_default(self.default_config, self.pk):
            raise ValidationError({"default_config": problem})


def unfit_default(config: Any, workspace_id: UUID | None) -> str:
    """Why what is of this workspace cannot have this default config, a row of configs or None; or ""."""
    if config is None:
        return ""
    if config.workspace_id != workspace_id:
        return "This config is of another workspace."
    return "" if config.status == "active" else "This config is archived."
