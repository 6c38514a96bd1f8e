"""Pauses after failed tries of a password, counted in the database for all workers at once.

A try counts by user name (anybody's tries, whether the name exists or not) and by address. A browser that
signed in before under this name shows it by a signed cookie; its tries count for itself alone. So whoever
keeps a name or an address in a pause from afar does not keep out its owner, and whoever takes the cookie has
gained five tries. Keyed digests stand for what is counted, since people type passwords where a name belongs.
`signing_in` asks; nothing here knows of forms.
"""

import ipaddress
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from audit.models import Action
from audit.trail import event
from gateway_site.models import Kind, Tries

FIRST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)  # each pause is twice the one before
OF_A_NAME, OF_AN_ADDRESS = 5, 20  # failures before the first pause
FORGOTTEN = timedelta(days=1)  # after the last try
MOST_ROWS = 10_000  # the ones longest untouched go first
PRUNED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Bucket:
    """What tries are counted by. A success empties it, or gives its own try back (to an address)."""

    kind: str
    key: str
    free: int
    emptied: bool


class Paused(Exception):
    """Nobody may try now, with the right password neither."""

    def __init__(self, left: timedelta) -> None:
        super().__init__(left)
        self.left = left


def buckets(name: str, address: str, browser: str = "") -> list[Bucket]:
    """What a try counts for; `browser` is the nonce of a cookie that was given for this very name."""
    if browser:
        return [Bucket(Kind.BROWSER, digest(Kind.BROWSER, name, browser), OF_A_NAME, emptied=True)]
    return [by_name(name), by_address(address)]


def by_name(name: str) -> Bucket:
    return Bucket(Kind.NAME, digest(Kind.NAME, name), OF_A_NAME, emptied=True)


def by_address(address: str) -> Bucket:
    place = neighbourhood(address)
    return Bucket(Kind.ADDRESS, digest(Kind.ADDRESS, place), OF_AN_ADDRESS, emptied=False)


def by_session(session: str) -> Bucket:
    """Of somebody who is signed in, and has to show the password once more."""
    return Bucket(Kind.SESSION, digest(Kind.SESSION, session), OF_A_NAME, emptied=True)


def digest(kind: str, name: str, *more: str) -> str:
    """One for all spellings of a name that look or sort alike."""
    plain = unicodedata.normalize("NFKC", name.strip()).casefold()
    return salted_hmac("gatehouse.tries", "\0".join((kind, plain, *more)), algorithm="sha256").hexdigest()


def neighbourhood(address: str) -> str:
    """An IPv4 address, or the /64 of IPv6 that one customer has to himself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket has none
        return "none"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def begin(counted: Sequence[Bucket]) -> timedelta:
    """Count a try before its password is looked at, so that tries made at the same time count too.

    Gives the pause that follows if it fails. Raises Paused, and counts nothing, while one lasts.
    """
    free = {bucket.key: bucket.free for bucket in counted}
    with transaction.atomic():
        rows = held(counted)
        now = timezone.now()  # whoever held them before us is done
        left = max((row.until - now for row in rows), default=timedelta())
        if left > timedelta():
            raise Paused(left)
        follows = timedelta()
        for row in rows:
            row.failures, row.last = row.failures + 1, now
            if own := pause(row.failures, free[row.bucket]):
                row.until, follows = now + own, max(follows, own)
        Tries.objects.bulk_update(rows, ["failures", "last", "until"])
    prune(now)
    return follows


def held(counted: Sequence[Bucket]) -> list[Tries]:
    """The rows of these buckets, made where there are none, held until the transaction ends."""
    now = timezone.now()
    ordered = sorted(counted, key=lambda bucket: bucket.key)
    new = [Tries(bucket=bucket.key, kind=bucket.kind, last=now, until=now) for bucket in ordered]
    Tries.objects.bulk_create(new, ignore_conflicts=True)
    keys = [bucket.key for bucket in ordered]
    return list(Tries.objects.select_for_update().filter(bucket__in=keys).order_by("bucket"))


def pause(failures: int, free: int) -> timedelta:
    """What follows a failure: nothing for the `free` first but the last of them."""
    if failures < free:
        return timedelta()
    doublings = min(failures - free, 16)
    return min(FIRST * (1 << doublings), LONGEST)


def prune(now: datetime) -> None:
    """Rows that others hold are left for next time, or two who prune could wait for each other."""
    with transaction.atomic():
        held_by_nobody = Tries.objects.select_for_update(skip_locked=True)
        remove(held_by_nobody.filter(last__lt=now - FORGOTTEN).order_by("last")[:PRUNED_AT_ONCE])
        remove(held_by_nobody.order_by("-last")[MOST_ROWS : MOST_ROWS + PRUNED_AT_ONCE])


def remove(rows: QuerySet[Tries]) -> None:
    if found := [row.bucket for row in rows]:
        Tries.objects.filter(bucket__in=found).delete()


def succeeded(counted: Sequence[Bucket]) -> None:
    """The try that `begin` counted was none that failed."""
    now = timezone.now()
    emptied = [bucket.key for bucket in counted if bucket.emptied]
    shared = [bucket.key for bucket in counted if not bucket.emptied]
    Tries.objects.filter(bucket__in=emptied).update(failures=0, until=now)
    Tries.objects.filter(bucket__in=shared, failures__gt=0).update(failures=F("failures") - 1, until=now)


def lift(lifted: Sequence[Bucket], named: str) -> int:
    """End the pauses of these and forget their tries, as the audit log is told; how many had any."""
    return forget(Tries.objects.filter(bucket__in=[bucket.key for bucket in lifted]), named)


def forget(rows: QuerySet[Tries], named: str) -> int:
    """The same for rows."""
    with transaction.atomic():
        if gone := rows.delete()[0]:
            event(Action.LIFT, kind="pause", id="", name=named, changes={"pauses": [gone, None]}).save()
    return gone
