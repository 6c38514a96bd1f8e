"""The admin's forms where a model's own fields will not do: secrets are written and never shown."""

from typing import Any, cast

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


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in sorted(SCOPES)],
        initial=list(DEFAULT),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
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
        help_text="The provider's key. It is sealed and never shown; left empty, the one before stays.",
    )

    class Meta:
        model = Integration
        fields = "__all__"  # noqa: DJ007 - what is not editable is not in it

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.instance.sealed_secret and not self.cleaned_data.get("secret"):
            self.add_error("secret", "A new integration needs the provider's key.")
        return cleaned

    def save(self, commit: bool = True) -> Integration:
        if secret := self.cleaned_data.get("secret"):
            self.instance.hold(secret)
        return cast(Integration, super().save(commit))
