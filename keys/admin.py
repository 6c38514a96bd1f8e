"""The admin of keys: who may call, and what with. A new API key is shown once, a provider's secret never."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.widgets import INPUT_CLASSES

from keys import uses
from keys.admin_changes import ChangingAdmin, ReadOnlyAdmin
from keys.admin_endings import EndingAdmin
from keys.admin_lists import QuickAdmin
from keys.admin_tokens import TokenAdmin
from keys.changes import change_all, changing
from keys.credential_forms import IntegrationForm, NewVirtualKeyForm, providers
from keys.forms import ApiKeyForm, WorkspaceForm
from keys.models import ApiKey, Change, Installation, Integration, VirtualKey, Workspace
from keys.setting_fields import SETTING_FIELDS
from providers.catalog import PROVIDERS

WARNED_OF = 10  # keys, and what needs one
INSTEAD = "Leave provider and secret above empty to use a credential that is kept here already."


def warn(request: HttpRequest, keys: Iterable[VirtualKey]) -> None:
    """Say of each key what cannot do without it."""
    for key in keys:
        needing = list(islice(uses.of(key), WARNED_OF + 1))
        if needing:
            more = " and more" if len(needing) > WARNED_OF else ""
            said = ", ".join(needing[:WARNED_OF]) + more
            messages.warning(request, f"{key.slug} is named by {said}: without it their calls are refused.")


@admin.action(description="Revoke", permissions=["change"])
def revoke(admin: ChangingAdmin, request: HttpRequest, keys: QuerySet[Any]) -> None:
    change_all(keys.filter(revoked_at=None), revoked_at=timezone.now())


@admin.action(description="Activate", permissions=["change"])
def activate(admin: ChangingAdmin, request: HttpRequest, rows: QuerySet[Any]) -> None:
    change_all(rows, active=True)


@admin.action(description="Deactivate", permissions=["change"])
def deactivate(admin: ChangingAdmin, request: HttpRequest, rows: QuerySet[Any]) -> None:
    change_all(rows, active=False)


class InWords:
    """Columns in which nothing means something."""

    @admin.display(description="last used", ordering="last_used_at", empty_value="never")
    def last_used(self, key: ApiKey | VirtualKey) -> datetime | None:
        return key.last_used_at

    @admin.display(description="expires", ordering="expires_at", empty_value="never")
    def expires(self, key: ApiKey | VirtualKey) -> datetime | None:
        return key.expires_at

    @admin.display(description="workspace", ordering="workspace__name", empty_value="all of them")
    def whose(self, row: ApiKey | Integration) -> Workspace | None:
        return row.workspace


@admin.register(Workspace)
class WorkspaceAdmin(QuickAdmin):
    search_help_text = "How a name or slug begins."
    form = WorkspaceForm
    list_display = ("name", "slug", "log_bodies", "created_at")
    search_fields = ("name", "slug")
    autocomplete_fields = ("default_config",)

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj else ("default_config",)  # a new one has no configs to choose from


@admin.register(ApiKey)
class ApiKeyAdmin(InWords, TokenAdmin):  # type: ignore[misc]  # unfold's base, seen from two sides
    form = ApiKeyForm
    list_display = ("name", "hint", "whose", "type", "status", "last_used", "expires")
    list_filter = ("type",)
    list_select_related = ("workspace",)
    search_fields = ("name", "hint")
    readonly_fields = ("hint", "status", "revoked_at", "last_used_at")
    fixed = ("type", "workspace", "user")
    autocomplete_fields = ("workspace", "user", "default_config")
    actions = (revoke,)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        state = (("State", {"fields": ("hint", "status", "revoked_at", "last_used_at")}),)
        calls = ("log_bodies", "default_metadata", "default_config", "allow_config_override")
        return (
            (None, {"fields": ("name", "type", "workspace", "user", "expires_at", "description")}),
            *(state if obj else ()),
            ("What it may do", {"fields": ("scopes" if self.may_write(request, obj) else "may",)}),
            ("Its calls", {"fields": calls}),
        )

    def may_write(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    @admin.display(description="scopes")
    def may(self, key: ApiKey) -> str:
        """What those see in the field's place who may not write it."""
        return ", ".join(key.scopes)


class TestedAdmin(QuickAdmin):
    """Of rows whose credential can be tried out: the view that does it is proxy/key_test_page.py."""

    change_form_outer_after_template: Any = "keys/test_key.html"
    input_classes = " ".join(INPUT_CLASSES)

    class Media:
        css = {"all": ["keys/keys.css"]}


class ProviderFilter(admin.SimpleListFilter):
    """Of the catalogue, so that no table is read for it."""

    title = parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return providers()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


@admin.register(Integration)
class IntegrationAdmin(InWords, EndingAdmin, TestedAdmin):  # type: ignore[misc]
    form = IntegrationForm
    change_form_outer_after_template = "keys/integration.html"
    list_display = ("name", "slug", "provider_name", "whose", "hint", "active")
    list_filter = (ProviderFilter, "active")
    list_select_related = ("workspace",)
    search_fields = ("name", "slug")
    readonly_fields = ("provider_name",)
    fixed = ("provider",)
    autocomplete_fields = ("workspace", "lent_to")
    actions = (activate, deactivate)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        settings: tuple[str, ...] = ("told_settings",)
        if self.has_change_permission(request, obj):
            settings = tuple(
                n for n, f in SETTING_FIELDS.items() if not obj or f.provider.slug == obj.provider
            )
            settings = ("grace", *settings) if obj else settings
        return (
            (None, {"fields": ("provider_name" if obj else "provider", "secret", *settings, "custom_host")}),
            ("Name", {"fields": ("name", "slug", "description", "active")}),
            ("Who may use it", {"fields": ("workspace", "lent_to")}),
        )

    @admin.display(description="provider", ordering="provider")
    def provider_name(self, integration: Integration) -> str:
        known = PROVIDERS.get(integration.provider)
        return known.name if known else integration.provider

    @admin.display(description="settings")
    def told_settings(self, integration: Integration) -> str:
        """What those see in the fields' place who may not write them."""
        return ", ".join(f"{name}: {value}" for name, value in sorted(integration.settings.items()))

    @admin.display
    def secret(self, integration: Integration) -> str:
        """What those see in the field's place who may not write it."""
        return integration.hint


@admin.register(VirtualKey)
class VirtualKeyAdmin(InWords, TestedAdmin):  # type: ignore[misc]
    list_display = ("slug", "name", "workspace", "integration", "status", "last_used", "expires")
    list_filter = ("active",)
    list_select_related = ("workspace", "integration")
    search_fields = ("slug", "name")
    readonly_fields = ("provider", "secret", "last_used_at")
    fixed = ("workspace", "slug")
    autocomplete_fields = ("workspace", "integration")
    actions = (activate, deactivate)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if self.makes_integration(request, obj):
            kwargs["form"] = NewVirtualKeyForm
        return super().get_form(request, obj, change, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Django's, for the page that asks whether they are to go: there it is said what needs them."""
        if "post" not in request.POST:  # not yet confirmed
            warn(request, islice(objs, WARNED_OF))
        return super().get_deleted_objects(objs, request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        rules = ("Rules", {"fields": ("active", "expires_at", "allow_passthrough", "note")})
        if obj:
            return (
                (None, {"fields": ("name", "slug", "workspace", "last_used_at")}),
                ("Credential", {"fields": ("integration", "provider", "secret")}),
                rules,
            )
        named = ("Virtual key", {"fields": ("name", "slug", "workspace")})
        if not self.makes_integration(request, obj):
            return (("Credential", {"fields": ("integration",)}), named, rules)
        return (
            ("Credential", {"fields": ("provider", "secret", *SETTING_FIELDS, "custom_host")}),
            ("Or use an existing integration", {"fields": ("integration",), "description": INSTEAD}),
            named,
            rules,
        )

    def makes_integration(self, request: HttpRequest, obj: Any) -> bool:
        return obj is None and request.user.has_perm("keys.add_integration")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made = getattr(form, "made", None)
        if made is None:
            return super().save_model(request, obj, form, change)
        with changing(made, obj):
            made.save(force_insert=True)
            obj.save(force_insert=True)
        return None

    @admin.display
    def provider(self, key: VirtualKey) -> str:
        return PROVIDERS[key.integration.provider].name

    @admin.display
    def secret(self, key: VirtualKey) -> str:
        return key.integration.hint


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
