"""The rows that bench/admin_lists.py measures with: many keys in many workspaces, most in one of them."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from audit.models import AuditEvent
from keys import crypto
from keys.models import ApiKey, Change, Installation, Integration, VirtualKey, Workspace

BATCH = 2000
EVERY = 5  # keys for each workspace, on the average
EVENTS = 5  # for each key
PEOPLE = 200
RARE = 1000  # one key of so many is not active
PROVIDERS = ("openai", "anthropic", "mistral-ai", "groq")


def fill(rows: int) -> None:
    """So many keys of each kind, in a fifth as many workspaces, and five times as many events."""
    spaces = workspaces(rows // EVERY)
    save(User, people())
    save(Group, [Group(name="Of the benchmark")])
    save(Change, (Change(generation=n, kind="api_key", object_id=f"{n}") for n in range(rows)))
    Installation.objects.current()
    save(Integration, integrations(rows, spaces))
    save(VirtualKey, virtual_keys(rows, spaces))
    save(ApiKey, api_keys(rows, spaces))
    created: Any = AuditEvent._meta.get_field("created_at")
    created.auto_now_add = False  # they are spread over a year
    save(AuditEvent, events(rows * EVENTS))
    created.auto_now_add = True
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def save(model: type[Model], rows: Iterable[Any]) -> None:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        model._default_manager.bulk_create(batch, batch_size=BATCH)


def workspaces(number: int) -> list[Workspace]:
    first = Workspace.objects.default()
    save(Workspace, (Workspace(name=f"Space {n:05}", slug=f"space-{n:05}") for n in range(number)))
    return [first, *Workspace.objects.exclude(pk=first.pk).order_by("slug")]


def placed(number: int, spaces: list[Workspace]) -> Workspace:
    """Every other row is in the first workspace."""
    return spaces[0] if number % 2 else spaces[number // 2 % len(spaces)]


def people() -> Iterator[User]:
    yield from (User(username=f"person-{n}", is_staff=True) for n in range(PEOPLE))


def integrations(number: int, spaces: list[Workspace]) -> Iterator[Integration]:
    sealed = {"sealed_secret": crypto.seal("sk-bench"), "key_id": crypto.key_id(), "hint": "sk*****nch"}
    for n in range(number):
        yield Integration(
            name=f"Lent {n:06}",
            slug=f"lent-{n:06}",
            workspace=placed(n, spaces),
            provider=PROVIDERS[n % len(PROVIDERS)],
            active=n % RARE != 0,
            **sealed,
        )


def virtual_keys(number: int, spaces: list[Workspace]) -> Iterator[VirtualKey]:
    owned = Integration.objects.order_by("slug").values_list("pk", flat=True)
    for n, integration in enumerate(owned.iterator()):
        yield VirtualKey(
            name=f"Key {n:06}",
            slug=f"key-{n:06}",
            workspace=placed(n, spaces),
            integration_id=integration,
            active=n % RARE != 0,
        )


def api_keys(number: int, spaces: list[Workspace]) -> Iterator[ApiKey]:
    for n in range(number):
        rare = {"workspace": None, "type": "organisation-service"} if n % RARE == 0 else {}
        usual = {"workspace": placed(n, spaces), "digest": f"{n:064}", "hint": f"gh*****{n % RARE:03}"}
        yield ApiKey(name=f"App {n:06}", **usual | rare)


def events(number: int) -> Iterator[AuditEvent]:
    now = timezone.now()
    for n in range(number):
        kind, name = (("api_key", "App"), ("virtual_key", "Key"))[n % 2]
        yield AuditEvent(
            created_at=now - timedelta(minutes=number - n),
            actor_kind="user" if n % 10 else "command",
            actor_id=str(n % PEOPLE),
            actor=f"person-{n % PEOPLE}",
            action="rotate" if n % RARE == 0 else "update",
            object_kind=kind,
            object_id=f"{n // EVENTS:032}",
            object=f"{name} {n // EVENTS:06}",
            changes={"name": ["Before", "After"]},
        )


def one_of(model: type[Model]) -> Model | None:
    """A row whose pages are looked at, if there is any: of workspaces the one in which most keys are."""
    return Workspace.objects.default() if model is Workspace else model._default_manager.first()
