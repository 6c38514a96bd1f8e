"""The admin's pages on which an API key is shown once, and rotated."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST
from unfold.widgets import INPUT_CLASSES

from keys import shown_once
from keys.admin_endings import EndingAdmin
from keys.creation import rotate_api_key
from keys.models import ApiKey

TRANSITIONS = {
    "30m": (timedelta(minutes=30), "30 minutes"),
    "24h": (timedelta(hours=24), "24 hours"),
    "7d": (timedelta(days=7), "7 days"),
    "30d": (timedelta(days=30), "30 days"),
}


class TokenAdmin(EndingAdmin):
    """Of API keys: a new token goes to a page of its own."""

    change_form_outer_after_template: Any = "keys/rotate.html"
    transitions = [(name, words) for name, (_, words) in TRANSITIONS.items()]
    input_classes = " ".join(INPUT_CLASSES)

    class Media:
        css = {"all": ["keys/keys.css"]}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:pk>/token/", wrap(self.token), name="keys_apikey_token"),
            path("<uuid:pk>/rotate/", wrap(require_POST(self.rotate)), name="keys_apikey_rotate"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        token = "" if change else obj.assign_token()
        super().save_model(request, obj, form, change)
        if token:
            shown_once.keep(request.session, obj, token)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return redirect("admin:keys_apikey_token", obj.pk)

    def token(self, request: HttpRequest, pk: UUID) -> TemplateResponse:
        """Shows the new token, this once. Raises Http404, PermissionDenied."""
        key, token = self.row(request, pk), shown_once.take(request.session, pk)
        if not token and not self.has_view_permission(request, key):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": key.name,
            "opts": self.opts,
            "original": key,
            "token": token,
            "input_classes": self.input_classes,
        }
        return TemplateResponse(request, "keys/token.html", context)

    def rotate(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Gives the key a new token. Raises Http404, PermissionDenied."""
        key: ApiKey = self.row(request, pk)
        if not self.has_change_permission(request, key):
            raise PermissionDenied
        transition, _ = TRANSITIONS.get(request.POST.get("transition", ""), TRANSITIONS["30m"])
        try:
            token = rotate_api_key(key, transition)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
            return redirect(reverse("admin:keys_apikey_change", args=[pk]))
        shown_once.keep(request.session, key, token)
        return redirect("admin:keys_apikey_token", pk)
