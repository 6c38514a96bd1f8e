"""What is asked of the full log: each filter alone, in its most and its least frequent value; those that find
nothing; and together those that are hard, since each alone finds much and both find little.

The names are those that bench/log_rows.py makes up: the smaller a number, the more calls it has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.log_rows import API_KEYS, DAYS, MODELS, USERS, VIRTUAL_KEYS
from logs.partitions import lowest_id

Query = Mapping[str, str]
ALL = {"span": "all"}


@dataclass(frozen=True, slots=True)
class Made:
    """The log as it was filled: its newest call is of `newest`; a `call` with bodies, a `trace` of three."""

    newest: datetime
    rows: int
    call: str
    trace: str

    def since(self, rows: int) -> datetime:
        """The time since which there have been as many calls."""
        return self.newest - timedelta(days=DAYS) * min(rows / self.rows, 1)


def queries(made: Made) -> dict[str, Query]:
    """By what the table calls them."""
    over_all = {f"{name}, all time": query | ALL for name, query in FILTERS.items()}
    usual = {f"{name}, the past day": query for name, query in FILTERS.items() if name in AGAIN}
    return SPANS | over_all | usual | searches(made) | deep(made)


SPANS: dict[str, Query] = {
    "the past day": {},
    "the past hour": {"span": "1h"},
    "30 days": {"span": "30d"},
    "all time": ALL,
}
FILTERS: dict[str, dict[str, str]] = {
    "workspace, frequent": {"workspace": "workspace-0"},
    "workspace, rare": {"workspace": "workspace-19"},
    "workspace, none": {"workspace": "nowhere"},
    "API key, frequent": {"api_key": "key-0"},
    "API key, rare": {"api_key": f"key-{API_KEYS - 1}"},
    "API key, none": {"api_key": "no-key"},
    "virtual key, frequent": {"virtual_key": "virtual-0"},
    "virtual key, rare": {"virtual_key": f"virtual-{VIRTUAL_KEYS - 1}"},
    "provider": {"provider": "openai"},
    "provider, none": {"provider": "nobody"},
    "model, frequent": {"model": "model-0"},
    "model, rare": {"model": f"model-{MODELS - 1}"},
    "status 200": {"status": "200"},
    "status 429": {"status": "429"},
    "status 418, none": {"status": "418"},
    "status 4xx": {"status": "4xx"},
    "finished": {"outcome": "finished"},
    "failed": {"outcome": "failed"},
    "interrupted, rare": {"outcome": "interrupted"},
    "refused, none": {"outcome": "refused"},
    "metadata, frequent": {"metadata": "env=prod"},
    "metadata, rare": {"metadata": f"_user=user-{USERS - 1}"},
    "metadata, none": {"metadata": "env=nowhere"},
    "metadata in a workspace": {"metadata": "env=prod", "workspace": "workspace-3"},
    "frequent key and rare model": {"api_key": "key-0", "model": f"model-{MODELS - 1}"},
    "rare key and rare model": {"api_key": f"key-{API_KEYS - 1}", "model": f"model-{MODELS - 1}"},
    "provider and another's virtual key": {"provider": "groq", "virtual_key": "virtual-0"},
    "finished and 4xx": {"outcome": "finished", "status": "4xx"},
    "workspace and another's key": {"workspace": "workspace-1", "api_key": "key-0"},
    "metadata and model that never meet": {"metadata": "env=prod", "model": "model-none"},
    "metadata and interrupted": {"metadata": "env=prod", "outcome": "interrupted"},
    "all at once": {
        "workspace": "workspace-0",
        "api_key": "key-0",
        "virtual_key": "virtual-0",
        "provider": "openai",
        "model": "model-0",
        "status": "200",
        "outcome": "finished",
        "metadata": "env=prod",
    },
}
AGAIN = {"workspace, frequent", "model, rare", "status 4xx", "metadata, rare", "finished and 4xx"}


def searches(made: Made) -> dict[str, Query]:
    return {
        "search by id": {"q": made.call},
        "search by trace": {"q": made.trace},
        "search for what is not there": {"q": "01900000-0000-7000-8000-000000000000"},
        "search for a trace that is not there": {"q": "no-such-trace"},
    }


def deep(made: Made) -> dict[str, Query]:
    """Pages and spans of the past."""
    month_ago, then = made.newest - timedelta(days=29), made.newest - timedelta(days=15)
    cursor = str(lowest_id(then))
    hours = {"since": then.isoformat(), "until": (then + timedelta(hours=3)).isoformat()}
    return {
        "older than two weeks": ALL | {"before": cursor},
        "newer than two weeks": ALL | {"after": cursor},
        "older than a month, one key": ALL | {"before": str(lowest_id(month_ago)), "api_key": "key-0"},
        "newer than a month, rare model": ALL
        | {"after": str(lowest_id(month_ago)), "model": f"model-{MODELS - 1}"},
        "three hours of two weeks ago": hours,
        "three hours of two weeks ago, status 4xx": hours | {"status": "4xx"},
    }
