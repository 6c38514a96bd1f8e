"""The page of the admin that shows who has to wait after failed tries of a password, and ends that.

Names and addresses are kept as keyed digests alone, so that a pause is lifted by typing whose it is.
"""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.widgets import INPUT_CLASSES

from audit.lists import ListAdmin
from gateway_site import pauses
from gateway_site.models import Tries

LIST = "admin:gateway_site_tries_changelist"
WHOSE = "Type the user name, or the address, whose pause is to be lifted."


@admin.action(description="Lift", permissions=["lift"])
def lift(page: "Pauses", request: HttpRequest, rows: QuerySet[Tries]) -> None:
    chosen = [(row.pk, f"{row.get_kind_display()} {row}") for row in rows]
    page.tell(request, sum(pauses.forget(Tries.objects.filter(pk=pk), named) for pk, named in chosen))


@admin.register(Tries)
class Pauses(ListAdmin):
    list_display = ("whose", "digest", "paused", "failures", "last_try")
    list_display_links = None
    list_filter = ("kind",)
    list_before_template: Any = "gateway_site/lift.html"
    ordering = ("-until", "bucket")
    actions = (lift,)
    input_classes = " ".join(INPUT_CLASSES)

    class Media:
        css = {"all": ["keys/keys.css"]}

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.lift_named))
        return [path("lift/", view, name="gateway_site_tries_lift"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tries]:
        """Those who failed: a success empties a row and leaves it."""
        return super().get_queryset(request).filter(failures__gt=0)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        context = (extra_context or {}) | {"may_lift": self.has_lift_permission(request)}
        return super().changelist_view(request, context)

    def lift_named(self, request: HttpRequest) -> HttpResponse:
        """Ends the pause of a name, an address, or all. Raises PermissionDenied."""
        if not self.has_lift_permission(request):
            raise PermissionDenied
        given = {name: request.POST.get(name, "").strip() for name in ("name", "address")}
        named = " ".join(filter(None, given.values()))
        if "all" in request.POST:
            self.tell(request, pauses.forget(Tries.objects.all(), "all"))
        elif named:
            lifted = [pauses.by_name(given["name"])] if given["name"] else []
            lifted += [pauses.by_address(given["address"])] if given["address"] else []
            self.tell(request, pauses.lift(lifted, named))
        else:
            self.message_user(request, WHOSE, messages.ERROR)
        return redirect(LIST)

    def tell(self, request: HttpRequest, gone: int) -> None:
        told = (
            f"Lifted: {gone}. Whoever it was may try again at once." if gone else "There was nothing to lift."
        )
        self.message_user(request, told, messages.SUCCESS if gone else messages.INFO)

    def has_lift_permission(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.has_perm("gateway_site.lift_pauses"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="whose", ordering="kind")
    def whose(self, row: Tries) -> str:
        return row.get_kind_display() or "Unknown"

    @admin.display(description="digest")
    def digest(self, row: Tries) -> str:
        return str(row)

    @admin.display(description="has to wait until (UTC)", ordering="until")
    def paused(self, row: Tries) -> str:
        return clock(row.until) if row.until > timezone.now() else "-"

    @admin.display(description="last try (UTC)", ordering="last")
    def last_try(self, row: Tries) -> str:
        return clock(row.last)


def clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
