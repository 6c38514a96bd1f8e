"""Lists of the admin that stay quick with a hundred thousand rows: nothing is counted or read to the end.

A search finds by how a name begins, which an index tells; choices are searched for, never listed.
"""

from functools import reduce
from operator import or_
from typing import Any

from django.db import connections
from django.db.models import ManyToManyField, Q, QuerySet
from django.http import HttpRequest

from keys.admin_changes import ChangingAdmin

WITHIN = "in:"
HELP = "How a name, slug or hint begins. In one workspace only: in:its-slug"
AFTER_ALL = "\U0010ffff"


class QuickAdmin(ChangingAdmin):
    """`search_fields` each have an index of their own."""

    search_help_text = HELP

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = search_term.replace("\0", "").split()
        if hasattr(self.model, "workspace_id"):
            for word in [word for word in words if word.startswith(WITHIN)]:
                words.remove(word)
                queryset = queryset.filter(workspace__slug=word.removeprefix(WITHIN))
        if words:
            queryset = queryset.filter(self.begins(queryset, " ".join(words)))
        return queryset, False

    def begins(self, rows: QuerySet[Any], text: str) -> Q:
        """That one of the searched fields begins so, in one of the usual spellings."""
        spellings = sorted({text, text.lower(), text.upper(), text.capitalize(), text.title()})
        fields = self.search_fields
        return reduce(or_, (indexed(rows.db, field, each) for field in fields for each in spellings))

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        rows: Any = db_field.related_model._default_manager.all()
        kwargs["queryset"] = rows.visible_to(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


def indexed(database: str, field: str, text: str) -> Q:
    """That a field begins with `text`, in the words by which this database uses its index."""
    if connections[database].vendor == "postgresql":
        return Q(**{f"{field}__startswith": text})
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + AFTER_ALL})
