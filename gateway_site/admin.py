"""Users and groups in the look of the rest of the admin.

Their changes are audited by signal (audit/people.py); here each form becomes one event and one transaction.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from audit.lists import ListAdmin
from audit.trail import gathering
from gateway_site import admin_pauses  # noqa: F401 - registers its page

admin.site.unregister((User, Group))


class Gathering(admin.ModelAdmin):  # type: ignore[type-arg]
    """A form sets a row, and then what belongs to it."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with gathering():
            return super().changeform_view(request, *args, **kwargs)


@admin.register(User)
class Users(Gathering, UserAdmin, ListAdmin):  # type: ignore[misc, type-arg]  # unfold's way: two bases of one kind
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "last_login")

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class Groups(Gathering, GroupAdmin, ListAdmin):  # type: ignore[misc]
    pass
