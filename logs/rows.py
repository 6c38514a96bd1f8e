"""From the two records of a call to what is stored of it: the door where texts are cleaned and cut.

A NUL, which PostgreSQL refuses, and half a surrogate pair, which is no text at all, become U+FFFD.
"""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from logs.facts import LISTED
from logs.ids import minted_at
from logs.models import ID, LONG, MESSAGE, NAME, NAMED, BodyKind, Outcome
from logs.reader import Call
from logs.segments import Body, Record
from logs.usage import LARGEST, Pricer, count, usage
from prices import rates

Row = dict[str, Any]

TINY = 1 << 10  # bytes below which to compress costs more than to keep
SMALL = 4 << 10  # bytes up to which a small window compresses as well, and three times as fast
RETRIES = 2**31 - 1  # the column holds
METADATA_VALUES = 64  # of one call that can be searched for
UNCLEAN = re.compile("[\x00\ud800-\udfff]")

TEXTS_OPENED = {
    "organisation": ID,
    "workspace": NAME,
    "workspace_id": ID,
    "api_key": NAME,
    "api_key_id": ID,
    "method": 16,
    "endpoint": LONG,
    "fn": ID,
    "dialect": ID,
    "trace_id": NAME,
    "span_id": NAME,
    "span_name": NAME,
    "parent_span_id": NAME,
    "client_address": ID,
    "sdk": NAME,
}
TEXTS_EITHER = {  # what the call set out with, unless its end tells
    "virtual_key": NAME,
    "virtual_key_id": ID,
    "integration": NAME,
    "provider": NAME,
    "config": NAME,
    "config_id": ID,
    "config_version": ID,
    "mode": 16,
}
TEXTS_CLOSED = {
    "model_answered": NAME,
    "finish": ID,
    "option_index": NAME,
    "cache_status": ID,
}
NUMBERS = ("first_byte_ms", "total_ms", "gateway_ms", "cache_age", "cache_similarity")


@dataclass(frozen=True, slots=True)
class Rows:
    """What is stored of one call, by column."""

    log: Row
    bodies: list[Row]
    metadata: list[Row]
    listed: list[Any]  # the names of models, as the provider listed them

    @property
    def weight(self) -> int:
        """Bytes of the bodies, the only part that may be large."""
        return sum(len(body["content"]) for body in self.bodies)


def rows(call: Call, price: Pricer = rates.price) -> Rows:
    """What is stored of `call`, priced by the list alone or by what `price` knows beside it."""
    opened, closed = facts(call.opened), facts(call.closed)
    bodies = {body.kind: body for record in (call.opened, call.closed) if record for body in record.bodies}
    metadata = texts(opened.get("metadata"))
    log: Row = {"id": call.id, "created_at": moment(call.id, opened.get("time")), "metadata": metadata}
    log |= {name: text(opened.get(name), length) for name, length in TEXTS_OPENED.items()}
    log |= {name: text(closed.get(name), length) for name, length in TEXTS_CLOSED.items()}
    log |= {name: text(either(name, closed, opened), length) for name, length in TEXTS_EITHER.items()}
    log |= {name: number(closed.get(name)) for name in NUMBERS}
    log["model"] = text(closed.get("model") or opened.get("model"), NAME)
    log["stream"] = bool(opened.get("stream"))
    log["config_number"] = count(either("config_number", closed, opened)) or None
    if config := opened.get("config_text"):
        bodies[BodyKind.CONFIG.value] = told(BodyKind.CONFIG.value, str(config))
    log |= ending(call, closed)
    log |= usage(log, opened, closed, bodies, price)
    listed = list(closed.get(LISTED) or ())
    return Rows(log, [stored(call.id, body) for body in bodies.values()], searchable(log, metadata), listed)


def told(kind: str, said: str) -> Body:
    """A body that came among the facts."""
    content = said.encode()
    return Body(kind, content, len(content))


def facts(record: Record | None) -> dict[str, Any]:
    """The facts of a record, clean; none where the record is missing."""
    if record is None:
        return {}
    try:
        told = orjson.loads(record.facts)
        told = clean(told) if b"\\u0000" in record.facts else told
    except orjson.JSONDecodeError:
        told = clean(json.loads(record.facts))
    if not isinstance(told, dict):
        raise TypeError(f"The facts of {record.id} are no object.")
    return told


def clean(value: Any) -> Any:
    match value:
        case str():
            return UNCLEAN.sub("\ufffd", value)
        case list():
            return [clean(each) for each in value]
        case dict():
            return {clean(key): clean(each) for key, each in value.items()}
        case int() if abs(value) > LARGEST:
            return LARGEST
    return value


def either(name: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Any:
    """A fact as the first record has it; as the second has it, where the first does not tell."""
    told = first.get(name)
    return second.get(name) if told is None else told


def text(value: Any, length: int) -> str:
    return "" if value is None else str(value)[:length]


def texts(value: Any) -> dict[str, str]:
    """Metadata: keys and values cut at 128 characters, as Portkey does."""
    return {text(key, NAMED): text(each, NAMED) for key, each in (value or {}).items()}


def number(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)


def moment(call: str, seconds: float | None) -> datetime:
    return minted_at(call) if seconds is None else datetime.fromtimestamp(seconds, tz=UTC)


def ending(call: Call, closed: Mapping[str, Any]) -> Row:
    """How the call went. Without a closing record the gateway was stopped in the middle of it."""
    error = closed.get("error") or {}
    return {
        "outcome": text(closed.get("outcome") or Outcome.INTERRUPTED, 16),
        "status": count(closed.get("status")) or None,  # 0: the client left before it was told one
        "error_type": text(error.get("type"), NAME),
        "error_code": text(error.get("code"), NAME),
        "error_message": text(error.get("message"), MESSAGE),
        "attempts": closed.get("attempts") or [],
        "ignored": closed.get("ignored") or [],
        "retry_count": retries(closed.get("retry_count")),
        "rescued": closed.get("rescued") is True,
        "skipped": closed.get("skipped") or [],
    }


def retries(value: Any) -> int:
    """As many as were needed; -1 where all of them were used up."""
    return min(max(int(value or 0), -1), RETRIES)


def stored(call: str, body: Body) -> Row:
    cut = body.size > len(body.content)
    return {
        "log": call,
        "kind": body.kind,
        "content": compressed(body.content),
        "size": body.size,
        "cut": cut,
    }


def compressed(content: bytes) -> bytes:
    if len(content) < TINY:
        return zlib.compress(content, 0)
    if len(content) > SMALL:
        return zlib.compress(content, 3)
    small = zlib.compressobj(level=1, wbits=12, memLevel=3)
    return small.compress(content) + small.flush()


def searchable(log: Row, metadata: Mapping[str, str]) -> list[Row]:
    values = list(metadata.items())[:METADATA_VALUES]
    workspace = log["workspace_id"]
    return [
        {"workspace_id": workspace, "key": key, "value": value, "log": log["id"]} for key, value in values
    ]
