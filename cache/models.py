"""Whether a workspace's answers are also found by likeness, and by whose embeddings likeness is told.

Without such a row, or with one that is off, a config's `semantic` does what `simple` does.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from keys.models import VirtualKey
from keys.models.base import Row, Visible
from providers.catalog import PROVIDERS

MODEL = "text-embedding-3-small"
THRESHOLD = 0.95
NEVER_LESS = 0.5  # below that nearly everything is alike

NOT_THERE = "This virtual key belongs to another workspace."
NO_EMBEDDINGS = "{} offers no embeddings: choose a key of another provider."


class SemanticCache(Row):
    """Its primary key is its workspace's, so that who found none sees that one was made."""

    kind = "semantic_cache"

    id = None  # type: ignore[assignment]  # in place of a number of its own
    workspace = models.OneToOneField(
        "keys.Workspace", models.PROTECT, primary_key=True, related_name="semantic_cache"
    )
    enabled = models.BooleanField(default=True, help_text="Off: only the same question is answered again.")
    virtual_key = models.ForeignKey(
        "keys.VirtualKey",
        models.PROTECT,
        related_name="semantic_caches",
        help_text="Whose provider tells how alike questions are, by embeddings, and is paid for it.",
    )
    model = models.CharField(
        "embedding model", max_length=255, default=MODEL, help_text="As the provider calls it."
    )
    dimensions = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(16), MaxValueValidator(4096)],
        help_text="Of an embedding, where the model lets one choose. Empty: as the model has it.",
    )
    threshold = models.FloatField(
        default=THRESHOLD,
        validators=[MinValueValidator(NEVER_LESS), MaxValueValidator(1.0)],
        help_text="How alike a question must be, up to 1. Lower finds more, and more that is wrong.",
    )

    objects = Visible["SemanticCache"].as_manager()

    class Meta:
        verbose_name = "semantic cache"
        ordering = ["workspace__name"]

    def __str__(self) -> str:
        return f"Semantic cache of {self.workspace}"

    def clean(self) -> None:
        key: Any = VirtualKey.objects.filter(pk=self.virtual_key_id).select_related("integration").first()
        if key is None or self.workspace_id is None:
            return  # the form says which is missing
        if key.workspace_id != self.workspace_id:
            raise ValidationError({"virtual_key": NOT_THERE})
        provider = PROVIDERS.get(key.integration.provider)
        if provider is None or "embed" not in provider.operations:
            told = NO_EMBEDDINGS.format(provider.name if provider else key.integration.provider)
            raise ValidationError({"virtual_key": told})
