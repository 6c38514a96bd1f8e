"""Rows of the request log for tests, made where no call is."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from logs.models import RequestLog

USUAL = {"outcome": "finished", "status": 200, "provider": "openai", "model": "a-model", "total_ms": 12.5}


def made(number: int, first: datetime, **facts: Any) -> list[RequestLog]:
    """As many calls, oldest first, a second from each other; `facts` are columns."""
    times = [first + timedelta(seconds=second) for second in range(number)]
    return RequestLog.objects.bulk_create(
        [RequestLog(**({"id": id_of(at), "created_at": at} | USUAL | facts)) for at in times]
    )


def id_of(at: datetime) -> uuid.UUID:
    """An id minted then."""
    milliseconds = round(at.timestamp() * 1000)
    chance = uuid.uuid4().int & ((1 << 62) - 1)
    return uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | chance)
