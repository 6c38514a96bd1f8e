"""What the rows of this app have in common: a UUID, two times, who may see them, and when they were used."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Case, Q, Value, When

SLUG = RegexValidator(r"\A[A-Za-z0-9_-]+\Z", "Letters, digits, hyphens and underscores only.")
BATCH = 200

M = TypeVar("M", bound=models.Model, covariant=True)


class Visible(models.QuerySet[M]):
    def visible_to(self, user: Any) -> Self:
        """What a user of the admin may see. Staff see all workspaces; memberships will narrow it here."""
        return self if user.is_active and user.is_staff else self.none()


class Used(Visible[M]):
    def used(self, times: Mapping[Any, datetime]) -> None:
        """Move "last used" forward, never back, for each id. Changes nothing that the directory keeps."""
        ids = sorted(times, key=str)
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            whens = (When(pk=each, then=Value(times[each])) for each in batch)
            latest = Case(*whens, output_field=models.DateTimeField())
            earlier = Q(last_used_at=None) | Q(last_used_at__lt=latest)
            self.filter(earlier, pk__in=batch).update(last_used_at=latest)


class Row(models.Model):
    kind: ClassVar[str]  # its name in the directory and among the changes

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


def by_beginning(model: str, *fields: str) -> list[models.Index]:
    """Indexes for a list in order of names, and for a search by how each of these begins."""
    listed = models.Index(fields=["name", "-id"], name=f"{model}_listed")
    return [
        listed,
        *(
            models.Index(fields=[field], opclasses=["varchar_pattern_ops"], name=f"{model}_by_{field}")
            for field in fields
        ),
    ]


def by_end_of_transition(model: str) -> models.Index:
    """An index of the few rows that still keep the credential before their present one."""
    return models.Index(
        fields=["previous_until"], condition=Q(previous_until__isnull=False), name=f"{model}_in_transition"
    )
