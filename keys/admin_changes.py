"""What an admin needs whose rows the directory keeps: nothing of them is written but through `changing`.

For the admins of any app. Rows, and the choices of foreign keys, are those the user may see.
"""

from typing import Any, cast

from django.db.models import ForeignKey, Model, QuerySet
from django.http import HttpRequest

from audit.lists import ListAdmin
from audit.trail import gathering
from keys.changes import changing, wait_for_turn
from keys.models.base import Visible


class VisibleAdmin(ListAdmin):
    fixed: tuple[str, ...] = ()  # fields that are chosen when a row is made, and then stay

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = cast(Visible[Any], super().get_queryset(request))
        return rows.visible_to(request.user)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        rows = db_field.related_model._default_manager.all()
        if hasattr(rows, "visible_to"):
            kwargs["queryset"] = rows.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        readonly = tuple(super().get_readonly_fields(request, obj))
        return readonly + self.fixed if obj else readonly


class ChangingAdmin(VisibleAdmin):
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """What a form does to a row and to what belongs to it is one event of the audit log."""
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with gathering():
            wait_for_turn()  # a row is read before it is saved whole: what another ended must not come back
            return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with changing(obj):
            super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        edited = (each for each in formset.forms if each.has_changed())
        with changing(*(each.instance for each in (*formset.deleted_forms, *edited))) as changed:
            super().save_formset(request, form, formset, change)
            changed.add(*formset.new_objects, *(row for row, _ in formset.changed_objects))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with changing(obj):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with changing(*queryset):
            super().delete_queryset(request, queryset)


class ReadOnlyAdmin(VisibleAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
