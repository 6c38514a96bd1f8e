"""Lists in pages, counted from 0 (control-plane, 2.5)."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

USUAL, LARGEST = 50, 100

M = TypeVar("M", bound=Model)


def listed(request: Request, rows: QuerySet[M], told: Callable[[M], dict[str, Any]]) -> Response:
    """The page of `rows` that was asked for, each row as `told` puts it. Raises ValidationError."""
    page = asked(request, ("current_page", "currentPage"), 0, least=0, most=1_000_000)
    size = asked(request, ("page_size", "pageSize"), USUAL, least=1, most=LARGEST)
    shown = rows[page * size : (page + 1) * size]
    return Response({"object": "list", "total": rows.count(), "data": [told(row) for row in shown]})


def asked(request: Request, names: tuple[str, str], usual: int, *, least: int, most: int) -> int:
    """A whole number of the query, in either of its spellings."""
    given = next((request.query_params[name] for name in names if name in request.query_params), str(usual))
    if not (given.isascii() and given.isdigit() and len(given) < 9 and least <= int(given) <= most):
        raise ValidationError({names[0]: f"A whole number from {least} to {most}."})
    return int(given)
