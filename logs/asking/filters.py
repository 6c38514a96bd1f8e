"""What is asked of the request log, read from a query string. No table is read here.

A name that stands for a key or a workspace stays the text it is: conditions.py finds out what it means.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from logs.models import HITS, ID, NAME, NAMED, Outcome

SPANS = {
    "1h": ("Past hour", timedelta(hours=1)),
    "1d": ("Past day", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "all": ("All time", None),
}
USUAL = "1d"
TEXTS = ("workspace", "api_key", "virtual_key", "provider", "model", "config")
CACHED = {  # what can be asked of the cache, each with what rows say of it
    "hit": HITS,
    "exact": HITS[:1],
    "semantic": HITS[1:],
    "miss": ("MISS", "SEMANTIC MISS"),
    "refresh": ("REFRESH",),
}
YES = "yes"
WORDS = {"cache": "answer of the cache", "rescued": "choice"}
VALUES = 5  # of metadata, in one question
STATUS = re.compile(r"[1-5](\d\d|xx)", re.ASCII | re.IGNORECASE)
EPOCH = datetime.fromtimestamp(0, tz=UTC)


class Unreadable(ValueError):
    """What is wrong, for each field that is, in words for whoever filled it in."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {words}" for field, words in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Filters:
    """All of it holds at once; what is empty is not asked. A search goes through all times."""

    since: datetime | None = None  # both in UTC; this one included, the other not
    until: datetime | None = None
    span: str = ""  # the name of the span that `since` was made of
    workspace: str = ""  # its slug, or its id
    api_key: str = ""  # its name, or its id
    virtual_key: str = ""  # its slug, or its id
    provider: str = ""
    model: str = ""
    config: str = ""  # its slug or its id; "inline" for those that came with their calls
    status: str = ""  # 404, or 4xx
    outcome: str = ""
    rescued: bool = False  # only calls that were
    cache: str = ""  # of CACHED
    metadata: tuple[tuple[str, str], ...] = ()
    search: str = ""  # a log id or a trace id, whole

    def query(self) -> str:
        """The query string that is read as these filters."""
        return urlencode(list(self._pairs()))

    def _pairs(self) -> Iterator[tuple[str, str]]:
        if self.span:
            yield "span", self.span
        else:
            yield from ((name, written(at)) for name in ("since", "until") if (at := getattr(self, name)))
        for name in (*TEXTS, "status", "outcome", "cache"):
            if value := getattr(self, name):
                yield name, value
        if self.rescued:
            yield "rescued", YES
        yield from (("metadata", f"{key}={value}") for key, value in self.metadata)
        if self.search:
            yield "q", self.search

    def over(self, span: str) -> "Filters":
        """The same, asked of another span of time."""
        return replace(self, span=span, since=None, until=None)

    def statuses(self) -> range:
        """The codes that `status` stands for."""
        if self.status.endswith("xx"):
            first = int(self.status[0]) * 100
            return range(first, first + 100)
        return range(int(self.status), int(self.status) + 1)


def read(query: QueryDict, now: datetime) -> Filters:
    """The filters that `query` asks for, a span of time counted back from `now`. Raises Unreadable."""
    errors: dict[str, str] = {}
    told: dict[str, Any] = {name: text(query, name, NAME, errors) for name in TEXTS}
    told["search"] = text(query, "q", NAME, errors)
    told["status"] = status(query, errors)
    told["outcome"] = one_of(query, "outcome", Outcome.values, errors)
    told["cache"] = one_of(query, "cache", CACHED, errors)
    told["rescued"] = bool(one_of(query, "rescued", (YES,), errors))
    told["metadata"] = metadata(query, errors)
    told |= times(query, now, errors)
    if errors:
        raise Unreadable(errors)
    return Filters(**told)


def text(query: QueryDict, name: str, length: int, errors: dict[str, str]) -> str:
    given = query.get(name, "").replace("\0", "").strip()
    if len(given) > length:
        errors[name] = f"At most {length} characters."
    return given


def one_of(query: QueryDict, name: str, known: Collection[str], errors: dict[str, str]) -> str:
    given = text(query, name, ID, errors)
    if given and given not in known:
        errors[name] = f"There is no such {WORDS.get(name, name)}."
    return given


def status(query: QueryDict, errors: dict[str, str]) -> str:
    given = text(query, "status", ID, errors).lower()
    if given and not STATUS.fullmatch(given):
        errors["status"] = "A code such as 404, or a class such as 4xx."
    return given


def metadata(query: QueryDict, errors: dict[str, str]) -> tuple[tuple[str, str], ...]:
    given = [each.replace("\0", "").strip() for each in query.getlist("metadata")]
    pairs = [tuple(part.strip() for part in each.partition("=")[::2]) for each in given if each]
    if any(not key or "=" not in each for each, (key, _) in zip(filter(None, given), pairs, strict=True)):
        errors["metadata"] = "A key and its value, as in team=search."
    elif any(len(part) > NAMED for pair in pairs for part in pair):
        errors["metadata"] = f"At most {NAMED} characters on either side: more is not kept."
    elif len(pairs) > VALUES:
        errors["metadata"] = f"At most {VALUES} values at once."
    return tuple(dict.fromkeys((key, value) for key, value in pairs))


def times(query: QueryDict, now: datetime, errors: dict[str, str]) -> dict[str, Any]:
    """A span of its own, from the one time or to the other; else one of those with a name."""
    since, until = (moment(query, name, errors) for name in ("since", "until"))
    if since and until and since >= until:
        errors["until"] = "It ends before it begins."
    if since or until or {"since", "until"} & errors.keys():
        return {"since": since, "until": until}
    span = query.get("span") or USUAL
    if span not in SPANS:
        errors["span"] = "There is no such span of time."
        return {}
    back = SPANS[span][1]
    return {"span": span, "since": now - back if back else None}


def moment(query: QueryDict, name: str, errors: dict[str, str]) -> datetime | None:
    given = text(query, name, ID, errors)
    if not given or name in errors:
        return None
    try:
        at = datetime.fromisoformat(given)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        errors[name] = "A time such as 2026-03-31 14:05, in UTC."
        return None
    return max(at, EPOCH)


def written(at: datetime) -> str:
    """As the browser's own field for a time writes it, in UTC."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="auto")
