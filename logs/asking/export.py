"""Rows of the request log as a file: CSV to be opened in a spreadsheet, JSON lines to be read by a program.

From rows to bytes, and nothing else: which rows, who may have them and how they travel is
logs/pages/exporting.py's. Both kinds hold every column of the table, by its name; times are in UTC.

What a client or a model wrote may look like a formula, and a spreadsheet would work it out. So in CSV a text
begins with a letter, a digit or one of PLAIN, or has an apostrophe put before it; whoever takes one leading
apostrophe from a cell has the text as it was.
"""

import csv
import io
import re
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from logs.models import LogBody, RequestLog

COLUMNS = tuple(field.attname for field in RequestLog._meta.concrete_fields)
PLAIN = frozenset("{[/._<#")  # begin no formula, nor do they vanish before one
UNCLEAN = re.compile("[\x00\ud800-\udfff]")  # half a surrogate pair is no text; NUL ends it for some readers
BODY_BYTES = 1 << 20  # of one body; the rest is cut, so that one row has its bounds in memory and in time
LARGEST = 2**63 - 1  # of a whole number in JSON: beyond, it is written as text

# A spreadsheet reads a file without this mark in the characters of its own country.
CSV_HEAD = "\ufeff".encode() + (",".join(COLUMNS) + "\r\n").encode()


def csv_lines(rows: Iterable[RequestLog]) -> bytes:
    """A line for each row, without the head."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerows([cell(getattr(row, name)) for name in COLUMNS] for row in rows)
    return lines.getvalue().encode()


def cell(value: Any) -> str:
    """One value as a cell: empty where there is none, and what no other form fits as JSON has it."""
    return CELLS.get(type(value), in_a_cell)(value)


def in_a_cell(value: Any) -> str:
    return guarded(json(value).decode())


def guarded(text: str) -> str:
    """`text`, such that no spreadsheet takes it for a formula, blanks and look-alikes included."""
    if not text.isprintable():
        text = UNCLEAN.sub("\ufffd", text)
    return text if not text or text[0].isalnum() or text[0] in PLAIN else f"'{text}"


def exact(value: Decimal) -> str:
    """All its digits, and no power of ten."""
    return f"{value.normalize():f}"


def moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


CELLS: dict[type, Callable[[Any], str]] = {
    str: guarded,
    int: str,
    float: str,
    UUID: str,
    Decimal: exact,
    datetime: moment,
    type(None): lambda _: "",
}


def json_lines(rows: Iterable[RequestLog]) -> bytes:
    """An object on a line of its own for each row."""
    return b"".join(json_line(row) for row in rows)


def json_line(row: RequestLog, bodies: Iterable[LogBody] | None = None) -> bytes:
    """One row, its values with their types, its cost as a number with all its digits.

    With `bodies`, these are told under that name by their kind.
    """
    told = {name: getattr(row, name) for name in COLUMNS}
    if bodies is not None:
        told["bodies"] = {body.kind: told_body(body) for body in bodies}
    return json(told) + b"\n"


def told_body(body: LogBody) -> dict[str, Any]:
    """A body as text, of whatever kind it is; `size` is that of the whole, in bytes, before any cut."""
    unpacked = zlib.decompressobj()
    content = unpacked.decompress(bytes(body.content), BODY_BYTES)
    cut = body.cut or bool(unpacked.unconsumed_tail)
    return {"text": content.decode(errors="replace"), "size": body.size, "cut": cut}


def json(value: Any) -> bytes:
    try:
        told = orjson.dumps(value, in_json, orjson.OPT_UTC_Z)
    except TypeError:  # text that is none, or a number beyond what JSON's readers take
        return orjson.dumps(clean(value), in_json, orjson.OPT_UTC_Z)
    return orjson.dumps(clean(value), in_json, orjson.OPT_UTC_Z) if b"\\u0000" in told else told


def in_json(value: Any) -> Any:
    """orjson's question about what it does not know."""
    match value:
        case Decimal():
            return orjson.Fragment(exact(value))
    raise TypeError(type(value).__name__)


def clean(value: Any) -> Any:
    match value:
        case str():
            return UNCLEAN.sub("\ufffd", value)
        case list():
            return [clean(each) for each in value]
        case dict():
            return {clean(key): clean(each) for key, each in value.items()}
        case int() if abs(value) > LARGEST:
            return str(value)
    return value
