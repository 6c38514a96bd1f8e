"""The end of a transition: by somebody's word at once, by time when the ingester looks; told either way."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connections
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from keys import callers, directory, tokens, transitions, virtual_keys
from keys.changes import changing
from keys.creation import create_api_key, rotate_api_key
from keys.errors import KeyRefused
from keys.models import ApiKey, Integration, VirtualKey, Workspace
from keys.virtual_keys import HeldKey
from logs.ingester import Ingester
from logs.old_secrets import OldSecrets

OLD, NEW, NEXT = "sk-a-secret-of-the-tests", "sk-the-next-secret-of-all", "sk-and-the-one-after-that"
HOUR = timedelta(hours=1)

Rotated = tuple[ApiKey, str, str]


@pytest.fixture
def admin(db: None) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def rotated(issued: tuple[ApiKey, str]) -> Rotated:
    """A key, its token before, and the present one."""
    key, old = issued
    return key, old, rotate_api_key(key)


@pytest.fixture
def replaced(virtual_key: VirtualKey) -> Integration:
    """An integration whose secret was replaced, with an hour's grace."""
    hold(virtual_key.integration, NEW, until=timezone.now() + HOUR)
    return virtual_key.integration


def hold(row: Integration, secret: str, until: Any = None, **how: bool) -> None:
    with changing(row):
        row.hold(secret, until, **how)
        row.save()


def held() -> HeldKey:
    directory.watcher.look()
    found = virtual_keys.find(str(Workspace.objects.default().pk), "openai")
    assert found is not None
    return found


def accepted(token: str) -> bool:
    directory.watcher.look()
    try:
        return bool(callers.find(token))
    except KeyRefused:
        return False


def end(row: ApiKey | Integration) -> str:
    return f"/admin/keys/{row._meta.model_name}/{row.pk}/end/"


def change(row: ApiKey | Integration) -> str:
    return f"/admin/keys/{row._meta.model_name}/{row.pk}/change/"


def newest() -> AuditEvent:
    return AuditEvent.objects.order_by("-id")[0]


def test_a_token_ended_early_is_refused_and_the_new_one_goes_on(admin: Client, rotated: Rotated) -> None:
    key, old, new = rotated
    assert (accepted(old), accepted(new)) == (True, True)
    answer = admin.post(end(key), follow=True)
    assert "It has ended" in answer.content.decode()
    assert (accepted(old), accepted(new)) == (False, True)
    key.refresh_from_db()
    assert (key.previous_digest, key.previous_until) == (None, None)
    assert accepted(rotate_api_key(key))


def test_a_secret_ended_early_is_wiped_and_tried_no_more(admin: Client, replaced: Integration) -> None:
    assert held().previous is not None
    assert admin.post(end(replaced)).status_code == 302
    assert held().previous is None
    assert held().credential.secret == NEW
    replaced.refresh_from_db()
    assert (replaced.sealed_previous_secret, replaced.previous_until) == ("", None)


def test_who_ended_it_is_told_and_no_secret(admin: Client, rotated: Rotated, replaced: Integration) -> None:
    for row in (rotated[0], replaced):
        until = row.previous_until
        assert until is not None
        admin.post(end(row))
        event = newest()
        assert (event.action, event.actor, event.address) == ("forget", "root", "192.0.2.9")
        assert (event.object_kind, event.object_id) == (row.kind, str(row.pk))
        assert event.changes == {"previous_until": [until.isoformat(), None]}
    assert str(newest()) == "root ended the old secret of the integration OpenAI"


def test_what_is_over_cannot_be_ended_again(admin: Client, rotated: Rotated, replaced: Integration) -> None:
    for row in (rotated[0], replaced):
        admin.post(end(row))
        told = AuditEvent.objects.count()
        answer = admin.post(end(row), follow=True)
        assert "There was nothing to end" in answer.content.decode()
        assert AuditEvent.objects.count() == told


@pytest.mark.parametrize("kind", ["apikey", "integration"])
def test_only_who_may_change_a_row_ends_it(kind: str, rotated: Rotated, replaced: Integration) -> None:
    row = {"apikey": rotated[0], "integration": replaced}[kind]
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename=f"view_{kind}"))
    viewer = Client()
    viewer.force_login(user)
    assert viewer.post(end(row)).status_code == 403
    assert end(row) not in viewer.get(change(row)).content.decode()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    assert end(row) in strict.get(change(row)).content.decode()
    assert strict.post(end(row)).status_code == 403
    assert strict.get(end(row)).status_code == 405
    assert Client().post(end(row)).status_code == 302
    row.refresh_from_db()
    assert row.in_transition


def test_a_row_that_is_not_there_is_not_found(admin: Client, rotated: Rotated) -> None:
    gone = end(rotated[0])
    ApiKey.objects.all().delete()
    assert admin.post(gone).status_code == 404


def test_there_is_no_button_where_there_is_nothing_to_end(
    admin: Client, api_key: ApiKey, virtual_key: VirtualKey
) -> None:
    for row in (api_key, virtual_key.integration):
        assert end(row) not in admin.get(change(row)).content.decode()


# By time.


def expire(model: type[ApiKey] | type[Integration]) -> None:
    model.objects.update(previous_until=timezone.now())  # type: ignore[misc]  # of either


def test_what_no_longer_works_is_wiped_and_told(rotated: Rotated, replaced: Integration) -> None:
    for model in (ApiKey, Integration):
        expire(model)
    assert transitions.forget_expired() == 2
    assert ApiKey.objects.get().previous_digest is None
    assert Integration.objects.get().sealed_previous_secret == ""
    told = AuditEvent.objects.filter(action="forget").order_by("id")
    assert [(event.actor, event.object_kind) for event in told] == [
        ("system", "api_key"),
        ("system", "integration"),
    ]


def test_what_still_works_is_left(rotated: Rotated, replaced: Integration) -> None:
    told = AuditEvent.objects.count()
    assert transitions.forget_expired() == 0
    assert accepted(rotated[1])
    assert held().previous is not None
    assert AuditEvent.objects.count() == told


def test_where_nothing_is_due_it_costs_a_look_at_each_table(
    rotated: Rotated, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(2):
        transitions.forget_expired()


def test_more_than_one_batch_is_wiped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "BATCH", 2)
    for number in range(5):
        rotate_api_key(create_api_key(workspace, str(number))[0])
    expire(ApiKey)
    assert transitions.forget_expired() == 5
    assert not ApiKey.objects.exclude(previous_digest=None).exists()


def test_what_was_replaced_again_meanwhile_is_left(
    replaced: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire(Integration)

    def meanwhile(*rows: Integration, action: str) -> Any:
        monkeypatch.undo()
        hold(Integration.objects.get(), NEXT, until=timezone.now() + HOUR)
        return changing(*rows, action=action)

    monkeypatch.setattr(transitions, "changing", meanwhile)
    assert transitions.forget_expired() == 0
    found = Integration.objects.get().previous_credential()
    assert found is not None
    assert found.secret == NEW


@pytest.mark.django_db(databases=["default", "logs"])
def test_the_ingester_wipes_once_a_minute(
    rotated: Rotated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingester, now = Ingester(tmp_path, Event()), [1000.0]
    monkeypatch.setattr("logs.old_secrets.time.monotonic", lambda: now[0])
    ingester.look()
    expire(ApiKey)
    for passed, kept in ((59.0, True), (1.0, False)):
        now[0] += passed
        ingester.look()
        assert (ApiKey.objects.get().previous_digest is not None) is kept


def test_a_database_that_is_away_stops_nothing(
    db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr("logs.old_secrets.forget_expired", away)
    monkeypatch.setattr(connections["default"], "close", lambda: None)
    OldSecrets().wipe()
    assert [record.getMessage() for record in caplog.records] == ["Old secrets could not be wiped: away"]


# A second replacement while the first has its grace.


def form(row: Integration, **changed: str) -> dict[str, str]:
    usual = {"name": "OpenAI", "slug": "openai", "active": "on", "workspace": str(row.workspace_id)}
    return usual | changed


def test_a_mistyped_secret_is_mended_and_the_one_that_works_stays(
    admin: Client, replaced: Integration
) -> None:
    until = replaced.previous_until
    shown = admin.get(change(replaced))
    assert shown.context["adminform"].form["grace"].value() == "kept"
    assert admin.post(change(replaced), form(replaced, secret=NEXT, grace="kept")).status_code == 302
    found = held()
    assert found.previous is not None
    assert (found.credential.secret, found.previous.secret) == (NEXT, OLD)
    assert found.previous_until == until


def test_or_the_present_one_is_kept_instead(admin: Client, replaced: Integration) -> None:
    assert admin.post(change(replaced), form(replaced, secret=NEXT, grace="1h")).status_code == 302
    found = held()
    assert found.previous is not None
    assert (found.credential.secret, found.previous.secret) == (NEXT, NEW)


def test_or_none(admin: Client, replaced: Integration) -> None:
    assert admin.post(change(replaced), form(replaced, secret=NEXT, grace="")).status_code == 302
    assert held().previous is None


def test_who_goes_back_has_no_secret_twice(replaced: Integration) -> None:
    hold(replaced, OLD, keep_previous=True)
    assert (held().credential.secret, held().previous) == (OLD, None)
    assert not replaced.in_transition


def test_where_there_is_nothing_to_keep_it_is_not_offered_and_keeps_nothing(
    admin: Client, virtual_key: VirtualKey
) -> None:
    row = virtual_key.integration
    assert 'value="kept"' not in admin.get(change(row)).content.decode()
    assert admin.post(change(row), form(row, secret=NEXT, grace="kept")).status_code == 302
    assert held().previous is None


def test_a_form_that_was_opened_in_a_transition_can_be_sent_after_it(
    admin: Client, replaced: Integration
) -> None:
    assert 'value="kept"' in admin.get(change(replaced)).content.decode()
    transitions.end(replaced)
    assert admin.post(change(replaced), form(replaced, name="Ours", grace="kept")).status_code == 302
    assert (held().credential.secret, held().previous) == (NEW, None)


def test_no_page_shows_what_was_kept(admin: Client, replaced: Integration, rotated: Rotated) -> None:
    key, old, _ = rotated
    hidden = [OLD, NEW, replaced.sealed_previous_secret, tokens.digest(old), str(key.previous_digest)]
    for row in (replaced, key):
        shown = admin.get(change(row)).content.decode()
        assert not [each for each in hidden if each in shown]


AT_ONCE = """
import threading
from datetime import timedelta
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.utils import timezone
from keys import transitions
from keys.changes import changing
from keys.credential_forms import IntegrationForm
from keys.models import Integration, Workspace

user = User.objects.create(username="two-at-once", is_staff=True, is_superuser=True)
row = Integration(name="Two", slug="two-at-once", provider="openai", workspace=Workspace.objects.default())
row.hold("sk-the-first-of-two-secrets")
row.hold("sk-the-second-of-two-secrets", timezone.now() + timedelta(hours=1))
with changing(row):
    row.save()
client, read, clean = Client(HTTP_HOST="127.0.0.1"), threading.Event(), IntegrationForm.clean
client.force_login(user)
sent = {"name": "Renamed", "slug": row.slug, "active": "on", "workspace": str(row.workspace_id)}

def slowly(form):
    read.set()
    ending.join(0.3)
    return clean(form)

def in_thread(act):
    def closing():
        act()
        connections.close_all()
    return threading.Thread(target=closing)

IntegrationForm.clean = slowly
renaming = in_thread(lambda: client.post(f"/admin/keys/integration/{row.pk}/change/", sent))
ending = in_thread(lambda: read.wait(5) and transitions.end(row))
for thread in (ending, renaming):
    thread.start()
for thread in (ending, renaming):
    thread.join()
row = Integration.objects.get(pk=row.pk)
print(row.name, repr(row.sealed_previous_secret), row.previous_until)
with changing(row):
    row.delete()
user.delete()
"""


@pytest.mark.server
def test_what_one_admin_ends_does_not_come_back_with_anothers_form(gatehouse: Any) -> None:
    assert gatehouse.python(AT_ONCE) == "Renamed '' None"
