"""What changed lately, so that each process rereads just that. Written by keys/changes.py alone."""

from django.db import models

from keys.models.base import Visible


class Change(models.Model):
    id = models.BigAutoField(primary_key=True)
    generation = models.BigIntegerField(db_index=True)
    kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = Visible["Change"].as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.generation}: {self.kind} {self.object_id}"
