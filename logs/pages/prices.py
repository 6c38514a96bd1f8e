"""The page of the models without a price, in the admin, where past calls are also priced anew on request.

Whoever may see the log may see it; to ask for prices anew is a permission of its own. The ingester does what
is asked for (logs/repricing/beside.py), and this page shows how far it is.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from logs import unpriced
from logs.models import Repricing
from logs.repricing import requests as repricings
from logs.unpriced import Seen
from providers.catalog import PROVIDERS

NAME = "logs_requestlog_unpriced"
SPANS = {"7": "7 days", "30": "30 days", "90": "90 days", "36500": "All time"}
USUAL = "30"
SHOWN = 10  # requests
FILLED = ("since", "until", "provider", "model", "only_unpriced")  # what a link may fill in
BACKWARDS = "It ends before it begins."


def urls(admin: Any) -> list[URLPattern]:
    """For logs/admin.py: the address of the page, of `admin`, which knows who may see the log."""

    @require_http_methods(["GET", "HEAD", "POST"])
    def view(request: HttpRequest) -> HttpResponseBase:
        if not admin.has_view_permission(request):
            raise PermissionDenied
        return page(admin, request)

    return [path("unpriced/", admin.admin_site.admin_view(view), name=NAME)]


class TimeInput(UnfoldAdminTextInputWidget):
    """The browser's own field for a time, to the minute."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> str:
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M}" if isinstance(value, datetime) else str(value or "")


def providers() -> list[tuple[str, str]]:
    named = ((slug, provider.name) for slug, provider in PROVIDERS.items())
    return [("", "Any provider"), *sorted(named, key=lambda row: row[1].lower())]


class RepricingForm(forms.ModelForm):  # type: ignore[type-arg]
    since = forms.DateTimeField(
        label="From", required=False, widget=TimeInput, help_text="UTC. Empty: from the first."
    )
    until = forms.DateTimeField(
        label="Until", required=False, widget=TimeInput, help_text="UTC. Empty: until now."
    )
    provider = forms.ChoiceField(choices=providers, required=False, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Repricing
        fields = ("since", "until", "provider", "model", "only_unpriced")
        widgets = {"model": UnfoldAdminTextInputWidget, "only_unpriced": UnfoldBooleanWidget}
        help_texts = {"model": "As asked or answered; with * at its end, all that begin so. Empty: any."}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "until" in cleaned:
            cleaned["until"] = cleaned["until"] or timezone.now()
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since >= until:
            self.add_error("until", BACKWARDS)
        return cleaned


@dataclass(frozen=True, slots=True)
class Row:
    """A model of the table, and where its row leads."""

    seen: Seen
    calls: str
    override: str
    reprice: str


def page(admin: Any, request: HttpRequest) -> HttpResponse:
    may_ask = request.user.has_perm("logs.add_repricing")
    if request.method == "POST":
        if not may_ask:
            raise PermissionDenied
        form = RepricingForm(request.POST)
        if form.is_valid():
            repricings.ask(form.save(commit=False), settings.DATA_DIR / "journal")
            return redirect(f"{address(NAME, watch='1')}#asked")
    else:
        form = RepricingForm(initial={name: request.GET[name] for name in FILLED if name in request.GET})
    return TemplateResponse(request, "logs/unpriced.html", context(admin, request, form, may_ask))


def context(admin: Any, request: HttpRequest, form: RepricingForm, may_ask: bool) -> dict[str, Any]:
    days = request.GET.get("days", USUAL)
    days = days if days in SPANS else USUAL
    asked = list(Repricing.objects.all()[:SHOWN])
    return {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": "Models without a price",
        "days": days,
        "spans": SPANS,
        "rows": [row(seen, days) for seen in unpriced.seen(first_day(int(days)))],
        "shown": unpriced.SHOWN,
        "form": form if may_ask else None,
        "asked": asked,
        # whoever just asked; a page that comes anew would take what others are filling in
        "is_watched": "watch" in request.GET and any(each.state != Repricing.State.DONE for each in asked),
        "may_override": request.user.has_perm("prices.add_priceoverride"),
    }


def first_day(days: int) -> date:
    return (timezone.now() - timedelta(days=days)).astimezone(UTC).date()


def row(seen: Seen, days: str) -> Row:
    begin = seen.first_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = begin.strftime("%Y-%m-%dT%H:%M")
    named = {"provider": seen.provider, "model": seen.model}
    return Row(
        seen,
        calls=address("logs_requestlog_changelist", since=since, provider=seen.provider, model=seen.asked),
        override=address("prices_priceoverride_add", **named, starts_at=since),
        reprice=address(NAME, days=days, **named, since=since) + "#anew",
    )


def address(page: str, **query: str) -> str:
    return f"{reverse(f'admin:{page}')}?{urlencode(query)}"
