"""The admin's form for API keys, where the model's own fields will not do."""

from django import forms
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from keys.models import ApiKey
from keys.scopes import DEFAULT, SCOPES


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
