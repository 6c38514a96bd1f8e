"""A request log of many rows, made up: 30 days of calls by 200 API keys in 20 workspaces.

Written past the ingester, which would take minutes: a few thousand calls are made up with all their facts and
repeated with ids, times and traces of their own. Django is set up, the tables are there and empty.
"""

import contextlib
import json
import random
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from logs import partitions
from logs.models import LogBody, LogMetadata, RequestLog
from logs.routing import ALIAS

DAYS = 30
WORKSPACES, API_KEYS, VIRTUAL_KEYS, MODELS, USERS = 20, 200, 50, 30, 2000
PATTERNS = 5000  # calls made up, which all others repeat
BODIED = 20  # every so many calls keep their bodies
AT_ONCE = 20_000  # rows of one statement
PROVIDERS = ("openai", "anthropic", "groq", "deepseek", "openrouter")
FAILURES = ((429, "failed"), (500, "failed"), (400, "failed"), (503, "truncated"), (None, "abandoned"))
EPOCH, MILLISECOND = datetime(1970, 1, 1), timedelta(milliseconds=1)
RARE = 1501  # the one pattern that was interrupted: some two hundred calls of a million

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """The columns of a call but those of OWN, and its metadata."""

    values: Values
    workspace_id: str
    metadata: dict[str, str]


OWN = ("id", "created_at", "trace_id")  # of each call


def fill(rows: int, now: datetime) -> None:
    """Write as many rows, the newest of them of `now`."""
    connection = connections[ALIAS]
    chance = random.Random(rows)
    made = [pattern(connection, chance, number) for number in range(PATTERNS)]
    columns = [*OWN, *(field.column for field in facts())]
    with at_leisure(connection, now):
        write(connection, RequestLog, columns, (logged(each, made) for each in minted(rows, now)))
        told = (value for each in minted(rows, now) for value in found(each, made))
        write(connection, LogMetadata, METADATA, told)
        write(connection, LogBody, BODY, (body for each in minted(rows, now) for body in bodies(each)))


def facts() -> list[Any]:
    return [field for field in RequestLog._meta.concrete_fields if field.name not in OWN]


def pattern(connection: BaseDatabaseWrapper, chance: random.Random, number: int) -> Pattern:
    log = made_up(chance, number)
    stored = (field.get_db_prep_save(getattr(log, field.attname), connection) for field in facts())
    return Pattern(tuple(plain(each) for each in stored), log.workspace_id, log.metadata)


def plain(value: Any) -> Any:
    """psycopg wraps JSON; here the text is wanted."""
    return json.dumps(value.obj) if hasattr(value, "obj") else value


def made_up(chance: random.Random, number: int) -> RequestLog:
    """One call, with few callers making many of them."""
    status, outcome = chance.choice(FAILURES) if chance.random() < 0.03 else (200, "finished")
    if number == RARE:
        status, outcome = None, "interrupted"
    key = few(chance, API_KEYS)
    virtual_key = few(chance, VIRTUAL_KEYS)
    model = few(chance, MODELS)
    tokens = {"input_tokens": chance.randrange(20, 8000), "output_tokens": chance.randrange(1, 2000)}
    took = chance.uniform(200, 9000)
    provider = PROVIDERS[virtual_key % len(PROVIDERS)]
    failed = status is None or status >= 400
    return RequestLog(
        organisation=name("organisation", 0),
        workspace=f"workspace-{key % WORKSPACES}",
        workspace_id=name("workspace", key % WORKSPACES),
        api_key=f"key-{key}",
        api_key_id=name("api-key", key),
        virtual_key=f"virtual-{virtual_key}",
        virtual_key_id=name("virtual-key", virtual_key),
        integration=f"integration-{virtual_key}",
        provider=provider,
        model=f"model-{model}",
        model_answered=f"model-{model}-2026-01-01",
        method="POST",
        endpoint="/v1/chat/completions",
        fn="chatComplete",
        dialect="openai",
        stream=chance.random() < 0.5,
        status=status,
        outcome=outcome,
        finish="" if failed else "stop",
        error_type="server_error" if failed else "",
        error_message="The provider did not answer as it should." if failed else "",
        attempts=[{"path": "config.targets[0]", "provider": provider, "status": status, "ms": round(took)}],
        usage_source="none" if failed else "provider",
        cost=None if model % 10 == 9 else f"{tokens['output_tokens'] * 0.00001:.8f}",
        pricing="unpriced" if model % 10 == 9 else "priced",
        cost_lines=[{"bucket": "output", "tokens": tokens["output_tokens"], "price": "10"}],
        price_source="genai-prices",
        total_tokens=sum(tokens.values()),
        first_byte_ms=round(took / 5, 3),
        total_ms=round(took, 3),
        gateway_ms=1.25,
        span_id=f"span-{number}",
        metadata=metadata(chance),
        client_address="192.0.2.7",
        sdk="openai-python 1.99",
        **tokens,
    )


def few(chance: random.Random, of: int) -> int:
    """A number below `of`, the smaller the likelier."""
    return min(int(of * chance.random() ** 3), of - 1)


def name(kind: str, number: int) -> str:
    """An id, always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{number}"))


def metadata(chance: random.Random) -> dict[str, str]:
    if chance.random() < 0.5:
        return {}
    return {"_user": f"user-{few(chance, USERS)}", "env": chance.choice(("prod", "test", "staging"))}


class Call(NamedTuple):
    """What a call has of its own; `number` counts from the oldest, the other three are as they are stored."""

    number: int
    id: str
    at: str
    trace: str


def minted(rows: int, until: datetime) -> Iterator[Call]:
    """As many calls, evenly over the days before `until`, oldest first; the same each time."""
    chance = random.Random(rows)
    step, last = timedelta(days=DAYS) / rows, until.replace(tzinfo=None)
    for number in range(rows):
        at = last - step * (rows - number)
        milliseconds = (at - EPOCH) // MILLISECOND
        digits = f"{milliseconds << 80 | 7 << 76 | 2 << 62 | chance.getrandbits(62):032x}"
        trace = f"trace-{number // 15}" if number % 5 == 0 else dashed(digits)
        yield Call(number, digits, at.isoformat(" ", "microseconds"), trace)


def dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def logged(call: Call, made: Sequence[Pattern]) -> Values:
    return (call.id, call.at, call.trace, *pattern_of(call, made).values)


def pattern_of(call: Call, made: Sequence[Pattern]) -> Pattern:
    return made[call.number * 7919 % PATTERNS]


METADATA = ("workspace_id", "key", "value", "log")


def found(call: Call, made: Sequence[Pattern]) -> Iterator[Values]:
    kept = pattern_of(call, made)
    return ((kept.workspace_id, key, value, call.id) for key, value in kept.metadata.items())


BODY = ("log", "kind", "content", "size", "cut")


def bodies(call: Call) -> Iterator[Values]:
    if call.number % BODIED == 0:
        for kind in ("request", "response"):
            said = {"role": "user", "content": f"{kind} {call.number}: what would you make of it? " * 30}
            text = json.dumps({"messages": [said] * 3}).encode()
            yield call.id, kind, zlib.compress(text, 1), len(text), False


def write(
    connection: BaseDatabaseWrapper, model: type[Model], columns: Sequence[str], rows: Iterable[Values]
) -> None:
    """All names are the model's."""
    into = f"{model._meta.db_table} ({', '.join(columns)})"
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    statement = f"INSERT INTO {into} VALUES ({', '.join(['%s'] * len(columns))})"
    rows = iter(rows)
    while batch := list(islice(rows, AT_ONCE)):
        with transaction.atomic(using=ALIAS), connection.cursor() as cursor:
            cursor.executemany(statement, batch)


@contextlib.contextmanager
def at_leisure(connection: BaseDatabaseWrapper, now: datetime) -> Iterator[None]:
    """Room for the months of these calls, and afterwards all that would have come about in 30 days."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            with without_indexes(cursor):
                cursor.execute("PRAGMA synchronous = OFF")
                yield
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return
        for moment in (now - timedelta(days=DAYS), now):
            partitions.ensure(connection, moment)
        yield
        cursor.execute(LEAVES)
        for (partition,) in cursor.fetchall():  # their parents are analysed by nobody
            cursor.execute(f"VACUUM ANALYZE {partition}")


LEAVES = (
    "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE relkind = 'r'"
)


@contextlib.contextmanager
def without_indexes(cursor: Any) -> Iterator[None]:
    """They are made anew at the end: each in one go, where it would cost as much as the rows themselves."""
    cursor.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%logs_requestlog%'"
    )
    indexes = cursor.fetchall()
    for index, _ in indexes:
        cursor.execute(f"DROP INDEX {index}")
    yield
    for _, statement in indexes:
        cursor.execute(statement)
