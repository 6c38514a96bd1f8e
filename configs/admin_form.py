"""The admin's form for a config: its text, and what is wrong with it, said with the place and the line."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget

from configs.compiling import Invalid, NotJSON
from configs.creation import checked
from configs.lines import lines_of
from configs.models import Config
from configs.violations import Violation

EXAMPLE = """{
  "strategy": {"mode": "fallback"},
  "targets": [
    {"provider": "@openai"},
    {"provider": "@anthropic"}
  ]
}"""
HELP = "A JSON object, with Portkey's members. It names virtual keys by their slugs, and holds no secrets."
CHANGED = "Somebody has changed this config meanwhile: it is at version {}. Open it anew, and change that."


class ConfigForm(forms.ModelForm):  # type: ignore[type-arg]
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Config
        fields = ("name", "workspace", "status", "text")
        help_texts = {"text": HELP}
        widgets = {
            "text": UnfoldAdminTextareaWidget(
                attrs={"rows": 24, "spellcheck": "false", "autocomplete": "off", "wrap": "off"}
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["seen"] = self.instance.number
        if self.instance._state.adding:
            self.initial.setdefault("text", EXAMPLE)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if not self.instance._state.adding and text.replace("\r\n", "\n") == self.instance.text:
            return str(self.instance.text)  # as it was, whatever the rules are today
        try:
            return checked(text)
        except NotJSON as error:
            raise ValidationError(f"This is no JSON object: {error}.") from None
        except Invalid as error:
            raise ValidationError(told(error.violations, text)) from None
        except ValidationError as error:
            raise ValidationError(error.messages) from None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "text" in self.fields and (cleaned.get("seen") or 0) != self.instance.number:
            raise ValidationError(CHANGED.format(self.instance.number))
        return cleaned


def told(violations: list[Violation], text: str) -> list[str]:
    """Each as `Line 4, targets → 1 → strategy → mode: Invalid …`."""
    lines = lines_of(text, [each.path for each in violations])
    places = (" → ".join(map(str, each.path)) or "the whole" for each in violations)
    pairs = zip(violations, lines, places, strict=True)
    return [f"Line {line}, {place}: {each.message}" for each, line, place in pairs]
