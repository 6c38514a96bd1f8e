"""What `GET /v1/models` answers where no provider is named: the models of the workspace's virtual keys.

A virtual key has the models it is known to reach (logs/known.py) and, until its provider has listed them
itself, those of the price list. The price list knows nothing of a server on a custom host.
"""

import logging
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from operator import attrgetter
from typing import NamedTuple

import orjson
from django.db import Error as DatabaseError
from django.db.models import Q
from django.utils import timezone

from keys import directory
from keys.errors import DirectoryAway
from keys.models import VirtualKey
from keys.seldom import Seldom
from logs.models import KnownModel
from prices import listing
from prices.listing import Names
from providers.types import JSON
from proxy.apart_child import Bytes
from proxy.turns import Turn

PATIENCE = 10.0  # seconds a caller waits for the databases
TOGETHER = 500  # entries that are written between two turns

logger = logging.getLogger(__name__)
seldom = Seldom(60)


class Reach(NamedTuple):
    """A virtual key that can be called, as far as this list goes."""

    id: str
    slug: str
    provider: str
    custom_host: str


def models(workspace_id: str | None) -> Bytes:
    """The answer's body, JSON. Raises DirectoryAway; waits for the databases beside the loop."""
    if not workspace_id:  # an organisation's key
        return written([], {})
    under_way = reading(workspace_id)
    try:
        return under_way.result(PATIENCE)
    except (DatabaseError, TimeoutError) as error:
        forget(workspace_id, under_way)  # one that hangs is not to be waited for again
        if seldom.now("away"):
            logger.warning("The models of a workspace could not be read: %s", error or "no answer in time")
        raise DirectoryAway from error


def reading(workspace_id: str) -> "Future[Bytes]":
    """The reading that is under way for a workspace, begun now if there is none: an answer can be large."""
    with _lock:
        if (under_way := _under_way.get(workspace_id)) is not None:
            return under_way
        begun = _under_way[workspace_id] = Future[Bytes]()
    try:
        directory.runner(lambda: read(workspace_id, begun))
    except RuntimeError as error:  # no thread could be started
        forget(workspace_id, begun)
        begun.set_exception(DirectoryAway())
        raise DirectoryAway from error
    return begun


_lock = threading.Lock()
_under_way: "dict[str, Future[Bytes]]" = {}


def read(workspace_id: str, begun: "Future[Bytes]") -> None:
    try:
        found = reached(workspace_id)
        begun.set_result(written(found, price_list(found)))
    except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must be told
        begun.set_exception(error)
    finally:
        forget(workspace_id, begun)


def forget(workspace_id: str, begun: "Future[Bytes]") -> None:
    """Whoever asks from now on has the workspace read anew."""
    if _under_way.get(workspace_id) is begun:
        del _under_way[workspace_id]


def reached(workspace_id: str) -> list[Reach]:
    """The workspace's virtual keys that can be called now, by slug."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    keys = VirtualKey.objects.within(workspace_id).usable().filter(unexpired)
    rows = keys.values_list("id", "slug", "integration__provider", "integration__custom_host")
    return sorted((Reach(str(key), *rest) for key, *rest in rows), key=attrgetter("slug"))


def price_list(found: Iterable[Reach]) -> Names:
    """The names of each provider's models; none where nobody needs them or they cannot be had now."""
    if all(each.custom_host for each in found):
        return {}
    try:
        return listing.listed()
    except listing.NoPriceList as error:
        if seldom.now("price list"):
            logger.error("Models are listed without those of the price list: %s", error)  # noqa: TRY400
        return {}


def written(found: Iterable[Reach], priced: Names) -> Bytes:
    """The whole list as JSON, written piece by piece: others have their turn between two."""
    turn, total, body = Turn(), 0, bytearray(b'{"object":"list","data":[')
    for each in found:
        names = known(each, priced)
        for start in range(0, len(names), TOGETHER):
            entries = [entry(each, name) for name in names[start : start + TOGETHER]]
            body += b"," if total else b""
            body += orjson.dumps(entries)[1:-1]
            total += len(entries)
            turn.offer()
    body += b'],"total":%d}' % total
    return body


def known(reach: Reach, priced: Names) -> list[str]:
    """The models of a virtual key, in order."""
    ours = KnownModel.objects.filter(virtual_key_id=reach.id)
    names = set(ours.values_list("model", flat=True))
    if not (reach.custom_host or ours.filter(listed_at__isnull=False).exists()):
        names.update(priced.get(reach.provider, ()))
    return sorted(names)


def entry(reach: Reach, name: str) -> JSON:
    """In OpenAI's words, with Portkey's names beside them; nobody tells when a model was made."""
    return {
        "id": f"@{reach.slug}/{name}",
        "slug": name,
        "canonical_slug": name,
        "object": "model",
        "created": 0,
        "owned_by": reach.provider,
    }
