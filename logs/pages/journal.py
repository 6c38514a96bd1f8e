"""The journal's health in the admin: what waits, what was set aside and why, and a button to try that again.

Whoever may see the log may see this; to try again takes the permission to change it, which nothing else
asks for. Files are read beside the loop, and what they hold is shown as text. What the numbers mean in words
is logs/pages/health_words.py's.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.models import Action
from audit.trail import event
from logs import set_aside, spawn
from logs.health import Newest, beside_the_loop, health
from logs.models import RequestLog
from logs.pages import health_words
from logs.story.visible import visible

JOURNAL, ASIDE, AGAIN = (f"logs_requestlog_{name}" for name in ("journal", "aside", "again"))
LISTED = 100
MAY_TRY = "logs.change_requestlog"

Page = Callable[..., HttpResponseBase]


def urls(admin: Any) -> list[URLPattern]:
    """For logs/admin.py: the addresses of these pages, of `admin`, which knows who may see the log."""

    def address(route: str, page: Page, name: str) -> URLPattern:
        def view(request: HttpRequest, **arguments: str) -> HttpResponseBase:
            if not admin.has_view_permission(request):
                raise PermissionDenied
            return page(request, admin, **arguments)

        found: URLPattern = path(route, admin.admin_site.admin_view(view), name=name)
        return found

    return [
        address("journal/", journal, JOURNAL),
        address("journal/again/", again, AGAIN),
        address("journal/<str:call>/", one, ASIDE),
    ]


@require_safe
def journal(request: HttpRequest, admin: Any) -> HttpResponse:
    """How the journal is, and the calls that were set aside last."""
    found = beside_the_loop(partial(health, folder()))
    asides = beside_the_loop(partial(set_aside.newest, folder() / "refused", LISTED))
    now = timezone.now()
    newest = newest_call()
    context = {
        "title": "Journal",
        "subtitle": found.host,
        "health": found,
        "problems": health_words.problems(found, newest, now),
        "facts": health_words.facts(found, newest, now),
        "asides": [(each, visible(each.reason)) for each in asides],
        "may_try": request.user.has_perm(MAY_TRY),
    }
    return answer(request, admin, "logs/journal.html", context)


def newest_call() -> Newest:
    """The latest call in the database, or why nobody can tell."""
    try:
        at = RequestLog.objects.order_by("-id").values_list("created_at", flat=True).first()
    except (DatabaseError, InterfaceError) as error:
        return Newest(None, str(error))
    return Newest(at, "")


@require_POST
def again(request: HttpRequest, admin: Any) -> HttpResponse:
    """Has what was set aside tried again, by a process of its own. Raises PermissionDenied."""
    if not request.user.has_perm(MAY_TRY):
        raise PermissionDenied
    if beside_the_loop(partial(set_aside.count, folder() / "refused")):
        spawn.try_again()
        event(Action.MANAGE, kind=RequestLog.kind, id="", name="calls set aside").save()
        messages.success(request, "They are being tried again. Those that stay in the list show why.")
    return redirect(f"admin:{JOURNAL}")


@require_safe
def one(request: HttpRequest, admin: Any, call: str) -> HttpResponse:
    """All that a file holds, as text. Raises Http404."""
    parts = beside_the_loop(partial(health_words.parts, folder() / "refused", call))
    if parts is None:
        raise Http404
    context = {"title": "Set aside", "subtitle": visible(call), "parts": parts}
    return answer(request, admin, "logs/aside.html", context)


def answer(request: HttpRequest, admin: Any, template: str, context: dict[str, Any]) -> TemplateResponse:
    shared = {**admin.admin_site.each_context(request), "opts": admin.opts}
    return TemplateResponse(request, template, shared | context)


def folder() -> Path:
    return Path(settings.DATA_DIR) / "journal"
