"""The admin's search over its menu, which is Unfold's. A page of it that is not there is a 404."""

from typing import Any

from django.contrib import admin
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse

site: Any = admin.site


def search(request: HttpRequest) -> HttpResponse:
    """What Unfold finds. Raises Http404 where Unfold 0.91 itself fails: it takes any text for a page."""
    try:
        found: HttpResponse = site.search(request)
    except InvalidPage as error:
        raise Http404(str(error)) from error
    return found


page = site.admin_view(search)
