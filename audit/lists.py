"""What every list of the admin has in common, so that it stays quick however many rows there are.

The lowest layer with an admin, so that the lists of all apps stand on it. Searches and filters are theirs.
"""

import time
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db.models import PROTECT, Model, QuerySet
from django.http import HttpRequest
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, checkbox
from unfold.views import ChangeList

REACHABLE = 5000  # rows by paging; beyond, by search and filters
AT_ONCE = 500  # rows that an action takes
NAMED = 20  # rows that stand in the way of a deletion
TOO_MANY = "More than {:,} rows are too many at once: search for fewer, or choose some on a page."
MARK = "\0"


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
    list_max_show_all = 0

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return InTurns

    def get_sortable_by(self, request: HttpRequest) -> Any:
        """Any column while the rows are few; to sort many by a column without an index reads them all."""
        is_long = self.get_queryset(request).order_by()[: REACHABLE + 1].count() > REACHABLE
        return () if is_long else super().get_sortable_by(request)

    @admin.display(description=vars(ModelAdmin.action_checkbox)["short_description"])
    def action_checkbox(self, obj: Model) -> SafeString:
        before, after = unchecked()
        return SafeString(before) + conditional_escape(str(obj.pk)) + SafeString(after)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *more: Any) -> Any:
        """Refuses what would be read and written by the thousand while other calls wait."""
        everything = request.POST.get("select_across") not in (None, "", "0")
        if everything and queryset.order_by()[: AT_ONCE + 1].count() > AT_ONCE:
            return self.message_user(request, TOO_MANY.format(AT_ONCE), messages.ERROR)
        return super().response_action(request, queryset, *more)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Django's reads all that belongs to a row; what stands in the way is said by some of it."""
        if protected := in_the_way(self.model, [each.pk for each in objs]):
            return [], {}, set(), protected
        return super().get_deleted_objects(objs, request)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Of columns only what there is a filter for: a digest could be guessed by how it begins."""
        allowed: bool = super().lookup_allowed(lookup, value, request)
        name = lookup.partition("__")[0]
        known = {lookup, name} & set(filtered(self.get_list_filter(request)))
        return allowed and (bool(known) or not has_column(self.model, name))


class Rows(list[Any]):
    """The rows of a page. Between two of them, each of which takes milliseconds, others have their turn."""

    def __iter__(self) -> Iterator[Any]:
        for each in super().__iter__():
            time.sleep(1e-6)  # gevent's sleep(0) looks at no socket and no timer
            yield each


class InTurns(ChangeList):
    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """As asked, where the columns can be sorted by; else as the list is by itself."""
        params = self.params
        if not self.sortable_by:
            self.params = {name: value for name, value in params.items() if name != ORDER_VAR}
        try:
            return list(super().get_ordering(request, queryset))
        finally:
            self.params = params

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = Rows(self.result_list)


@cache
def unchecked() -> tuple[str, str]:
    """The box before a row, before and after the row's key: to render each cost as much as a column."""
    before, _, after = checkbox.render(ACTION_CHECKBOX_NAME, MARK).partition(MARK)
    return before, after


def in_the_way(model: type[Model], keys: list[Any]) -> list[str]:
    """Some of the rows that forbid to delete these."""
    found: list[str] = []
    for relation in model._meta.related_objects:
        if relation.on_delete is PROTECT:
            rows = relation.related_model._default_manager.filter(**{f"{relation.field.name}__in": keys})
            kind = capfirst(relation.related_model._meta.verbose_name)
            named = [f"{kind}: {row}" for row in rows.order_by()[: NAMED + 1]]
            found += [*named[:NAMED], "…"] if len(named) > NAMED else named
    return found


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
