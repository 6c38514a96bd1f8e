"""Prices that an admin gives to models, over those of the price list, each for a span of time.

A price that has begun may have been charged, so it is not edited: another takes its place
(prices/revising.py), and what a call was priced by stays readable. Two of one model are never in force at
once: what is saved goes through `clean`, behind `alone`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connections, models
from django.db.models import F, Q
from django.utils import timezone

from prices.charging import BUCKETS
from providers.catalog import PROVIDERS

ANY_MORE = "*"  # at the end of a name: every name that begins so
MOST = 1_000_000  # dollars for a million tokens: a dollar each
NEEDED: Final = ("input", "output")  # what the others fall back to

UNKNOWN = "Gatehouse knows no provider of this name."
STAR_INSIDE = "A * may stand at the end only, for every name that begins so."
FREE_AND_PRICED = "What is free has no prices: leave this empty."
MISSING = "Give a price, 0 if it is free of charge. It may stay empty for what is free, or paid by the call."
BACKWARDS = "This is before the time from which the price is in force."
TOO_MUCH = "More than 1,000,000 dollars is surely a slip."
NEGATIVE = "A price is never negative."
BOUNDS = (MinValueValidator(Decimal(0), NEGATIVE), MaxValueValidator(Decimal(MOST), TOO_MUCH))


def price_field(label: str, falls_back: str = "", **kwargs: Any) -> "models.DecimalField[Any, Any]":
    told = f"Empty: as {falls_back}." if falls_back else ""
    usual: dict[str, Any] = {"max_digits": 13, "decimal_places": 6, "help_text": told}
    return models.DecimalField(label, null=True, blank=True, validators=BOUNDS, **usual | kwargs)


def now_in_seconds() -> datetime:
    """Forms show no fractions of a second, and would take them for changed."""
    return timezone.now().replace(microsecond=0)


class PriceOverrideQuerySet(models.QuerySet["PriceOverride"]):
    def alone(self) -> None:
        """Inside a transaction: whoever else saves a price waits. SQLite lets one write at a time anyway."""
        connection = connections[self.db]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {self.model._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")

    def of(self, provider: str, model: str) -> "PriceOverrideQuerySet":
        """All there ever were under this very name, the latest first."""
        return self.filter(provider=provider, model=model).order_by("-starts_at", "-id")

    def lasting(self) -> "PriceOverrideQuerySet":
        """Without those that another replaced from their beginning."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=F("starts_at")))


class PriceOverride(models.Model):
    kind: ClassVar[str] = "price_override"  # in the audit log

    provider = models.CharField(max_length=64)
    model = models.CharField(
        max_length=255,
        help_text="As it answers or is asked for; with * at its end, every name that begins so.",
    )
    free = models.BooleanField(default=False, help_text="Calls cost nothing.")
    input = price_field("input")
    output = price_field("output")
    cache_read = price_field("read from cache", "input")
    cache_write = price_field("written to cache", "input")
    reasoning = price_field("reasoning", "output")
    audio_input = price_field("audio input", "input")
    audio_output = price_field("audio output", "output")
    per_call = price_field("each call", max_digits=16, decimal_places=9, help_text="USD, beside the tokens.")
    starts_at = models.DateTimeField("from", default=now_in_seconds)
    ends_at = models.DateTimeField(
        "until", null=True, blank=True, help_text="Empty: until another takes over."
    )
    note = models.TextField(blank=True, max_length=1000, help_text="Where this price comes from.")
    made_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField("made", auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PriceOverrideQuerySet.as_manager()

    class Meta:
        verbose_name = "own price"
        ordering = ["provider", "model", "-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")), name="price_ends_after_it_starts"
            ),
            models.UniqueConstraint(
                fields=["provider", "model"], condition=Q(ends_at=None), name="one_open_price_of_a_model"
            ),
            models.UniqueConstraint(
                fields=["provider", "model", "starts_at"],
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="one_price_from_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.provider} from {self.starts_at:%Y-%m-%d %H:%M}"

    @property
    def source(self) -> str:
        """What rows say that were priced by this."""
        return f"override {self.pk}"

    def status(self, now: datetime) -> str:
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            return "replaced"
        if self.ends_at is not None and self.ends_at <= now:
            return "over"
        return "in force" if self.starts_at <= now else "to come"

    def clean(self) -> None:
        """Raises ValidationError, each complaint with its field."""
        self.model = self.model.strip().lower()
        wrong = {**self.named_wrong(), **self.priced_wrong()}
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            wrong["ends_at"] = BACKWARDS
        if wrong:
            raise ValidationError(wrong)
        if other := self.overlapping():
            until = f"until {other.ends_at:%Y-%m-%d %H:%M} UTC" if other.ends_at else "without an end"
            raise ValidationError(
                f"Another price of {other.model} is in force then: from {other.starts_at:%Y-%m-%d %H:%M} UTC"
                f" {until}. Change that one, or choose another time."
            )

    def validate_constraints(self, exclude: Any = None) -> None:
        """`clean` says in words what they forbid; the database has them for whoever comes by another way."""

    def named_wrong(self) -> dict[str, str]:
        wrong = {}
        if self.provider not in PROVIDERS:
            wrong["provider"] = UNKNOWN
        if ANY_MORE in self.model[:-1]:
            wrong["model"] = STAR_INSIDE
        return wrong

    def priced_wrong(self) -> dict[str, str]:
        given = {name for name in (*BUCKETS, "per_call") if getattr(self, name) is not None}
        if self.free:
            return dict.fromkeys(given, FREE_AND_PRICED)
        if self.per_call is not None:
            return {}
        return dict.fromkeys((name for name in NEEDED if name not in given), MISSING)

    def overlapping(self) -> "PriceOverride | None":
        """Another of the same name that is in force at some time of this one's."""
        others = PriceOverride.objects.of(self.provider, self.model).lasting().exclude(pk=self.pk)
        if self.ends_at is not None:
            others = others.filter(starts_at__lt=self.ends_at)
        return others.filter(Q(ends_at=None) | Q(ends_at__gt=self.starts_at)).first()
