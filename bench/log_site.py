"""The databases of a gateway whose log is full, and what somebody needs who is to look at it.

Django is set up on databases that are still empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from bench import log_rows
from bench.log_asked import Made
from bench.log_rows import API_KEYS, VIRTUAL_KEYS, WORKSPACES, name
from keys.creation import create_api_key, create_virtual_key
from keys.models import ApiKey, Integration, VirtualKey, Workspace
from logs.models import LogBody, RequestLog


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks: the `cookie` of somebody signed in, the `headers` of a stream, the sandbox's key."""

    cookie: str
    headers: dict[str, str]
    sandbox_key: str


def make(rows: int) -> tuple[Made, Visitor]:
    """Migrated databases with as many calls on record, a user and a virtual key of the sandbox."""
    for alias in ("default", "logs"):
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    newest = timezone.now()
    log_rows.fill(rows, newest)
    owners()
    made = told(newest, rows)
    visitor = Visitor(signed_in(), callers(), settings.SANDBOX_KEY)
    connections.close_all()
    return made, visitor


def told(newest: datetime, rows: int) -> Made:
    call = LogBody.objects.order_by("-log").values_list("log", flat=True)[0]
    named = RequestLog.objects.filter(trace_id__startswith="trace-").order_by("-id")[0]
    return Made(newest, rows, str(call), named.trace_id)


def owners() -> None:
    """The workspaces and keys that the log names. Nobody can call with these keys."""
    spaces = [
        Workspace(id=name("workspace", each), name=f"Workspace {each}", slug=f"workspace-{each}")
        for each in range(WORKSPACES)
    ]
    keys = [
        ApiKey(id=name("api-key", each), name=f"key-{each}", digest=f"{each}", workspace=at(spaces, each))
        for each in range(API_KEYS)
    ]
    integration = Integration(name="integration", slug="integration", provider="openai")
    integration.hold("sk-bench")
    virtual = [
        VirtualKey(
            id=name("virtual-key", each),
            name=f"virtual-{each}",
            slug=f"virtual-{each}",
            workspace=at(spaces, each),
            integration=integration,
        )
        for each in range(VIRTUAL_KEYS)
    ]
    Workspace.objects.bulk_create(spaces)
    ApiKey.objects.bulk_create(keys)
    integration.save()
    VirtualKey.objects.bulk_create(virtual)


def at(spaces: Sequence[Workspace], number: int) -> Workspace:
    return spaces[number % len(spaces)]


def signed_in() -> str:
    """The cookie of somebody who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("bench", password=None))
    cookie = settings.SESSION_COOKIE_NAME
    return f"{cookie}={client.cookies[cookie].value}"


def callers() -> dict[str, str]:
    workspace = Workspace.objects.default()
    _, token = create_api_key(workspace, "bench")
    host = "sandbox://openai/v1"
    secret = settings.SANDBOX_KEY
    create_virtual_key(workspace, "bench", slug="bench", provider="openai", secret=secret, custom_host=host)
    return {"x-portkey-api-key": token, "x-portkey-virtual-key": "bench"}
