"""What every list of the admin has in common, so that it stays quick however many rows there are.

The lowest layer with an admin, so that the lists of all apps stand on it. Searches and filters are theirs.
"""

from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from unfold.admin import ModelAdmin

REACHABLE = 5000  # rows by paging; beyond, by search and filters


class Uncounted(Paginator):  # type: ignore[type-arg]
    """Counts only as far as pages go: a full count reads all of a large table."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows.order_by()[:REACHABLE].count()


class ListAdmin(ModelAdmin):
    """Nothing is counted to its end: neither the rows, nor those found, nor those behind each filter."""

    paginator: "ClassVar[type[Paginator[Any]]]" = Uncounted
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 30
