"""What a provider asks for beside its secret, as fields of a form: one for each setting of the catalogue.

All of them are in the form, so that it works without scripts; a script shows those of the chosen provider.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from providers.catalog import PROVIDERS
from providers.types import Provider, Setting

USUAL = Setting("").pattern
ALLOWED = {USUAL: "letters, digits, dots, hyphens and underscores, at most 200"}
NOT_ALLOWED = "This has characters that are not allowed here, or is too long."


class SettingField(forms.CharField):
    """A setting of one provider; whether it must be filled in goes by the provider that is chosen."""

    def __init__(self, provider: Provider, setting: Setting) -> None:
        self.provider, self.setting = provider, setting
        widget = UnfoldAdminTextInputWidget(attrs={"data-provider": provider.slug, "autocomplete": "off"})
        super().__init__(
            label=label(provider, setting), required=False, widget=widget, help_text=told(provider, setting)
        )

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and not re.fullmatch(self.setting.pattern, value, re.ASCII):
            allowed = ALLOWED.get(self.setting.pattern)
            raise ValidationError(f"{NOT_ALLOWED} Allowed are {allowed}." if allowed else NOT_ALLOWED)


def label(provider: Provider, setting: Setting) -> str:
    """`openai_project` → `OpenAI project`."""
    words = setting.name.removeprefix(provider.slug.replace("-", "_") + "_").replace("_", " ")
    return f"{provider.name} {words}" + (" (needed)" if setting.required else "")


def told(provider: Provider, setting: Setting) -> str:
    where = f"as the header {setting.header}" if setting.header else "as a part of the address"
    return f"Sent {where}." if setting.required else f"Sent {where}; may stay empty."


def field_name(provider: Provider, setting: Setting) -> str:
    return f"setting_{provider.slug}_{setting.name}"


def setting_fields(providers: Iterable[Provider]) -> dict[str, SettingField]:
    return {
        field_name(provider, setting): SettingField(provider, setting)
        for provider in providers
        for setting in provider.settings
    }


class SettingForm(forms.Form):
    """A form with the settings of all providers; to be mixed into a model's."""

    def keep_settings_of(self, provider: str, settings: Mapping[str, str]) -> None:
        """Leave the fields of one provider alone, filled with `settings`."""
        for name, field in list(self.fields.items()):
            if not isinstance(field, SettingField):
                continue
            if field.provider.slug == provider:
                self.initial[name] = settings.get(field.setting.name, "")
            else:
                del self.fields[name]

    def given_settings(self, provider: str) -> dict[str, str]:
        """The settings that were filled in for this provider; what is wrong with them is said beside them."""
        found = {}
        for name, field in self.fields.items():
            if not isinstance(field, SettingField) or name in self.errors:
                continue
            value = self.cleaned_data.get(name, "")
            if field.provider.slug != provider:
                if value:
                    self.add_error(
                        name, f"This is for {field.provider.name}: choose it, or leave this empty."
                    )
            elif value:
                found[field.setting.name] = value
            elif field.setting.required:
                self.add_error(name, f"{field.provider.name} needs this.")
        return found


SETTING_FIELDS = setting_fields(PROVIDERS.values())
WithSettings: type[SettingForm] = type("WithSettings", (SettingForm,), dict(SETTING_FIELDS))
