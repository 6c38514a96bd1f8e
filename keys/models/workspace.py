"""A workspace: what belongs together and is nobody else's business."""

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

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = by_beginning("workspace", "name", "slug")

    def __str__(self) -> str:
        return self.name
