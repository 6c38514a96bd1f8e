"""The admin's form for a price, and what saving it will do."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from prices.charging import BUCKETS, said
from prices.models import PriceOverride, now_in_seconds
from prices.revising import start_of_change
from providers.catalog import PROVIDERS

PRICE = {"free", *BUCKETS, "per_call", "starts_at"}  # what is not changed in place once it has begun
REPLACES = "A changed price counts from now on, unless you change this too. The one before stays in the list."
NAMES = ("provider", "model")


def providers() -> list[tuple[str, str]]:
    named = ((slug, provider.name) for slug, provider in PROVIDERS.items())
    return [("", "Choose a provider …"), *sorted(named, key=lambda row: row[1].lower())]


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    provider = forms.ChoiceField(choices=providers, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = PriceOverride
        fields = "__all__"  # noqa: DJ007 - what is not editable is not in it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begun = self.instance.pk is not None and self.instance.starts_at <= now_in_seconds()
        for name in {*BUCKETS, "per_call"} & self.initial.keys():
            if (price := self.initial[name]) is not None:
                self.initial[name] = Decimal(said(Decimal(price)))  # 2, not 2.000000
        if begins := self.fields.get("starts_at"):
            begins.show_hidden_initial = False  # what the row says is what counts
            begins.help_text = REPLACES if self.begun else begins.help_text
        for field in self.fields.values():
            if isinstance(field.widget, forms.MultiWidget):
                name_parts(field)

    @property
    def replaces(self) -> bool:
        """Whether what is saved becomes a price of its own, after the one it was made from."""
        return self.begun and not PRICE.isdisjoint(self.changed_data)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.replaces and cleaned.get("starts_at"):
            cleaned["starts_at"] = start_of_change(self.instance, cleaned["starts_at"])
        return cleaned


def name_parts(moment: forms.Field) -> None:
    """Name the inputs for date and time, which the field's one label does not reach."""
    assert isinstance(moment.widget, forms.MultiWidget)
    for part, widget in zip(("date", "time"), moment.widget.widgets, strict=True):
        widget.attrs["aria-label"] = f"{moment.label}, {part}"
