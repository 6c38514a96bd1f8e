"""The form of a dry run: the request that is not made."""

import json
from typing import Any
from urllib.parse import unquote

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from configs.conditions import Facts
from configs.dry_call import Call
from keys.management.view import RESERVED
from providers.json_text import loads

LOOKED_FOR = 1.0  # seconds that all conditions may take, as in a call
LARGEST = 256 << 10  # characters
BODY = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}, indent=2)


class JSONObject(forms.CharField):
    """An object, as JSON; {} where there is nothing."""

    def __init__(self, *, rows: int, **more: Any) -> None:
        attrs = {"rows": rows, "spellcheck": "false", "autocomplete": "off"}
        super().__init__(
            required=False, max_length=LARGEST, widget=UnfoldAdminTextareaWidget(attrs=attrs), **more
        )

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        try:
            told = loads(text) if text.strip() else {}
        except (ValueError, RecursionError) as error:
            raise ValidationError(f"This is no JSON object: {error}.") from None
        if not isinstance(told, dict):
            raise ValidationError("This is no JSON object.")
        return told


class TrialForm(forms.Form):
    path = forms.CharField(
        max_length=2_000,
        initial="/v1/chat/completions",
        widget=UnfoldAdminTextInputWidget,
        help_text="Asked by POST, and without headers that name a provider. A query may follow it.",
    )
    metadata = JSONObject(
        rows=4, initial='{"_user": "anna"}', help_text="With what the API key adds to each of its calls."
    )
    body = JSONObject(rows=11, initial=BODY)

    def clean_path(self) -> str:
        path: str = self.cleaned_data["path"]
        if not path.startswith("/v1/"):
            raise ValidationError("The API is under /v1/.")
        if path.removeprefix("/v1/").partition("?")[0].partition("/")[0] in RESERVED:
            raise ValidationError("That is the management API, which follows no config.")
        return path

    def call(self) -> Call:
        """The call that is not made."""
        told = self.cleaned_data
        path, _, query = told["path"].partition("?")
        return Call(Facts(told["metadata"], told["body"], unquote(path), LOOKED_FOR), query)
