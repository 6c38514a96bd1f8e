"""The page of the admin on which a virtual key or an integration is tried out (proxy/key_test.py).

Only somebody who may change the row may make it call; who may do that is the row's own admin to say.
"""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST
from unfold.widgets import INPUT_CLASSES

from keys.models import Integration, VirtualKey
from providers.catalog import PROVIDERS
from proxy import key_test

MODELS: dict[str, type[VirtualKey] | type[Integration]] = {
    "virtualkey": VirtualKey,
    "integration": Integration,
}
LONGEST = 256  # characters of a model's name
NEEDS_A_MODEL = "Name a model: this provider's list of models does not show whether a key is accepted."


@require_POST
def page(request: HttpRequest, kind: str, pk: UUID) -> TemplateResponse:
    """Try the row's credential, and show what came back. Raises Http404, PermissionDenied."""
    row, rows = found(request, kind, pk)
    integration = row.integration if isinstance(row, VirtualKey) else row
    model = request.POST.get("model", "").strip()[:LONGEST]
    context = {
        **admin.site.each_context(request),
        "title": f"Test of {row}",
        "opts": rows.opts,
        "original": row,
        "integration": integration,
        "model": model,
        "tested": tested(integration, model),
        "refused": refused(row, integration),
        "input_classes": " ".join(INPUT_CLASSES),
    }
    return TemplateResponse(request, "keys/tested.html", context)


def found(request: HttpRequest, kind: str, pk: UUID) -> "tuple[Any, ModelAdmin[Any]]":
    if (model := MODELS.get(kind)) is None:
        raise Http404
    rows = admin.site._registry[model]
    row = rows.get_queryset(request).filter(pk=pk).first()
    if row is None:
        raise Http404
    if not rows.has_change_permission(request, row):
        raise PermissionDenied
    return row, rows


def tested(integration: Integration, model: str) -> key_test.Tested:
    provider = PROVIDERS[integration.provider]
    if not model and not key_test.lists_models(provider):
        return key_test.Tested("", 0, 0, "", NEEDS_A_MODEL)
    return key_test.tried(integration, model)


def refused(row: VirtualKey | Integration, integration: Integration) -> str:
    """Why no app could use it now, whatever the provider says of its secret; "" if one could."""
    if not integration.active:
        return "The integration is not active: no app can use it."
    if isinstance(row, VirtualKey) and row.status != "active":
        return f"The virtual key is {row.status}: no app can use it."
    return ""
