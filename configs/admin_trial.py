"""The form of a dry run: the request that is not made."""

import json
import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from configs.conditions import Facts
from providers.json_text import loads

LOOKED_FOR = 1.0  # seconds that all patterns may take, as in a call
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
        max_length=2_000, initial="/v1/chat/completions", widget=UnfoldAdminTextInputWidget
    )
    metadata = JSONObject(
        rows=4, initial='{"_user": "anna"}', help_text="With what the API key adds to each of its calls."
    )
    body = JSONObject(rows=11, initial=BODY)

    def facts(self) -> Facts:
        """What conditions can ask of it."""
        told = self.cleaned_data
        return Facts(told["metadata"], told["body"], told["path"], time.monotonic() + LOOKED_FOR)
