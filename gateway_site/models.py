"""The one table of the site itself: failed tries of a password. `pauses` counts in it."""

from django.db import models


class Kind(models.TextChoices):
    NAME = "name", "User name"
    ADDRESS = "address", "Address"
    BROWSER = "browser", "Known browser"
    SESSION = "session", "Session"


class Tries(models.Model):
    """Failed tries of one name, address, browser or session, and until when it has to wait."""

    bucket = models.CharField(max_length=64, primary_key=True, help_text="A keyed digest of whose they are.")
    kind = models.CharField("whose", max_length=16, choices=Kind.choices, default="")
    failures = models.PositiveIntegerField(default=0)
    last = models.DateTimeField(db_index=True)
    until = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)  # it is written by counting and lifting alone
        permissions = (("lift_pauses", "Can lift pauses"),)
        verbose_name = "sign-in pause"

    def __str__(self) -> str:
        return self.bucket[:8]
