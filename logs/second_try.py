"""What was set aside, tried again: back from its file into the database, or left there with a new reason.

For the command alone: what no row could be made of is priced here, and prices are not for a worker's memory.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import DateTimeField, DecimalField, Model

from logs import set_aside
from logs.models import LogBody, LogMetadata, RequestLog
from logs.reader import Call
from logs.rows import Row, Rows, rows
from logs.segments import CLOSED, OPENED, Body, Record
from logs.store import Store
from prices.book import PriceBook


@dataclass(frozen=True, slots=True)
class Tried:
    """A call that was tried again; `reason` says why it is refused still, nothing if it is not."""

    call: str
    reason: str


def every(folder: Path, prices: PriceBook) -> Iterator[Tried]:
    """Each of the files in `folder`, the oldest call first. Raises Away if the database is."""
    store = Store(folder)
    for name in sorted(set_aside.names(folder)):
        path = folder / name
        try:
            told = json.loads(path.read_bytes())
        except FileNotFoundError:
            continue  # pruned meanwhile
        except (ValueError, RecursionError) as error:
            yield Tried(path.stem, f"The file cannot be read: {error}")
            continue
        if (refusal := tried(store, told, prices)) is None:
            path.unlink(missing_ok=True)
        else:
            keep(path, told, refusal)
        yield Tried(path.stem, refusal or "")


def tried(store: Store, told: Any, prices: PriceBook) -> str | None:
    """Why it is refused again; None if it is in the database now. Raises Away."""
    try:
        back = read(told, prices)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the reason
        return f"{type(error).__name__}: {error}"
    refusal = store.refusal([back])
    return None if refusal is None else str(refusal)


def keep(path: Path, told: Any, reason: str) -> None:
    """The same file with another reason, whole at any moment."""
    if not isinstance(told, dict):
        return
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps({**told, "reason": reason}, indent=1))
    draft.replace(path)


def read(told: Mapping[str, Any], prices: PriceBook) -> Rows:
    """The rows that a file holds, or those of the call that it holds."""
    if "log" in told:
        return Rows(
            completed(RequestLog, told["log"]),
            [completed(LogBody, body) for body in told["bodies"]],
            [completed(LogMetadata, value) for value in told["metadata"]],
            [],
        )
    bodies = tuple(Body(b["kind"], base64.b64decode(b["content"]), b["size"]) for b in told["bodies"])
    opened, closed = record(OPENED, told, "opened", bodies), record(CLOSED, told, "closed", bodies)
    return rows(Call(told["id"], opened, closed), prices.price)


def record(kind: str, told: Mapping[str, Any], name: str, bodies: tuple[Body, ...]) -> Record | None:
    """A record as it was; whichever of the two a body belonged to, it is the call's."""
    facts = told[name]
    return None if facts is None else Record(kind, told["id"], facts.encode(), bodies, 0)


def completed(model: type[Model], row: Mapping[str, Any]) -> Row:
    """A row with all columns the table has now, those it lacks as they are by default, in Python's terms."""
    return {
        field.column: value(field, row[field.column]) if field.column in row else field.get_default()
        for field in model._meta.concrete_fields
        if field.column
    }


def value(field: Any, told: Any) -> Any:
    if told is None:
        return None
    if isinstance(field, DateTimeField):
        return datetime.fromisoformat(told)
    if isinstance(field, DecimalField):
        return Decimal(told)
    return base64.b64decode(told) if field.get_internal_type() == "BinaryField" else told
