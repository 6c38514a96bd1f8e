"""Which models each virtual key reaches: gathered from the rows, kept in a small table beside them.

A call that finished shows that its model is there; a list that a provider answered replaces the one before.
What is known already costs a look into a dict: a pair is written when it is new and once a day from then on,
a list when it has changed and once a day. Reading the journal again changes nothing: times only move forward.
"""

import logging
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import F, Max

from keys.seldom import Seldom
from logs.models import HITS, NAME, KnownModel, Outcome
from logs.routing import ALIAS
from logs.rows import Row, Rows
from logs.store import REFUSALS

AT_MOST = 2000  # models of a virtual key; beyond, those go that are in no list and were seen the longest ago
REMEMBERED = 20_000  # pairs and lists known to be written, and pairs that wait to be
LISTS = 100  # that wait to be written
CHUNK = 500  # names in a statement
LISTING = "models"  # the fn of a call for a list
PASSED = "proxy"  # of one that passed through: what its client calls a model is one if the provider says so

Pair = tuple[str, str]  # the id of a virtual key and a model

logger = logging.getLogger(__name__)


class KnownModels:
    def __init__(self) -> None:
        self.days: dict[Hashable, Any] = {}  # what was noted last of each pair and list, and of which day
        self.seen: dict[Pair, datetime] = {}
        self.lists: dict[str, tuple[datetime, list[str]]] = {}
        self.seldom = Seldom(60)

    def note(self, batch: Iterable[Rows]) -> None:
        """Gather what these calls tell that was not known."""
        for rows in batch:
            log = rows.log
            key, at = log["virtual_key_id"], log["created_at"]
            if not key or not answered_now(log):
                continue
            if log["fn"] == LISTING:
                self.note_list(key, at, list(filter(is_sane, rows.listed)))
            elif log["fn"] == PASSED and not log["model_answered"]:
                continue
            elif self.days.get((key, log["model"]), 0) < at.toordinal() and is_sane(log["model"]):
                self.note_seen((key, log["model"]), at)

    def note_list(self, key: str, at: datetime, names: list[str]) -> None:
        mark = (at.toordinal(), hash(tuple(names)))
        if names and self.days.get(key) != mark and self.lists.get(key, (at,))[0] <= at:
            remember(self.days, key, mark, REMEMBERED)
            remember(self.lists, key, (at, names), LISTS)

    def note_seen(self, pair: Pair, at: datetime) -> None:
        remember(self.days, pair, at.toordinal(), REMEMBERED)
        remember(self.seen, pair, at, REMEMBERED)

    def tell(self) -> None:
        """Write what was gathered; what cannot be written now is tried again, and is no reason to stop."""
        if not (self.seen or self.lists):
            return
        try:
            with transaction.atomic(using=ALIAS):
                write(self.seen, self.lists)
        except (*REFUSALS, UnicodeError) as error:
            self.complain("The models of virtual keys were refused", error)
        except (DatabaseError, InterfaceError) as error:
            self.complain("The models of virtual keys could not be written", error)
            connections[ALIAS].close()
            return
        self.seen, self.lists = {}, {}

    def complain(self, what: str, error: Exception) -> None:
        if self.seldom.now(what):
            logger.warning("%s: %s", what, error)


def answered_now(log: Row) -> bool:
    """Whether the call had a good answer, and of the provider, not of the cache."""
    well = log["outcome"] == Outcome.FINISHED and (log["status"] or 0) < 300
    return well and log["cache_status"] not in HITS


def remember(known: dict[Any, Any], name: Hashable, value: Any, most: int) -> None:
    """Keep `value`, and of all values the latest only."""
    known.pop(name, None)
    if len(known) >= most:
        del known[next(iter(known))]
    known[name] = value


def is_sane(name: Any) -> bool:
    """Whether this can be a model's name. What fills the column may have been cut; U+FFFD stands for dirt."""
    return isinstance(name, str) and 0 < len(name) < NAME and name.isprintable() and "\ufffd" not in name


def write(seen: dict[Pair, datetime], lists: dict[str, tuple[datetime, list[str]]]) -> None:
    """In one order whoever writes, so that two who do never wait for each other."""
    upsert("seen_at", sorted((key, name, at) for (key, name), at in seen.items()))
    for key, (at, names) in sorted(lists.items()):
        replace(key, at, names)
    for key in sorted({key for key, _ in seen} | lists.keys()):
        trim(key)


def replace(key: str, at: datetime, names: Iterable[str]) -> None:
    """Make `names` the list of a virtual key, unless it has one that is newer."""
    ours = KnownModel.objects.filter(virtual_key_id=key)
    latest = ours.aggregate(latest=Max("listed_at"))["latest"]
    if latest is not None and latest >= at:
        return
    upsert("listed_at", [(key, name, at) for name in sorted(set(names))])
    before = ours.filter(listed_at__lt=at)
    before.filter(seen_at=None).delete()
    before.update(listed_at=None)


def upsert(column: str, rows: Sequence[tuple[str, str, datetime]]) -> None:
    """Set a time of each pair, never back."""
    table, connection = KnownModel._meta.db_table, connections[ALIAS]
    statement = (
        f"INSERT INTO {table} (virtual_key_id, model, {column}) VALUES (%s, %s, %s)"  # noqa: S608
        f" ON CONFLICT (virtual_key_id, model) DO UPDATE SET {column} = EXCLUDED.{column}"
        f" WHERE {table}.{column} IS NULL OR {table}.{column} < EXCLUDED.{column}"
    )
    stored = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(statement, [(key, name, stored(at)) for key, name, at in rows])


def trim(key: str) -> None:
    """Leave a virtual key AT_MOST models."""
    ours = KnownModel.objects.filter(virtual_key_id=key)
    latest = [F(column).desc(nulls_last=True) for column in ("listed_at", "seen_at")]
    surplus = list(ours.order_by(*latest, "model").values_list("model", flat=True)[AT_MOST:])
    for names in chunks(surplus):
        ours.filter(model__in=names).delete()


def chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))
