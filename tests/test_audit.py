"""What is done to the gateway leaves one event, in the same transaction, with who did it and no secret."""

import io
import os
import pwd
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.response import Response

from audit import states
from audit.actors import Actor, acting, current, of_command
from audit.models import Action, AuditEvent
from audit.trail import Recording
from keys import crypto
from keys.changes import change_all, changing
from keys.creation import create_api_key, create_virtual_key
from keys.management.view import ManagementView
from keys.models import ApiKey, Installation, VirtualKey, Workspace

pytestmark = pytest.mark.django_db

SECRET, OTHER = "sk-a-secret-of-the-tests", "sk-another-secret-of-tests"


def events(**wanted: Any) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(**wanted).order_by("id"))


def newest() -> AuditEvent:
    found = AuditEvent.objects.first()
    assert found
    return found


def test_a_change_is_told_field_by_field(workspace: Workspace) -> None:
    with acting(Actor("user", "7", "Ada", "192.0.2.1")), changing(workspace):
        workspace.name, workspace.log_bodies = "Ours", False
        workspace.save()
    (event,) = events()
    assert event.changes == {"name": ["Default", "Ours"], "log_bodies": [True, False]}
    assert (event.action, event.object_kind, event.object_id) == ("update", "workspace", str(workspace.pk))
    assert (event.actor_kind, event.actor_id, event.actor, event.address) == ("user", "7", "Ada", "192.0.2.1")
    assert (event.object, event.workspace_id) == ("Ours", workspace.pk)
    assert str(event) == "Ada changed the workspace Ours"


def test_what_is_made_and_what_is_deleted_is_told_whole(workspace: Workspace) -> None:
    made = Workspace(name="New", slug="new")
    with changing(made):
        made.save()
    pk = str(made.pk)
    with changing(made):
        made.delete()
    created, deleted = events(object_id=pk)
    assert (created.action, deleted.action) == ("create", "delete")
    assert created.changes == {"name": [None, "New"], "slug": [None, "new"], "log_bodies": [None, True]}
    assert deleted.changes == {"name": ["New", None], "slug": ["new", None], "log_bodies": [True, None]}
    assert deleted.object == "New"


def test_what_is_made_on_the_way_is_told_as_made(db: None) -> None:
    with changing() as changed:
        changed.add(Workspace.objects.create(name="New", slug="new"))
    assert newest().action == "create"


def test_nothing_changed_is_no_event(workspace: Workspace) -> None:
    with changing(workspace):
        workspace.save()
    assert events() == []


def test_a_change_that_fails_leaves_no_event(workspace: Workspace) -> None:
    twice = Workspace(name="Twice", slug=workspace.slug)
    workspace.name = "Renamed"
    with pytest.raises(IntegrityError):
        save_both(workspace, twice)
    assert events() == []


def save_both(*rows: Workspace) -> None:
    with changing(*rows):
        for row in rows:
            row.save()


def test_an_event_that_cannot_be_written_undoes_the_change(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(Recording, "leave", away)
    with pytest.raises(DatabaseError), changing(workspace):
        Workspace.objects.update(name="Renamed")
    assert Workspace.objects.get().name == "Default"


def test_many_rows_changed_at_once_are_an_event_each(workspace: Workspace) -> None:
    keys = [create_api_key(workspace, name)[0] for name in ("a", "b", "c")]
    change_all(ApiKey.objects.exclude(name="c"), description="changed")
    told = events(action="update")
    assert {event.object_id for event in told} == {str(key.pk) for key in keys[:2]}
    assert {str(event.changes) for event in told} == {"{'description': [None, 'changed']}"}
    assert all(event.workspace_id == workspace.pk for event in told)


def test_another_secret_is_a_rotation_told_by_hints(virtual_key: VirtualKey) -> None:
    row = virtual_key.integration
    with changing(row):
        row.hold(OTHER)
        row.save()
    assert (newest().action, newest().changes) == ("rotate", {"secret": ["sk*****sts", "sk*****sts"]})
    assert str(newest()) == "system replaced the secret of the integration OpenAI"


def test_a_new_token_is_a_rotation(api_key: ApiKey) -> None:
    before = api_key.hint
    with changing(api_key, action=Action.ROTATE):
        api_key.assign_token()
        api_key.save()
    assert (newest().action, newest().changes) == ("rotate", {"secret": [before, api_key.hint]})


def test_a_foreign_key_is_told_by_name_and_id(virtual_key: VirtualKey) -> None:
    row = virtual_key.integration
    with changing(row):
        row.workspace = None
        row.save()
    workspace = virtual_key.workspace
    assert newest().changes == {"workspace": [f"Default ({workspace.pk})", None]}


def test_use_is_no_change(api_key: ApiKey) -> None:
    before = AuditEvent.objects.count()
    with changing(api_key):
        api_key.last_used_at = timezone.now()
        api_key.save()
    assert AuditEvent.objects.count() == before


def test_long_texts_are_cut(workspace: Workspace) -> None:
    with changing(workspace):
        workspace.description = "x" * 5000
        workspace.save()
    assert newest().changes["description"] == [None, "x" * 1000 + "…"]


# Who acts.


def test_of_long_texts_those_lines_are_told_that_differ(workspace: Workspace) -> None:
    lines = [f"line {number}" for number in range(500)]
    workspace.description = "\n".join(lines)
    workspace.save()
    with changing(workspace):
        workspace.description = "\n".join([*lines[:250], "another", *lines[252:]])
        workspace.save()
    (event,) = AuditEvent.objects.all()
    assert event.changes["description"] == ["…\nline 250\nline 251\n…", "…\nanother\n…"]


def test_nobody_said_who_is_the_system() -> None:
    assert current() == Actor("system", name="system")


def test_who_acts_is_asked_only_when_something_changes(workspace: Workspace) -> None:
    asked = []

    def who() -> Actor:
        asked.append(1)
        return Actor("user")

    with acting(who), changing(workspace):
        workspace.save()
    assert asked == []
    with acting(who):
        current()
    assert asked == [1]


def test_commands_act_for_who_runs_them(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDERS_KEY", SECRET)
    call_command("create_api_key", "App", stdout=io.StringIO())
    call_command(
        "create_virtual_key", "Ours", provider="openai", key_env="PROVIDERS_KEY", stdout=io.StringIO()
    )
    name = pwd.getpwuid(os.getuid()).pw_name
    assert [(e.actor_kind, e.actor, e.action, e.object_kind) for e in events()] == [
        ("command", name, "create", "api_key"),
        ("command", name, "create", "integration"),
        ("command", name, "create", "virtual_key"),
    ]


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert of_command() == Actor("command", "4000000", "4000000")


class Renaming(ManagementView):
    """A part of the management API that changes something."""

    scopes = {"PUT": ("workspaces.update",)}

    def put(self, request: Request) -> Response:
        row = Workspace.objects.get(pk=self.caller.workspace_id)
        with changing(row):
            row.name = "Renamed"
            row.save()
        return Response({})


def test_the_management_api_acts_for_its_key(workspace: Workspace) -> None:
    key, token = create_api_key(workspace, "Automation", ["workspaces.update"])
    asked = RequestFactory().put("/", REMOTE_ADDR="192.0.2.9", HTTP_X_PORTKEY_API_KEY=token)
    assert Renaming.as_view()(asked).status_code == 200
    (event,) = events(action="update")
    assert (event.actor_kind, event.actor_id, event.actor) == ("api_key", str(key.pk), "Automation")
    assert (event.address, event.changes) == ("192.0.2.9", {"name": ["Default", "Renamed"]})
    assert current().kind == "system"


# Secrets.


def test_no_secret_is_in_any_event(workspace: Workspace, settings: Settings) -> None:
    """Whatever is done with keys and credentials; the walk is over all columns of all events."""
    key, token = create_api_key(workspace, "App")
    virtual_key = create_virtual_key(workspace, "Ours", provider="openai", secret=SECRET)
    row, hidden = virtual_key.integration, [token, SECRET, OTHER, key.digest]
    for secret in (OTHER, SECRET):
        with changing(row):
            hidden += [row.sealed_secret, row.sealed_previous_secret]
            row.hold(secret, previous_until=timezone.now() + timedelta(hours=1))
            row.save()
    with changing(key, action=Action.ROTATE):
        hidden += [key.rotate(timezone.now() + timedelta(hours=1)), key.digest]
        key.save()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    call_command("rotate_credentials", stderr=io.StringIO())
    row.refresh_from_db()
    hidden += [row.sealed_secret, row.sealed_previous_secret, Installation.objects.get().canary]
    for each in (virtual_key, row, key):
        with changing(each):
            each.delete()
    told = [str(event.__dict__) for event in events()]
    assert len(told) == 10
    assert not [secret for secret in hidden if secret and any(secret in text for text in told)]


def test_credentials_sealed_anew_are_told_so_and_no_rotation(
    virtual_key: VirtualKey, settings: Settings
) -> None:
    before = virtual_key.integration.key_id
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    call_command("rotate_credentials", stderr=io.StringIO())
    event = newest()
    assert (event.actor_kind, event.action) == ("command", "reseal")
    assert event.changes == {"key_id": [before, crypto.key_id()]}
    assert str(event).endswith("sealed anew the secret of the integration OpenAI")


def test_a_column_that_is_named_like_a_secret_is_never_told() -> None:
    """Also in apps to come: what such a column holds is masked, unless it is what `hint` hints at."""
    names = [
        field.name
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if hides(field.name)
    ]
    assert {"digest", "previous_digest", "sealed_secret", "sealed_previous_secret", "canary"} <= set(names)
    installation = Installation.objects.current()
    state = states.read(Installation, [installation.pk])[str(installation.pk)]
    assert states.told(state, "canary") == "*****"


def hides(name: str) -> bool:
    return states.SECRET.search(name) is not None
