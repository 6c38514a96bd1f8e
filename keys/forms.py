"""The admin's forms where a model's own fields will not do: secrets are written and never shown."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
)

from keys.models import ApiKey, Integration
from keys.scopes import DEFAULT, SCOPES
from providers.catalog import PROVIDERS


def providers() -> list[tuple[str, str]]:
    return sorted(
        ((slug, provider.name) for slug, provider in PROVIDERS.items()), key=lambda row: row[1].lower()
    )


class InColumns(UnfoldAdminCheckboxSelectMultipleWidget):
    """Checkboxes beside and below one another, as there are many."""

    template_name = "keys/columns.html"


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in sorted(SCOPES)],
        initial=list(DEFAULT),
        widget=InColumns,
    )

    class Meta:
        model = ApiKey
        fields = "__all__"  # noqa: DJ007 - what is not editable is not in it


class IntegrationForm(forms.ModelForm):  # type: ignore[type-arg]
    provider = forms.ChoiceField(choices=providers, widget=UnfoldAdminSelectWidget)
    secret = forms.CharField(
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Sealed, and never shown. Empty for a custom host that asks for none.",
    )

    class Meta:
        model = Integration
        fields = "__all__"  # noqa: DJ007 - what is not editable is not in it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.sealed_secret and "secret" in self.fields:
            self.fields["secret"].help_text = f"Now: {self.instance.hint}. Left empty, it stays."

    def clean(self) -> dict[str, Any] | None:
        """Seals the secret before the model looks at the whole. Raises ValidationError."""
        cleaned = super().clean()
        secret = self.cleaned_data.get("secret")
        if secret or (secret == "" and not self.instance.sealed_secret):
            self.instance.hold(secret)
        return cleaned
