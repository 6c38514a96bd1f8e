"""What an app names to be served: an integration under a slug of its workspace."""

import secrets
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.text import slugify

from keys.models.base import SLUG, Row, Used, by_beginning
from keys.models.integration import Integration
from keys.models.workspace import Workspace


class VirtualKeyQuerySet(Used["VirtualKey"]):
    def within(self, workspace_id: UUID | str) -> "VirtualKeyQuerySet":
        return self.filter(workspace_id=workspace_id)

    def usable(self) -> "VirtualKeyQuerySet":
        """Active, by an active integration that this workspace may use; expired ones too."""
        lent = Integration.lent_to.through.objects.filter(
            integration_id=OuterRef("integration_id"), workspace_id=OuterRef("workspace_id")
        )
        theirs = Q(integration__workspace=None) | Q(integration__workspace=F("workspace")) | Exists(lent)
        return self.filter(theirs, active=True, integration__active=True)


def new_slug(name: str) -> str:
    """`Open AI key` → `open-ai-key-6317bc`."""
    return f"{slugify(name)[:200] or 'key'}-{secrets.token_hex(3)}"


class VirtualKey(Row):
    kind = "virtual_key"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="virtual_keys")
    name = models.CharField(max_length=255)
    slug = models.CharField(
        max_length=255, blank=True, validators=[SLUG], help_text="Made of the name if left empty."
    )
    integration = models.ForeignKey(Integration, models.PROTECT, related_name="virtual_keys")
    note = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    allow_passthrough = models.BooleanField(
        "allow pass-through",
        default=True,
        help_text="Whether paths the gateway does not know go to the provider as they are. "
        "Such a call can do whatever the provider's key can.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = VirtualKeyQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = by_beginning("virtual_key", "name", "slug")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="virtual_key_slug_in_workspace"),
            models.CheckConstraint(condition=~Q(slug=""), name="virtual_key_has_slug"),
        ]

    def __str__(self) -> str:
        return self.slug

    def clean(self) -> None:
        self.slug = self.slug or new_slug(self.name)
        if self.workspace_id is None or self.integration_id is None:
            return  # the form says which is missing
        if not self.integration.serves(self.workspace_id):
            raise ValidationError({"integration": "This integration belongs to another workspace."})

    @property
    def status(self) -> str:
        if not self.active:
            return "inactive"
        return "expired" if self.expires_at is not None and self.expires_at <= timezone.now() else "active"
