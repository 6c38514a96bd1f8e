"""The request log in the admin, put together: the list, the page of one call, and the pages beside them.

Nothing can be added, changed or deleted here.
"""

from collections.abc import Callable

from django.contrib import admin
from django.urls import URLPattern

from keys.admin_changes import ReadOnlyAdmin
from logs.models import RequestLog
from logs.pages import exporting as admin_export
from logs.pages import journal as admin_journal
from logs.pages import prices as admin_prices
from logs.pages.call import CallPage
from logs.pages.listing import CallList

# Pages beside the list, each a function of its module: from this admin to the addresses it adds.
PAGES: tuple[Callable[["RequestLogAdmin"], list[URLPattern]], ...] = (
    admin_export.urls,
    admin_prices.urls,
    admin_journal.urls,
)


@admin.register(RequestLog)
class RequestLogAdmin(CallList, CallPage, ReadOnlyAdmin):  # type: ignore[misc]  # of Unfold's own bases
    def get_urls(self) -> list[URLPattern]:
        return [*(address for urls in PAGES for address in urls(self)), *super().get_urls()]
