"""The keys that clients present. A token is shown once; its digest stays."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from keys import scopes, tokens
from keys.models.base import Row, Used, by_beginning, by_end_of_transition
from keys.models.workspace import Workspace, unfit_default


class KeyType(models.TextChoices):
    ORGANISATION = "organisation-service", "Organisation"
    WORKSPACE = "workspace-service", "Workspace"
    USER = "workspace-user", "Workspace user"


class ApiKeyQuerySet(Used["ApiKey"]):
    def within(self, workspace_id: UUID | str) -> "ApiKeyQuerySet":
        return self.filter(workspace_id=workspace_id)

    def for_digest(self, digest: str) -> "ApiKeyQuerySet":
        """The key that has this token, or had it before its last rotation and is still in transition."""
        in_transition = Q(previous_digest=digest, previous_until__gt=timezone.now())
        return self.filter(Q(digest=digest) | in_transition, revoked_at=None)


def default_scopes() -> list[str]:
    return list(scopes.DEFAULT)


class ApiKey(Row):
    kind = "api_key"
    OF_PREVIOUS = ("previous_digest", "previous_until")

    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    type = models.CharField(max_length=24, choices=KeyType.choices, default=KeyType.WORKSPACE)
    workspace = models.ForeignKey(
        Workspace,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="api_keys",
        help_text="Empty for an organisation's key, and for no other.",
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="api_keys"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    previous_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001 - many have none
    previous_until = models.DateTimeField(null=True, editable=False)
    hint = models.CharField("key", max_length=16, editable=False)
    scopes = models.JSONField(default=default_scopes)
    default_config = models.ForeignKey(
        "configs.Config",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="default_of_keys",
        help_text="Of calls that name none. Empty: the workspace's, if it has one.",
    )
    default_metadata = models.JSONField(
        default=dict, blank=True, help_text="Added to every call; texts only."
    )
    allow_config_override = models.BooleanField(default=True)
    log_bodies = models.BooleanField("log bodies", default=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["name"]
        indexes = [*by_beginning("api_key", "name", "hint"), by_end_of_transition("api_key")]
        constraints = [
            models.CheckConstraint(
                condition=Q(type=KeyType.ORGANISATION, workspace=None)
                | (~Q(type=KeyType.ORGANISATION) & Q(workspace__isnull=False)),
                name="api_key_has_workspace_unless_organisation",
                violation_error_message="An organisation's key has no workspace; every other key has one.",
            ),
            models.CheckConstraint(
                condition=~Q(type=KeyType.USER) | Q(user__isnull=False),
                name="api_key_of_user_has_user",
                violation_error_message="A workspace user's key has a user.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        wrong = {}
        if not is_texts(self.scopes) or not set(self.scopes) <= scopes.SCOPES:
            wrong["scopes"] = "A list of scopes such as completions.write."
        metadata = self.default_metadata
        if not isinstance(metadata, dict) or not is_texts([*metadata, *metadata.values()]):
            wrong["default_metadata"] = "An object of texts."
        if problem := unfit_default(self.default_config, self.workspace_id):
            wrong["default_config"] = problem
        if wrong:
            raise ValidationError(wrong)

    def assign_token(self) -> str:
        """A new token for this key, kept as its digest. It is not to be had again; the row is not saved."""
        token = tokens.new()
        self.digest, self.hint = tokens.digest(token), tokens.hint(token)
        return token

    def rotate(self, until: datetime) -> str:
        """A new token; the one before works until `until`. The row is not saved.

        Raises ValidationError during a transition, and for a key that has no future.
        """
        if self.status != "active":
            raise ValidationError(f"This key is {self.status}: it is not rotated.")
        if self.in_transition:
            raise ValidationError("This key is being rotated: both of its tokens work until the first ends.")
        self.previous_digest, self.previous_until = self.digest, until
        return self.assign_token()

    def forget_previous(self) -> None:
        """End the transition from the token before. The row is not saved."""
        self.previous_digest = self.previous_until = None

    @property
    def in_transition(self) -> bool:
        """Whether the token before still works beside the one that is hinted at."""
        return self.previous_until is not None and self.previous_until > timezone.now()

    @property
    def status(self) -> str:
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= timezone.now() else "active"


def is_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
