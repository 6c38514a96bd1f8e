"""The admin's first page: what is needed before a call can be made, and what was called last.

Nothing is counted to its end, and calls are found by the time in their ids. What somebody may not see is not
asked for. A log that cannot be read is told, and keeps nobody from the keys.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone

from keys.models import ApiKey, VirtualKey
from keys.models.base import Visible
from logs.models import Outcome, RequestLog
from logs.partitions import lowest_id

COUNTED = 1000
SHOWN = 8  # of the last calls
HOUR = timedelta(hours=1)
ROW = (
    "created_at",
    "outcome",
    "status",
    "api_key",
    "virtual_key",
    "model",
    "total_tokens",
    "cost",
    "total_ms",
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Needed:
    """A kind of key without which nothing is called."""

    title: str
    one: str
    told: str
    icon: str
    pages: str  # how the names of its addresses in the admin begin
    count: str
    may_add: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A row of the log with its figures in words."""

    row: RequestLog
    cost: str
    took: str


@dataclass(frozen=True, slots=True)
class Calls:
    """What the log tells at a glance."""

    last: list[Call]
    hour: str
    wrong: str


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: what the template admin/index.html shows, added to `context`."""
    url = request.build_absolute_uri("/v1")
    found = context | {"title": "Overview", "needed": needed(request), "url": url}
    if request.user.has_perm("logs.view_requestlog"):
        try:
            found["calls"] = latest(request)
        except DatabaseError:
            logger.exception("The request log could not be read for the overview.")
            found["unreadable"] = True
    return found


def needed(request: HttpRequest) -> list[Needed]:
    """Virtual keys and API keys, as far as this user may see them."""
    may, seen = request.user.has_perm, []
    if may("keys.view_virtualkey"):
        told = "A provider's secret, sealed, under a name that apps call it by."
        active = VirtualKey.objects.filter(active=True).exclude(expires_at__lte=timezone.now())
        count, add = counted(active.visible_to(request.user)), may("keys.add_virtualkey")
        seen.append(Needed("Virtual keys", "virtual key", told, "key", "admin:keys_virtualkey", count, add))
    if may("keys.view_apikey"):
        told = "What an app shows to be let in. It is shown to you once."
        valid = ApiKey.objects.filter(revoked_at=None).exclude(expires_at__lte=timezone.now())
        count, add = counted(valid.visible_to(request.user)), may("keys.add_apikey")
        seen.append(Needed("API keys", "API key", told, "badge", "admin:keys_apikey", count, add))
    return seen


def counted(rows: Visible[Any]) -> str:
    return bounded(rows.order_by()[: COUNTED + 1].count())


def bounded(count: int) -> str:
    return f"more than {COUNTED:,}" if count > COUNTED else f"{count:,}"


def latest(request: HttpRequest) -> Calls:
    """The last calls, and how those of the past hour ended. Raises DatabaseError."""
    rows = RequestLog.objects.visible_to(request.user).order_by("-id")
    hour = rows.filter(id__gte=lowest_id(timezone.now() - HOUR))
    ended = list(hour.values_list("outcome", flat=True)[: COUNTED + 1])
    wrong = sum(outcome != Outcome.FINISHED for outcome in ended)
    last = [Call(row, money(row.cost), duration(row.total_ms)) for row in rows.only(*ROW)[:SHOWN]]
    return Calls(last, bounded(len(ended)), bounded(wrong))


def money(cost: Decimal | None) -> str:
    return "unknown" if cost is None else f"{cost.normalize():f}"


def duration(ms: float | None) -> str:
    if ms is None:
        return ""
    return f"{ms / 1000:,.1f} s" if ms >= 1000 else f"{ms:.0f} ms"
