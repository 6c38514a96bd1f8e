"""The admin's forms for credentials: an integration's own, and a new virtual key's with all it needs.

A secret is written and never shown: a form that comes back with something wrong asks for it again.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from keys.models import Integration, VirtualKey
from keys.models.virtual_key import new_slug
from keys.setting_fields import WithSettings
from providers.catalog import PROVIDERS

SCRIPT = forms.Script("keys/provider_settings.js", defer=True)
GRACE = {"": None, "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
GRACE_CHOICES = [("", "at once"), ("1h", "after 1 hour"), ("24h", "after 24 hours"), ("7d", "after 7 days")]
KEPT = ("kept", "at once; the one before it stays until its time is up")
ONE_WAY = "Choose a provider and paste its key, or choose an integration further down."
NOT_BOTH = "Choose either a provider with its key, or an integration: not both."
NOT_TO_ANOTHER_HOST = "The secret before is not sent to another host: with a new one it ends at once."
TAKEN = "A virtual key of this workspace has this slug already."


def providers() -> list[tuple[str, str]]:
    return sorted(
        ((slug, provider.name) for slug, provider in PROVIDERS.items()), key=lambda row: row[1].lower()
    )


def providers_to_choose() -> list[tuple[str, str]]:
    return [("", "Choose a provider …"), *providers()]


class SecretField(forms.CharField):
    """A provider's key, pasted. It is not put back into a form that was refused."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        super().__init__(required=False, strip=True, widget=widget, **kwargs)


class IntegrationForm(WithSettings, forms.ModelForm):  # type: ignore[type-arg, valid-type, misc]
    provider = forms.ChoiceField(choices=providers_to_choose, widget=UnfoldAdminSelectWidget)
    secret = SecretField(
        help_text="The provider's key. Sealed, and never shown. Empty for a custom host that asks for none."
    )
    grace = forms.ChoiceField(
        label="The secret before ends",
        choices=[KEPT, *GRACE_CHOICES],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Of use with a new secret: until then the one before is tried where it is refused.",
    )

    class Meta:
        model = Integration
        exclude = ("settings",)  # noqa: DJ006 - they have fields of their own

    class Media:
        js = (SCRIPT,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance.sealed_secret:
            del self.fields["grace"]
            return
        if "secret" in self.fields:
            self.fields["secret"].help_text = self.told_of_secret()
        if "grace" in self.fields:
            self.offer(self.fields["grace"])
        self.keep_settings_of(self.instance.provider, self.instance.settings)

    def offer(self, grace: forms.Field) -> None:
        """What is offered; all of it is taken, for a transition may end while somebody fills in the form."""
        if self.instance.in_transition:
            grace.initial = KEPT[0]
        elif isinstance(grace.widget, forms.Select):
            grace.widget.choices = GRACE_CHOICES

    def told_of_secret(self) -> str:
        told = f"Now: {self.instance.hint}. Left empty, it stays."
        if self.instance.in_transition:
            told += f" The one before is tried until {self.instance.previous_until:%Y-%m-%d %H:%M} UTC."
        return told

    def clean(self) -> dict[str, Any] | None:
        """Seals the secret before the model looks at the whole. Raises ValidationError."""
        cleaned = super().clean()
        self.instance.settings = self.given_settings(
            self.cleaned_data.get("provider", self.instance.provider)
        )
        if (lent := self.cleaned_data.get("lent_to")) is not None:
            self.instance.lending = [workspace.pk for workspace in lent]
        grace = self.cleaned_data.get("grace", "")
        moved = bool(self.instance.sealed_secret) and "custom_host" in self.changed_data
        if moved and GRACE.get(grace):
            raise ValidationError({"grace": NOT_TO_ANOTHER_HOST})
        if moved:
            self.instance.forget_previous()
        secret = self.cleaned_data.get("secret")
        if secret or (secret == "" and not self.instance.sealed_secret):
            until = timezone.now() + time if (time := GRACE.get(grace)) else None
            self.instance.hold(secret, until, keep_previous=grace == KEPT[0])
        return cleaned


class NewVirtualKeyForm(WithSettings, forms.ModelForm):  # type: ignore[type-arg, valid-type, misc]
    """A virtual key, with an integration made for it or with one that is there."""

    provider = forms.ChoiceField(choices=providers_to_choose, required=False, widget=UnfoldAdminSelectWidget)
    secret = SecretField(
        help_text="Paste the provider's key. It is sealed; only a hint like sk*****abc is ever shown."
    )
    custom_host = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://"}),
        help_text="Only for a server other than the provider's own: a base URL with its version, "
        "such as https://llm.example/v1. Such a server may need no secret.",
    )

    class Meta:
        model = VirtualKey
        fields = (
            "name",
            "slug",
            "workspace",
            "integration",
            "expires_at",
            "allow_passthrough",
            "note",
            "active",
        )

    class Media:
        js = (SCRIPT,)

    made: Integration | None = None  # to be saved before the virtual key

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["integration"].required = False

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self.settle_slug()
        provider, chosen = self.cleaned_data.get("provider"), self.cleaned_data.get("integration")
        if chosen:
            if provider or self.cleaned_data.get("secret"):
                self.add_error("integration", NOT_BOTH)
        elif provider:
            self.make_integration(provider)
        elif "provider" not in self.errors and "integration" not in self.errors:
            self.add_error("provider", ONE_WAY)
        return cleaned

    def settle_slug(self) -> None:
        """The slug, made of the name if none was given. One that is taken is said beside it."""
        data = self.cleaned_data
        if "slug" not in data or not data.get("name"):
            return
        data["slug"] = data["slug"] or new_slug(data["name"])
        workspace = data.get("workspace")
        if workspace and VirtualKey.objects.within(workspace.pk).filter(slug=data["slug"]).exists():
            self.add_error("slug", TAKEN)

    def make_integration(self, provider: str) -> None:
        """The integration that is to be saved first; what is wrong with it stands beside its fields."""
        data = self.cleaned_data
        made = Integration(
            workspace=data.get("workspace"),
            name=data.get("name", ""),
            slug=free_slug(data),
            provider=provider,
            custom_host=data.get("custom_host", ""),
            settings=self.given_settings(provider),
        )
        try:
            made.hold(data.get("secret", ""))
            made.full_clean(exclude={"name", "slug"})
        except ValidationError as error:
            self.blame(error.message_dict)
        self.made = data["integration"] = made

    def blame(self, wrong: Mapping[str, list[str]]) -> None:
        for name, messages in wrong.items():
            for message in messages:
                self.add_error(name if name in self.fields else None, message)

    def _get_validation_exclusions(self) -> set[str]:
        """What is not saved yet cannot be found in the database."""
        exclude: set[str] = super()._get_validation_exclusions()
        return exclude | {"integration"} if self.made else exclude


def free_slug(data: Mapping[str, Any]) -> str:
    """The virtual key's slug for its integration too, if the workspace has no other of that name."""
    workspace, slug, name = data.get("workspace"), data.get("slug", ""), data.get("name", "")
    if not slug or Integration.objects.filter(workspace=workspace, slug=slug).exists():
        return new_slug(name)
    return str(slug)
