"""The journal's health in words, for whoever looks after it, and what was set aside as text."""

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from logs import set_aside
from logs.health import Health, Newest
from logs.story.visible import visible

LATE = timedelta(seconds=10)  # that a call may wait, and nothing be wrong
LITTLE = 1 << 30  # bytes of room
SHOWN = 256 << 10  # characters of a part of what was set aside
UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what was set aside, as text."""

    title: str
    text: str
    is_cut: bool


def problems(health: Health, newest: Newest, now: datetime) -> list[str]:
    """What is wrong, and what it means; nothing where all is well."""
    return list(told(health, newest, now))


def told(health: Health, newest: Newest, now: datetime) -> Iterator[str]:
    if away := newest.away or health.away:
        yield f"The database of the log cannot be written. Calls wait in the journal, none is lost. {away}"
    if health.calls and not health.is_read:
        yield "Calls wait, and no ingester runs. A worker starts one within seconds, if any worker runs."
    elif health.calls and health.oldest and now - health.oldest > LATE and not away:
        yield f"The log is behind: calls have been waiting for {span(now - health.oldest)}."
    if health.free < LITTLE:
        yield (
            f"There is little room left on the disk: {filesizeformat(health.free)}."
            " Without room for a new segment, new calls are answered with 503."
        )
    if health.set_aside:
        many = counted(health.set_aside, is_all=health.set_aside < set_aside.MOST)
        yield f"Set aside, and not in the log: {many}."


def facts(health: Health, newest: Newest, now: datetime) -> list[tuple[str, str]]:
    """Everything else, each with its name."""
    return [
        ("Machine", health.host),
        ("Folder", str(health.folder)),
        ("Ingester", ingester(health, now)),
        ("Waiting", waiting(health, now)),
        ("Newest call in the log", newest_in_words(newest, now)),
        ("Segments", f"{health.segments}, {filesizeformat(health.size)}"),
        ("Room on the disk", f"{filesizeformat(health.free)} of {filesizeformat(health.room)}"),
        ("Calls are kept", kept()),
    ]


def ingester(health: Health, now: datetime) -> str:
    runs = "runs" if health.is_read else "does not run; the next call has it started"
    looked = f"; was last done {span(now - health.looked_at)} ago" if health.looked_at else ""
    return runs + looked


def waiting(health: Health, now: datetime) -> str:
    if not health.unread:
        return "nothing"
    many = counted(health.calls, is_all=health.is_all)
    since = f", for {span(now - health.oldest)} at most" if health.oldest else ""
    return f"{many}, {filesizeformat(health.unread)}{since}"


def counted(calls: int, *, is_all: bool) -> str:
    return f"{'' if is_all else 'more than '}{calls:,} call{'' if calls == 1 else 's'}"


def newest_in_words(newest: Newest, now: datetime) -> str:
    if newest.away:
        return "unknown: the database is away"
    return "none" if newest.at is None else f"{newest.at:%Y-%m-%d %H:%M:%S} UTC, {span(now - newest.at)} ago"


def kept() -> str:
    days = settings.LOG_RETENTION_DAYS
    return f"{days} days" if days else "for ever"


def span(time: timedelta) -> str:
    """In the largest unit that it has one of."""
    seconds = max(0, int(time.total_seconds()))
    for name, size in UNITS:
        if number := seconds // size:
            return f"{number} {name}{'s' if number > 1 else ''}"
    return "less than a second"


def parts(folder: Path, call: str) -> list[Part] | None:
    """What the file of `call` holds; None if there is none. To be called beside the loop."""
    try:
        text = (folder / f"{call}{set_aside.SUFFIX}").read_text(errors="replace")
    except (OSError, ValueError):  # a name that no file can have is no other thing
        return None
    try:
        return list(read(json.loads(text)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, zlib.error):  # as it is, then
        return [part("The file", text)]


def read(file: dict[str, Any]) -> Iterator[Part]:
    yield part("Reason", str(file["reason"]))
    for name, value in file.items():
        if name not in {"id", "reason", "bodies"}:
            yield part(name.capitalize(), json.dumps(unfolded(value), indent=2, ensure_ascii=False))
    for body in file.get("bodies", ()):
        content = base64.b64decode(body["content"])
        if "log" in file:  # as it would have been stored
            content = zlib.decompressobj().decompress(content, SHOWN + 1)
        yield part(f"Body: {body['kind']}", content[: SHOWN + 1].decode(errors="replace"))


def unfolded(value: Any) -> Any:
    """The facts of a record, which stand in the file as text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def part(title: str, text: str) -> Part:
    return Part(title, visible(text[:SHOWN]), len(text) > SHOWN)
