"""A credential for a provider, sealed, and where and how it is to be used."""

import re
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from keys import crypto, hosts, tokens
from keys.models.base import SLUG, Row, Visible, by_beginning, by_end_of_transition
from keys.models.workspace import Workspace
from providers.catalog import PROVIDERS
from providers.types import Credential

SECRET = re.compile(r"[!-~]([ -~]*[!-~])?")  # what a header can carry, and arrives as it was sent
KEYLESS = "none"  # the hint of a server that asks for no key
UNSENDABLE = "A key is printable ASCII: no line breaks, no accents, no spaces around it."
LENT_TO_ALL = "Every workspace may use it already: name its own workspace, or lend it to none."
NEEDED = "This needs the provider's key: only a custom host may go without."


class IntegrationQuerySet(Visible["Integration"]):
    def within(self, workspace_id: UUID | str) -> "IntegrationQuerySet":
        """What a workspace may use: its own, those lent to it, and those of the whole organisation."""
        lent = Integration.lent_to.through.objects.filter(workspace_id=workspace_id).values("integration_id")
        return self.filter(Q(workspace_id=workspace_id) | Q(workspace=None) | Q(pk__in=lent))

    def sealed_before(self) -> "IntegrationQuerySet":
        """Those whose secret is not sealed by the key that seals now."""
        return self.exclude(key_id=crypto.key_id()).order_by("pk")


class Integration(Row):
    kind = "integration"
    OF_PREVIOUS = ("sealed_previous_secret", "previous_until")

    name = models.CharField(max_length=255)
    slug = models.CharField(max_length=255, validators=[SLUG])
    description = models.TextField(blank=True)
    provider = models.CharField(max_length=64)
    workspace = models.ForeignKey(
        Workspace,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="integrations",
        help_text="Empty: every workspace may use it.",
    )
    lent_to = models.ManyToManyField(
        Workspace,
        blank=True,
        related_name="borrowed_integrations",
        help_text="Other workspaces that may use it beside its own.",
    )
    sealed_secret = models.TextField(editable=False)
    sealed_previous_secret = models.TextField(blank=True, editable=False)
    previous_until = models.DateTimeField(null=True, editable=False)
    key_id = models.CharField(max_length=16, db_index=True, editable=False)
    hint = models.CharField("secret", max_length=16, blank=True, editable=False)
    settings = models.JSONField(default=dict, blank=True, help_text="The provider's settings; no secrets.")
    custom_host = models.CharField(
        max_length=2048, blank=True, help_text="A base URL with its version, such as https://llm.example/v1."
    )
    active = models.BooleanField(default=True)

    lending: Collection[UUID] | None = None  # what `lent_to` is about to become, where a form knows

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = [*by_beginning("integration", "name", "slug"), by_end_of_transition("integration")]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "slug"], name="integration_slug_in_workspace"),
            models.UniqueConstraint(
                fields=["slug"], condition=Q(workspace=None), name="integration_slug_in_organisation"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        wrong = {}
        if self.provider not in PROVIDERS:
            wrong["provider"] = f"There is no provider {self.provider}."
        elif unknown := unknown_settings(self.provider, self.settings):
            wrong["settings"] = unknown
        if self.hint == KEYLESS and not self.custom_host:
            wrong["secret"] = NEEDED
        if self.custom_host:
            try:
                hosts.check(self.custom_host)
            except ValidationError as error:
                wrong["custom_host"] = str(error.message)
        if self.workspace_id is None and self._lent():
            wrong["lent_to"] = LENT_TO_ALL
        if self._leaves_a_workspace_behind():
            wrong["workspace"] = "Virtual keys of another workspace use this integration."
        if wrong:
            raise ValidationError(wrong)

    def hold(
        self, secret: str, previous_until: datetime | None = None, *, keep_previous: bool = False
    ) -> None:
        """Keep `secret`, sealed; the one before stays usable until `previous_until`. The row is not saved.

        `keep_previous`: in a transition the one before stays as it is, and the present one ends at once, as
        one that was mistyped should. "" is for a server that asks for none. Raises ValidationError for what
        no header can carry.
        """
        if secret and not SECRET.fullmatch(secret):
            raise ValidationError({"secret": UNSENDABLE})
        before, until = self.sealed_secret if previous_until else "", previous_until
        if keep_previous and self.in_transition:
            before, until = self.sealed_previous_secret, self.previous_until
        if before and (plain := crypto.unseal(before)) != secret:
            self.sealed_previous_secret, self.previous_until = crypto.seal(plain), until
        else:
            self.forget_previous()
        self.sealed_secret, self.key_id = crypto.seal(secret), crypto.key_id()
        self.hint = tokens.hint(secret) if secret else KEYLESS

    def reseal(self) -> None:
        """Seal again what is sealed, under the key that seals now. Raises crypto.Unsealable."""
        secret, previous = crypto.unseal(self.sealed_secret), ""
        if self.sealed_previous_secret:
            previous = crypto.seal(crypto.unseal(self.sealed_previous_secret))
        self.sealed_secret, self.sealed_previous_secret = crypto.seal(secret), previous
        self.key_id = crypto.key_id()

    def credential(self) -> Credential:
        """What a call is made with. Raises crypto.Unsealable."""
        secret = crypto.unseal(self.sealed_secret)
        return Credential(secret, dict(self.settings), hosts.base_url(self.custom_host))

    @property
    def in_transition(self) -> bool:
        """Whether the secret before is still tried where the provider refuses this one."""
        return self.previous_until is not None and self.previous_until > timezone.now()

    def previous_credential(self) -> Credential | None:
        """What is tried where the provider refuses the credential; None if there is no such time now."""
        if not self.in_transition:
            return None
        secret = crypto.unseal(self.sealed_previous_secret)
        return Credential(secret, dict(self.settings), hosts.base_url(self.custom_host))

    def forget_previous(self) -> None:
        """End the transition from the secret before. The row is not saved."""
        self.sealed_previous_secret, self.previous_until = "", None

    def serves(self, workspace_id: UUID) -> bool:
        """Whether this workspace may use it."""
        if self.workspace_id is None or self.workspace_id == workspace_id:
            return True
        return self.lent_to.filter(pk=workspace_id).exists()

    def _lent(self) -> Collection[UUID]:
        if self.lending is None:
            return [] if self._state.adding else list(self.lent_to.values_list("pk", flat=True))
        return self.lending

    def _leaves_a_workspace_behind(self) -> bool:
        if self.workspace_id is None:
            return False
        return self.virtual_keys.exclude(workspace_id__in=[self.workspace_id, *self._lent()]).exists()


def unknown_settings(provider: str, settings: object) -> str:
    """What is wrong with a provider's settings, or ""."""
    if not isinstance(settings, dict) or not all(isinstance(value, str) for value in settings.values()):
        return "An object of texts."
    known = {setting.name for setting in PROVIDERS[provider].settings}
    unknown = sorted(set(settings) - known)
    return f"{PROVIDERS[provider].name} has no setting {', '.join(unknown)}." if unknown else ""
