"""The admin's forms for API keys and workspaces, where the models' own fields will not do."""

from typing import Any
from uuid import UUID

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from keys.models import ApiKey, Workspace
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


class WithDefaultConfig(forms.ModelForm):  # type: ignore[type-arg]
    """Offers the configs of the row's own workspace as its default."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row, field = self.instance, self.fields.get("default_config")
        workspace = row.pk if isinstance(row, Workspace) else row.workspace_id
        if isinstance(field, forms.ModelChoiceField) and not row._state.adding:
            narrow(field, workspace)


def narrow(field: Any, workspace_id: UUID | None) -> None:
    """Offer what belongs to this workspace alone: nothing else can be chosen, nor is found."""
    field.queryset = field.queryset.filter(workspace_id=workspace_id)
    select = field.widget.widget  # what the admin puts its links around
    url = f"{select.get_url()}?of_workspace={workspace_id}"
    select.get_url = lambda: url


class WorkspaceForm(WithDefaultConfig):
    class Meta:
        model = Workspace
        fields = "__all__"  # noqa: DJ007 - what is not editable is not in it


class ApiKeyForm(WithDefaultConfig):
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
