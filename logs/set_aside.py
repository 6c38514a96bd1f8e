"""Calls that the database would not have, or no row could be made of: a file for each, with the reason.

They lie in `journal/refused/` of the DATA_DIR whose ingester met them. logs/second_try.py brings them back.
"""

import base64
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from logs.ids import minted_at

SUFFIX = ".json"
MOST = 10_000  # files looked at
HEAD = 16 << 10  # bytes of a file, among which its reason is found
REASON = re.compile(r'"reason":\s*')
UNTOLD = "The file cannot be read, or does not say why."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Aside:
    """A call that was set aside. `at` is when it was made, as far as its id tells."""

    call: str
    at: datetime | None
    reason: str


def keep(folder: Path, call: str, reason: str, told: Mapping[str, Any]) -> None:
    """Write `told` and the reason to a file of its own; as base64 if bytes. Raises OSError."""
    logger.error("The row of call %s was refused and set aside in %s: %s", call, folder, reason)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{call}{SUFFIX}"
    path.touch(mode=0o600)
    path.write_text(document({"id": call, "reason": reason}, told))


def document(head: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """All of it, or what JSON can say of it: a part may be nested beyond measure."""
    try:
        return json.dumps({**head, **told}, default=plain, indent=1)
    except (RecursionError, TypeError, ValueError):
        return json.dumps(
            {**head, **{name: part for name, part in told.items() if is_said(part)}}, default=plain
        )


def is_said(part: Any) -> bool:
    try:
        json.dumps(part, default=plain)
    except (RecursionError, TypeError, ValueError):
        return False
    return True


def plain(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def names(folder: Path) -> Iterator[str]:
    """The names of the files, as they lie there."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith(SUFFIX))
    except FileNotFoundError:
        return


def count(folder: Path) -> int:
    """How many there are; beyond MOST nobody counts."""
    return sum(1 for _ in islice(names(folder), MOST))


def newest(folder: Path, most: int) -> list[Aside]:
    """The latest calls first. Of more than MOST files, the latest of those that were looked at."""
    found = sorted(islice(names(folder), MOST), reverse=True)[:most]
    return [aside for name in found if (aside := read(folder / name))]


def read(path: Path) -> Aside | None:
    """What a file tells; None if it is gone meanwhile."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD).decode(errors="replace")
    except FileNotFoundError:
        return None
    return Aside(path.stem, moment(path.stem), reason(head))


def moment(call: str) -> datetime | None:
    try:
        return minted_at(call)
    except (ValueError, OverflowError):
        return None


def reason(head: str) -> str:
    """The reason, from the beginning of a file; in its place, that there is none."""
    if not (found := REASON.search(head)):
        return UNTOLD
    try:
        return str(json.JSONDecoder().raw_decode(head, found.end())[0])
    except ValueError:  # it goes on behind what was read
        return head[found.end() :].strip('"')
