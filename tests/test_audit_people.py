"""Users, groups and sign-ins in the audit log: one event for each form, each save and each attempt."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from audit.models import AuditEvent

pytestmark = pytest.mark.django_db

PASSWORD, NEW = "a long password of the tests", "another long password of the tests"
SIGN_IN = "/admin/login/"


@pytest.fixture
def root() -> User:
    return User.objects.create_user("root", password=PASSWORD, is_staff=True, is_superuser=True)


@pytest.fixture
def client(root: User) -> Client:
    """Of `root`, at an address of its own."""
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.force_login(root)
    return client


@pytest.fixture
def seen(client: Client) -> int:
    """The newest event before the test does anything."""
    return int(AuditEvent.objects.values_list("id", flat=True)[0])


def only(seen: int) -> AuditEvent:
    """The one event since, which `root` left."""
    event = AuditEvent.objects.get(id__gt=seen)
    assert (event.actor_kind, event.actor, event.address) == ("user", "root", "192.0.2.9")
    assert not [each for each in (PASSWORD, NEW, "pbkdf2", "md5$") if each in str(event.__dict__)]
    return event


def form(user: User, **changed: Any) -> dict[str, Any]:
    """What a browser sends to change a user."""
    sent = {"username": user.username, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    return sent | {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"} | changed


def test_a_new_user_is_one_event(client: Client, seen: int) -> None:
    sent = {"username": "ada", "password1": NEW, "password2": NEW, "usable_password": "true"}
    assert client.post("/admin/auth/user/add/", sent).status_code == 302
    event = only(seen)
    assert (event.action, event.object_kind, event.object) == ("create", "user", "ada")
    assert event.object_id == str(User.objects.get(username="ada").pk)
    assert event.changes == {
        "username": [None, "ada"],
        "password": [None, "*****"],
        "is_active": [None, True],
        "is_superuser": [None, False],
        "is_staff": [None, False],
    }


def test_a_changed_user_is_one_event_groups_and_permissions_included(
    client: Client, root: User, seen: int
) -> None:
    group = Group.objects.create(name="Readers")
    permission = Permission.objects.get(codename="view_auditevent")
    seen += 1
    sent = form(root, email="root@example.org", groups=[group.pk], user_permissions=[permission.pk])
    assert client.post(f"/admin/auth/user/{root.pk}/change/", sent).status_code == 302
    event = only(seen)
    assert (event.action, event.object) == ("update", "root")
    assert event.changes == {
        "email": [None, "root@example.org"],
        "groups": [None, ["Readers"]],
        "user_permissions": [None, [str(permission)]],
    }


def test_a_password_set_by_another_is_only_said_to_have_changed(client: Client, seen: int) -> None:
    other = User.objects.create_user("ada", password=PASSWORD)
    sent = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    assert client.post(f"/admin/auth/user/{other.pk}/password/", sent).status_code == 302
    event = only(seen + 1)
    assert (event.action, event.object, event.changes) == ("update", "ada", {"password": ["*****", "*****"]})


def test_so_is_ones_own(client: Client, seen: int) -> None:
    sent = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/admin/password_change/", sent).status_code == 302
    event = only(seen)
    assert (event.action, event.object, event.changes) == ("update", "root", {"password": ["*****", "*****"]})


def test_a_deleted_user_is_one_event(client: Client, seen: int) -> None:
    other = User.objects.create(username="ada")
    assert client.post(f"/admin/auth/user/{other.pk}/delete/", {"post": "yes"}).status_code == 302
    event = only(seen + 1)
    assert (event.action, event.object_id) == ("delete", str(other.pk))


def test_each_user_deleted_by_a_bulk_action_is_one(client: Client, seen: int) -> None:
    others = [User.objects.create(username=name) for name in ("ada", "grace")]
    sent = {"action": "delete_selected", "_selected_action": [each.pk for each in others], "post": "yes"}
    assert client.post("/admin/auth/user/", sent).status_code == 302
    told = AuditEvent.objects.filter(id__gt=seen, action="delete").values_list("object", flat=True)
    assert sorted(told) == ["ada", "grace"]


def test_a_group_is_one_event_permissions_included(client: Client, seen: int) -> None:
    permission = Permission.objects.get(codename="view_auditevent")
    sent = {"name": "Readers", "permissions": [permission.pk]}
    assert client.post("/admin/auth/group/add/", sent).status_code == 302
    event = only(seen)
    assert (event.action, event.object_kind) == ("create", "group")
    assert event.changes == {"name": [None, "Readers"], "permissions": [None, [str(permission)]]}


def test_a_form_that_fails_is_none(client: Client, root: User, seen: int) -> None:
    assert client.post(f"/admin/auth/user/{root.pk}/change/", form(root, username="")).status_code == 200
    assert not AuditEvent.objects.filter(id__gt=seen).exists()


def test_a_command_of_djangos_is_heard(root: User) -> None:
    call_command("createsuperuser", username="ada", email="", interactive=False, verbosity=0)
    event = AuditEvent.objects.all()[0]
    assert (event.action, event.object, event.changes["is_superuser"]) == ("create", "ada", [None, True])


def test_permissions_given_without_a_form_are_heard(root: User) -> None:
    root.groups.add(Group.objects.create(name="Readers"))
    event = AuditEvent.objects.all()[0]
    assert (event.object, event.changes) == ("root", {"groups": [None, ["Readers"]]})


# The way in.


def signs(action: str) -> list[tuple[str, str, str, str]]:
    rows = AuditEvent.objects.filter(action=action)
    return [(row.actor_kind, row.actor_id, row.actor, row.address) for row in rows]


def test_signing_in_and_out_is_one_event_each(root: User) -> None:
    client = Client(REMOTE_ADDR="192.0.2.9")
    before = AuditEvent.objects.count()
    assert client.post(SIGN_IN, {"username": "root", "password": PASSWORD}).status_code == 302
    assert signs("sign_in") == [("user", str(root.pk), "root", "192.0.2.9")]
    assert client.post("/admin/logout/").status_code in (200, 302)
    assert signs("sign_out") == [("user", str(root.pk), "root", "192.0.2.9")]
    assert AuditEvent.objects.count() == before + 2


def fails(typed: str) -> AuditEvent:
    """The one event that a failed sign-in with this name leaves."""
    client, before = Client(REMOTE_ADDR="192.0.2.9"), AuditEvent.objects.count()
    assert client.post(SIGN_IN, {"username": typed, "password": NEW}).status_code == 200
    assert AuditEvent.objects.count() == before + 1
    event = AuditEvent.objects.order_by("-id")[0]
    assert (event.action, event.actor_kind, event.address) == ("sign_in_failed", "user", "192.0.2.9")
    assert NEW not in str(event.__dict__)
    return event


def test_a_failed_sign_in_is_told_under_the_name_of_who_it_was_tried_for(root: User) -> None:
    event = fails("root")
    assert (event.actor, event.object, str(event)) == ("root", "root", "root failed to sign in")


def test_a_name_that_is_nobodys_is_not_told_for_it_may_be_a_password(root: User) -> None:
    event = fails(PASSWORD)
    assert PASSWORD not in str(event.__dict__)
    assert re.fullmatch(r"an unknown name \([0-9a-f]{8}\) failed to sign in", str(event))


def test_tries_of_the_same_unknown_name_can_be_told_from_others(root: User, settings: Settings) -> None:
    first, same, other = (fails(typed).actor for typed in ("Alan", " \uff21LAN ", "Grace"))
    assert first == same != other
    settings.SECRET_KEY = "another key, by which nobody can look a name up"
    assert fails("Alan").actor != first


def test_a_name_that_no_column_takes_is_an_unknown_one() -> None:
    Client().login(username="x\0" * 300, password=NEW)
    assert signs("sign_in_failed")[0][2].startswith("an unknown name (")


# One's own password.

OWN = "/admin/password_change/"


def changes_own(client: Client, old: str) -> Any:
    return client.post(OWN, {"old_password": old, "new_password1": NEW, "new_password2": NEW})


def test_a_wrong_old_password_is_told(client: Client, seen: int) -> None:
    assert changes_own(client, "a wrong password").status_code == 200
    event = only(seen)
    assert (event.action, event.object, event.changes) == ("password_failed", "root", {})
    assert str(event) == "root gave a wrong password to change their own"
    assert "a wrong password" not in str(event.__dict__)


def test_signing_out_without_having_signed_in_is_none() -> None:
    Client().logout()
    Client().post("/admin/logout/")
    assert signs("sign_out") == []


def test_a_password_hashed_anew_at_a_sign_in_is_no_change(root: User) -> None:
    User.objects.filter(pk=root.pk).update(password="md5$x$" + "0" * 32)
    seen = AuditEvent.objects.count()
    root.refresh_from_db()
    root.password = "md5$y$" + "0" * 32
    root.save(update_fields=["password"])
    assert AuditEvent.objects.count() == seen
