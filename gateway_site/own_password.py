"""The page on which somebody changes their own password: Unfold's, its first field slowed as sign-in is.

Tries count by session. Who holds a stolen one cannot make another without the password; and its owner, by
signing in anew, has a count of their own and is not kept out.
"""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from unfold.forms import AdminOwnPasswordChangeForm

from audit.models import Action
from audit.trail import event
from gateway_site import pauses
from gateway_site.slowing import slowed, tell_of_pause


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    def __init__(self, *args: Any, session: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.session = session

    def clean_old_password(self) -> str:
        """Raises ValidationError for a wrong one, which is told to the audit log, and in a pause for any."""
        with slowed([pauses.by_session(self.session)]):
            try:
                return str(super().clean_old_password())
            except ValidationError:
                name = self.user.get_username()
                event(Action.PASSWORD_FAILED, kind="user", id=str(self.user.pk), name=name).save()
                raise


class OwnPassword(PasswordChangeView):
    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        tell_of_pause(response)
        return response

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "session": self.request.session.session_key or ""}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**admin.site.each_context(self.request), **super().get_context_data(**kwargs)}


page = admin.site.admin_view(OwnPassword.as_view(), cacheable=True)
