"""The admin of keys: who may call, and what with. A new API key is shown once, a provider's secret never."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from keys.admin_changes import ChangingAdmin, ReadOnlyAdmin
from keys.changes import change_all
from keys.forms import ApiKeyForm, IntegrationForm
from keys.models import ApiKey, Change, Installation, Integration, VirtualKey, Workspace


@admin.action(description="Revoke", permissions=["change"])
def revoke(admin: ChangingAdmin, request: HttpRequest, keys: QuerySet[Any]) -> None:
    change_all(keys.filter(revoked_at=None), revoked_at=timezone.now())


@admin.action(description="Activate", permissions=["change"])
def activate(admin: ChangingAdmin, request: HttpRequest, rows: QuerySet[Any]) -> None:
    change_all(rows, active=True)


@admin.action(description="Deactivate", permissions=["change"])
def deactivate(admin: ChangingAdmin, request: HttpRequest, rows: QuerySet[Any]) -> None:
    change_all(rows, active=False)


@admin.register(Workspace)
class WorkspaceAdmin(ChangingAdmin):
    list_display = ("name", "slug", "log_bodies", "created_at")
    search_fields = ("name", "slug")


@admin.register(ApiKey)
class ApiKeyAdmin(ChangingAdmin):
    form = ApiKeyForm
    list_display = ("name", "hint", "workspace", "type", "status", "last_used_at", "expires_at")
    list_filter = ("type", "workspace")
    list_select_related = ("workspace",)
    search_fields = ("name", "hint")
    readonly_fields = ("hint", "status", "revoked_at", "last_used_at")
    fixed = ("type", "workspace", "user")
    actions = (revoke,)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        token = "" if change else obj.assign_token()
        super().save_model(request, obj, form, change)
        if token:
            messages.warning(request, f"Shown once, copy it now: {token}")


@admin.register(Integration)
class IntegrationAdmin(ChangingAdmin):
    form = IntegrationForm
    list_display = ("name", "slug", "provider", "workspace", "hint", "active")
    list_filter = ("provider", "workspace", "active")
    list_select_related = ("workspace",)
    search_fields = ("name", "slug")
    fields = (
        "provider",
        "secret",
        "custom_host",
        "settings",
        "name",
        "slug",
        "workspace",
        "description",
        "active",
    )
    actions = (activate, deactivate)

    @admin.display
    def secret(self, integration: Integration) -> str:
        """What those see in the field's place who may not write it."""
        return integration.hint


@admin.register(VirtualKey)
class VirtualKeyAdmin(ChangingAdmin):
    list_display = ("slug", "name", "workspace", "integration", "status", "last_used_at", "expires_at")
    list_filter = ("workspace", "active")
    list_select_related = ("workspace", "integration")
    search_fields = ("slug", "name")
    readonly_fields = ("last_used_at",)
    fixed = ("workspace", "slug")
    actions = (activate, deactivate)


class UnlistedAdmin(ReadOnlyAdmin):
    """The gateway's own bookkeeping: it can be looked at by its address, and takes no room in the menu."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Installation)
class InstallationAdmin(UnlistedAdmin):
    list_display = fields = ("id", "generation", "created_at")


@admin.register(Change)
class ChangeAdmin(UnlistedAdmin):
    list_display = ("generation", "kind", "object_id", "created_at")
    list_filter = ("kind",)
