"""The admin's button that ends a transition early: the credential before is forgotten at once."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from keys import transitions
from keys.admin_lists import QuickAdmin

ENDED = "It has ended: only {} works now. Every worker knows within a second."
NOTHING = "There was nothing to end: only {} works."


class EndingAdmin(QuickAdmin):
    """Of rows that keep the credential before their present one for a while."""

    def get_urls(self) -> list[URLPattern]:
        end = self.admin_site.admin_view(require_POST(self.end))
        return [path("<uuid:pk>/end/", end, name=f"keys_{self.opts.model_name}_end"), *super().get_urls()]

    def end(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Forgets the credential before. Raises Http404, PermissionDenied."""
        row = self.row(request, pk)
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        if transitions.end(row):
            self.message_user(request, ENDED.format(row.hint), messages.SUCCESS)
        else:
            self.message_user(request, NOTHING.format(row.hint), messages.INFO)
        return redirect(reverse(f"admin:keys_{self.opts.model_name}_change", args=[pk]))

    def row(self, request: HttpRequest, pk: UUID) -> Any:
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None:
            raise Http404
        return row
