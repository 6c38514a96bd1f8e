"""What there is one of: the organisation, the canary of the credential keys, the generation of changes."""

import uuid

from django.db import models
from django.db.models import Q

from keys import crypto
from keys.models.base import Visible


class InstallationQuerySet(Visible["Installation"]):
    def current(self) -> "Installation":
        """The one row; made if it is not there."""
        return self.get_or_create(only=1, defaults={"canary": crypto.seal(crypto.CANARY)})[0]


class Installation(models.Model):
    id = models.UUIDField("organisation", primary_key=True, default=uuid.uuid4, editable=False)
    only = models.PositiveSmallIntegerField(default=1, unique=True, editable=False)
    canary = models.TextField(help_text="Sealed; tells at the start whether the credential keys fit.")
    generation = models.BigIntegerField(default=0, help_text="Raised by every change the directory must see.")
    pruned = models.BigIntegerField(default=0, help_text="Changes up to this generation are no longer kept.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InstallationQuerySet.as_manager()

    class Meta:
        verbose_name = "installation"
        constraints = [models.CheckConstraint(condition=Q(only=1), name="installation_is_one")]

    def __str__(self) -> str:
        return str(self.id)

    def opens(self) -> bool:
        """Whether the credential keys unseal what is stored here."""
        try:
            return crypto.unseal(self.canary) == crypto.CANARY
        except crypto.Unsealable:
            return False
