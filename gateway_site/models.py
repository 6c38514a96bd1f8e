"""The one table of the site itself: failed tries to sign in. `pauses` counts in it."""

from django.db import models


class Tries(models.Model):
    """Failed tries of one name, address or browser, and until when it has to wait."""

    bucket = models.CharField(max_length=64, primary_key=True, help_text="A keyed digest of whose they are.")
    failures = models.PositiveIntegerField(default=0)
    last = models.DateTimeField(db_index=True)
    until = models.DateTimeField()

    class Meta:
        default_permissions = ()  # nobody is to read or change it but by `lift_pause`
        verbose_name_plural = "tries"

    def __str__(self) -> str:
        return self.bucket[:8]
