"""What every list of the admin has in common, so that it stays quick however many rows there are.

The lowest layer with an admin, so that the lists of all apps stand on it. Searches and filters are theirs.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
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

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Of columns only what there is a filter for: a digest could be guessed by how it begins."""
        allowed: bool = super().lookup_allowed(lookup, value, request)
        name = lookup.partition("__")[0]
        known = {lookup, name} & set(filtered(self.get_list_filter(request)))
        return allowed and (bool(known) or not has_column(self.model, name))


def has_column(model: type[Model], name: str) -> bool:
    try:
        return bool(model._meta.get_field(name))
    except FieldDoesNotExist:
        return False


def filtered(filters: Iterable[Any]) -> Iterator[str]:
    """The columns, or words of a query, that these filters go by, each written as Django allows."""
    for each in filters:
        if isinstance(each, type):
            yield getattr(each, "parameter_name", "")
        else:
            yield each if isinstance(each, str) else each[0]
