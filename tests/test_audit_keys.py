"""What the admin does with keys, as the audit log tells it: who, and one event for each object."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from keys.changes import changing
from keys.creation import create_api_key
from keys.models import ApiKey, Integration, VirtualKey, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def others() -> list[Workspace]:
    return [Workspace.objects.create(name="A friend", slug=f"friend-{number}") for number in range(3)]


@pytest.fixture
def integration(virtual_key: VirtualKey) -> Integration:
    return virtual_key.integration


def seen() -> int:
    return AuditEvent.objects.latest("id").pk


def since(before: int) -> list[AuditEvent]:
    """What `root` has done since."""
    events = list(AuditEvent.objects.filter(id__gt=before).order_by("id"))
    assert {(event.actor_kind, event.actor, event.address) for event in events} <= {
        ("user", "root", "192.0.2.9")
    }
    return events


def called(*workspaces: Workspace) -> list[str]:
    return sorted(f"{each.name} ({each.pk})" for each in workspaces)


def lend(admin: Client, row: Integration, *to: Workspace, **changed: str) -> list[AuditEvent]:
    """The events of a form that lends it to these."""
    usual = {"name": "OpenAI", "slug": "openai", "active": "on", "workspace": str(row.workspace_id)}
    sent: dict[str, Any] = usual | changed | {"lent_to": [str(each.pk) for each in to]}
    before = seen()
    assert admin.post(f"/admin/keys/integration/{row.pk}/change/", sent).status_code == 302
    return since(before)


def test_lending_is_told_by_name_and_id(
    admin: Client, integration: Integration, others: list[Workspace]
) -> None:
    first, second, third = others
    (event,) = lend(admin, integration, first, second)
    assert (event.action, event.object_kind, event.object_id) == (
        "update",
        "integration",
        str(integration.pk),
    )
    assert event.changes == {"lent_to": [None, called(first, second)]}
    (event,) = lend(admin, integration, second, third)
    assert event.changes == {"lent_to": [called(first, second), called(second, third)]}
    (event,) = lend(admin, integration)
    assert event.changes == {"lent_to": [called(second, third), None]}
    assert lend(admin, integration) == []


def test_lending_and_a_new_name_are_one_event(
    admin: Client, integration: Integration, others: list[Workspace]
) -> None:
    (event,) = lend(admin, integration, others[0], name="Ours")
    assert event.changes == {"name": ["OpenAI", "Ours"], "lent_to": [None, called(others[0])]}


def test_lending_by_other_ways_is_told_too(integration: Integration, others: list[Workspace]) -> None:
    with changing(integration):
        integration.lent_to.set(others)
    assert AuditEvent.objects.latest("id").changes == {"lent_to": [None, called(*others)]}


def test_of_many_workspaces_each_is_told_that_came_or_went(integration: Integration) -> None:
    many = [Workspace.objects.create(name=f"Workspace {number}", slug=str(number)) for number in range(60)]
    with changing(integration):
        integration.lent_to.set(many)
    assert AuditEvent.objects.latest("id").changes == {"lent_to": [None, called(*many)]}
    with changing(integration):
        integration.lent_to.set(many[2:])
    with changing(integration):
        integration.lent_to.add(many[0])
    went, came = AuditEvent.objects.order_by("-id")[:2][::-1]
    rest = ["… and 58 that stayed"]
    assert went.changes == {"lent_to": [called(*many[:2]) + rest, rest]}
    assert came.changes == {"lent_to": [rest, called(many[0]) + rest]}


def run(admin: Client, action: str, rows: list[Any]) -> list[AuditEvent]:
    """The events of a bulk action on all of these."""
    before, name = seen(), type(rows[0])._meta.model_name
    sent = {"action": action, "_selected_action": [str(row.pk) for row in rows], "post": "yes"}
    assert admin.post(f"/admin/keys/{name}/", sent).status_code == 302
    return since(before)


@pytest.mark.parametrize("model", [VirtualKey, Integration])
def test_switching_many_off_and_on_is_an_event_for_each_that_was_not(
    admin: Client, integration: Integration, model: Any
) -> None:
    rows = [model.objects.get()]
    for number in range(2):
        copy = model.objects.get(pk=rows[0].pk)
        copy.pk, copy.slug, copy._state.adding = None, f"copy-{number}", True
        copy.pk = type(copy)._meta.pk.get_default()
        copy.save()
        rows.append(copy)
    model.objects.filter(pk=rows[0].pk).update(active=False)
    off = run(admin, "deactivate", rows)
    assert {event.object_id for event in off} == {str(row.pk) for row in rows[1:]}
    assert [event.changes for event in off] == [{"active": [True, False]}] * 2
    on = run(admin, "activate", rows)
    assert sorted(event.object_id for event in on) == sorted(str(row.pk) for row in rows)
    assert [event.changes for event in on] == [{"active": [False, True]}] * 3


def test_revoking_many_is_an_event_for_each_that_was_not_revoked(admin: Client, workspace: Workspace) -> None:
    keys = [create_api_key(workspace, name)[0] for name in ("a", "b", "c")]
    ApiKey.objects.filter(pk=keys[0].pk).update(revoked_at=timezone.now())
    events = run(admin, "revoke", keys)
    assert {event.object_id for event in events} == {str(key.pk) for key in keys[1:]}
    assert all(set(event.changes) == {"revoked_at"} for event in events)
    assert run(admin, "revoke", keys) == []


def test_a_rotation_is_one_event_told_by_hints(admin: Client, api_key: ApiKey) -> None:
    before, hint = seen(), api_key.hint
    assert admin.post(f"/admin/keys/apikey/{api_key.pk}/rotate/", {"transition": "24h"}).status_code == 302
    api_key.refresh_from_db()
    assert api_key.previous_until is not None
    (event,) = since(before)
    assert (event.action, event.object_id) == ("rotate", str(api_key.pk))
    assert event.changes == {
        "secret": [hint, api_key.hint],
        "previous_until": [None, api_key.previous_until.isoformat()],
    }


def test_a_replaced_secret_is_one_event_with_when_the_one_before_ends(
    admin: Client, integration: Integration
) -> None:
    (event,) = lend(admin, integration, secret="sk-the-next-secret-of-all", grace="1h")
    integration.refresh_from_db()
    assert integration.previous_until is not None
    assert event.action == "rotate"
    assert event.changes == {
        "secret": ["sk*****sts", "sk*****all"],
        "previous_until": [None, integration.previous_until.isoformat()],
    }
