"""Configs in the admin: a list, and a form whose text is checked as it is saved (configs/admin_form.py).

Beside the form stand a drawing of the tree, the breakers and the versions (configs/admin_pages.py).
"""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from configs import creation
from configs.admin_form import ConfigForm
from configs.admin_pages import ConfigPages
from configs.models import Config
from keys.changes import changing
from keys.models import ApiKey, Workspace

KEYS = ApiKey.objects.filter(default_config=OuterRef("pk"))


@admin.register(Config)
class ConfigAdmin(ConfigPages):
    form = ConfigForm
    list_display = (
        "name",
        "slug",
        "workspace",
        "default_for",
        "number",
        "status",
        "updated_at",
        "updated_by",
    )
    list_filter = ("status",)
    list_select_related = ("workspace",)
    search_fields = ("slug", "name")
    search_help_text = "How a name or slug begins. In one workspace only: in:its-slug"
    readonly_fields = ("slug", "number", "default_for", "owner", "updated_by", "updated_at")
    fixed = ("workspace",)
    autocomplete_fields = ("workspace",)
    actions = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        told: QuerySet[Any] = rows.annotate(of_keys=Exists(KEYS)).defer("text")
        return told

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Of one workspace, where a form asks for the configs of just that (keys/forms.py)."""
        if "of_workspace" in request.GET:
            queryset = queryset.filter(workspace_id=is_uuid(request.GET["of_workspace"]))
        return super().get_search_results(request, queryset, search_term)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        text = (None, {"fields": ("seen", "text")} if self.may_write(request, obj) else {"fields": ("text",)})
        named = (None, {"fields": ("name", "workspace")})
        if obj is None:
            return (named, text)
        state = (
            "State",
            {"fields": (("slug", "number"), ("status", "default_for"), ("owner", "updated_by"))},
        )
        return (named, text, state)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """With the workspace, where there is but one to choose."""
        told: dict[str, Any] = super().get_changeform_initial_data(request)
        few = Workspace.objects.visible_to(request.user).values_list("pk", flat=True)[:2]
        return {"workspace": few[0], **told} if len(few) == 1 else told

    def may_write(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with changing(obj):
            creation.save(obj)

    @admin.display(description="default of")
    def default_for(self, config: Any) -> str:
        """Whose default it is."""
        told = ["its workspace"] if config.workspace.default_config_id == config.pk else []
        if getattr(config, "of_keys", False):
            told.append("API keys")
        return " and ".join(told) or "nobody"


def is_uuid(text: str) -> UUID | None:
    """The id that a text is, None if it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None
