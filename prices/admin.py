"""Prices in the admin: which are in force, were, and will be; a price that has begun is replaced, not edited.

Everything is saved through prices/revising.py. A price that has begun cannot be deleted: it is ended.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit.lists import ListAdmin
from prices import revising
from prices.charging import said
from prices.forms import NAMES, PriceForm, providers
from prices.models import PriceOverride

SHOWN = 50  # of a model's prices on one page
BY_BUCKET = (
    ("input", "output"),
    ("cache_read", "cache_write"),
    ("reasoning", "per_call"),
    ("audio_input", "audio_output"),
)
PER_MILLION = "USD for a million tokens, and for each call."


class Provider(admin.SimpleListFilter):
    """Of the catalogue, so that no table is read for it."""

    title = parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return providers()[1:]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


@admin.register(PriceOverride)
class PriceOverrideAdmin(ListAdmin):
    form = PriceForm
    list_display = (
        "model",
        "provider",
        "tokens",
        "per_call_usd",
        "starts_at",
        "ends_at",
        "status",
        "made_by",
    )
    list_filter = (Provider,)
    search_fields = ("^model",)
    search_help_text = "How a model's name begins."
    ordering = ("provider", "model", "-starts_at", "-id")
    actions = None
    readonly_fields = ("status", "made_by", "created_at")
    change_form_outer_after_template: Any = "prices/history.html"
    fieldsets = (
        (None, {"fields": (NAMES,)}),
        ("Price", {"fields": ("free", *BY_BUCKET), "description": PER_MILLION}),
        ("In force", {"fields": ("starts_at", "ends_at", "note")}),
    )
    made = (("Made", {"fields": (("made_by", "created_at", "status"),)}),)

    class Media:
        css = {"all": ["prices/prices.css"]}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fieldsets, *self.made) if obj else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *NAMES) if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        begun = obj is None or obj.starts_at <= timezone.now()
        return not begun and super().has_delete_permission(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What a link to the form suggests."""
        told: dict[str, Any] = {name: request.GET.get(name, "") for name in NAMES}
        if begins := moment(request.GET.get("starts_at", "")):
            told["starts_at"] = begins
        return told

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """A form is looked through and saved while nobody else saves a price."""
        context = {**(extra_context or {}), **self.told_of(object_id)}
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, context)
        with transaction.atomic():
            PriceOverride.objects.alone()
            return super().changeform_view(request, object_id, form_url, context)

    def told_of(self, object_id: Any) -> dict[str, Any]:
        """The prices of the same name, the latest first, and where past calls are priced anew by this one."""
        this = PriceOverride.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        if this is None:
            return {}
        rows = PriceOverride.objects.of(this.provider, this.model)[:SHOWN]
        history = [{"row": row, "here": row.pk == this.pk, **self.shown(row)} for row in rows]
        return {"history": history, "reprice": reprice(this)}

    def shown(self, row: PriceOverride) -> dict[str, str]:
        return {"price": self.tokens(row), "call": self.per_call_usd(row), "status": self.status(row)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        by = request.user.get_username()
        if not change:
            revising.make(obj, by)
        elif form.replaces:
            before = revising.replace(obj, by)
            ended = f"The price before, {before.source}, ends {before.ends_at:%Y-%m-%d %H:%M} UTC."
            messages.info(request, ended)
        else:
            revising.edit(obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Whoever goes on editing goes on with the price that took over."""
        match = request.resolver_match
        if "_continue" in request.POST and match and match.kwargs["object_id"] != str(obj.pk):
            return redirect("admin:prices_priceoverride_change", obj.pk)
        return super().response_change(request, obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            revising.withdraw(obj)

    @admin.display(description="input / output")
    def tokens(self, override: PriceOverride) -> str:
        if override.free:
            return "free"
        return f"{usd(override.input)} / {usd(override.output)}"

    @admin.display(description="each call")
    def per_call_usd(self, override: PriceOverride) -> str:
        return usd(override.per_call)

    @admin.display
    def status(self, override: PriceOverride) -> str:
        return override.status(timezone.now())


def usd(price: Decimal | None) -> str:
    return "—" if price is None else said(price)


def moment(text: str) -> datetime | None:
    """A time that a link suggests, if it is one."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is None or timezone.is_aware(found) else timezone.make_aware(found)


def reprice(override: PriceOverride) -> str:
    """The form that asks for the calls of an override to be priced anew; the page is the log's."""
    asked = {"provider": override.provider, "model": override.model, "only_unpriced": ""}
    for name, at in (("since", override.starts_at), ("until", override.ends_at)):
        asked |= {name: at.strftime("%Y-%m-%dT%H:%M")} if at else {}
    return f"{reverse('admin:logs_requestlog_unpriced')}?{urlencode(asked)}#anew"
