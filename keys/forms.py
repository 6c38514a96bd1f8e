"""The admin's form for API keys, where the model's own fields will not do."""

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from keys.models import ApiKey
from keys.scopes import DEFAULT, FAMILIES


class ByFamily(UnfoldAdminCheckboxSelectMultipleWidget):
    """A line for each kind of object, its verbs beside one another, as there are many."""

    template_name = "keys/columns.html"


def in_words(family: str) -> str:
    """`workspace_users` → `Workspace users`."""
    words = family.replace("_", " ")
    for name, spelt in {"api": "API", "mcp": "MCP"}.items():
        words = words.replace(name, spelt)
    return words[0].upper() + words[1:]


def verbs(family: str) -> list[tuple[str, str]]:
    return [(f"{family}.{verb}", verb) for verb in FAMILIES[family]]


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        choices=[(in_words(family), verbs(family)) for family in FAMILIES],
        initial=list(DEFAULT),
        widget=ByFamily,
        help_text="What the key may do. What is chosen at first is enough to make calls.",
    )

    class Meta:
        model = ApiKey
        fields = "__all__"  # noqa: DJ007 - what is not editable is not in it
        help_texts = {
            "user": "Of a workspace user's key, and of no other.",
            "expires_at": "In UTC. Empty: it does not expire.",
            "log_bodies": "Keep what was asked and answered, not only that it was.",
            "allow_config_override": "Whether a call may name another config than the default one.",
        }
