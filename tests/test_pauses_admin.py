"""The admin's page of who has to wait after failed tries: what it shows, who lifts it, and what is told."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from audit.models import AuditEvent
from gateway_site import pauses
from gateway_site.models import Tries

pytestmark = pytest.mark.django_db

LIST, LIFT = "/admin/gateway_site/tries/", "/admin/gateway_site/tries/lift/"
ADDRESS = "192.0.2.1"


def signed_in(name: str, *permissions: str, **user: Any) -> Client:
    made = User.objects.create(username=name, is_staff=True, **user)
    made.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(REMOTE_ADDR="192.0.2.99")
    client.force_login(made)
    return client


@pytest.fixture
def guard() -> Client:
    return signed_in("Guard", "view_tries", "lift_pauses")


@pytest.fixture
def paused() -> list[pauses.Bucket]:
    """Ada, her address and a session have to wait."""
    waiting = [pauses.by_name("Ada"), pauses.by_address(ADDRESS), pauses.by_session("a session")]
    for bucket in waiting:
        for _ in range(bucket.free):
            pauses.begin([bucket])
    assert all(waits(bucket) for bucket in waiting)
    return waiting


def waits(bucket: pauses.Bucket) -> bool:
    try:
        pauses.begin([bucket])
    except pauses.Paused:
        return True
    return False


def told() -> list[tuple[str, str, str, Any]]:
    events = AuditEvent.objects.filter(object_kind="pause").order_by("id")
    return [(event.actor, event.action, event.object, event.changes["pauses"][0]) for event in events]


def test_pauses_are_listed_without_whose_they_are(guard: Client, paused: list[pauses.Bucket]) -> None:
    shown = guard.get(LIST).content.decode()
    for bucket in paused:
        assert Tries(kind=bucket.kind).get_kind_display() in shown
        assert bucket.key[:8] in shown
    until = Tries.objects.get(bucket=paused[0].key).until
    assert f"{until:%Y-%m-%d %H:%M:%S}" in shown
    assert ADDRESS not in shown
    assert ">Ada<" not in shown


def test_who_got_in_is_not_listed(guard: Client, paused: list[pauses.Bucket]) -> None:
    pauses.begin([pauses.by_name("Bea")])
    assert pauses.by_name("Bea").key[:8] in guard.get(LIST).content.decode()
    pauses.succeeded([pauses.by_name("Bea")])
    assert pauses.by_name("Bea").key[:8] not in guard.get(LIST).content.decode()


@pytest.mark.parametrize(
    "typed, named, lifted",
    [
        ({"name": " ADA ", "address": ""}, "ADA", 0),
        ({"name": "", "address": ADDRESS}, ADDRESS, 1),
        ({"name": "", "address": f"::ffff:{ADDRESS}"}, f"::ffff:{ADDRESS}", 1),
    ],
)
def test_one_is_lifted_by_typing_whose_it_is(
    guard: Client, paused: list[pauses.Bucket], typed: dict[str, str], named: str, lifted: int
) -> None:
    answer = guard.post(LIFT, typed, follow=True)
    assert "Lifted: 1." in answer.content.decode()
    assert [waits(bucket) for bucket in paused] == [place != lifted for place in range(3)]
    assert told() == [("Guard", "lift", named, 1)]
    assert str(AuditEvent.objects.get(object_kind="pause")) == f"Guard lifted the pause {named}"


def test_what_has_no_pause_cannot_be_lifted(guard: Client, paused: list[pauses.Bucket]) -> None:
    for typed, said in (({"name": "Bea"}, "There was nothing to lift"), ({}, "Type the user name")):
        assert said in guard.post(LIFT, typed, follow=True).content.decode()
    assert all(waits(bucket) for bucket in paused)
    assert told() == []


def test_all_are_lifted_at_once(guard: Client, paused: list[pauses.Bucket]) -> None:
    guard.post(LIFT, {"all": "1"})
    assert not Tries.objects.exists()
    assert told() == [("Guard", "lift", "all", 3)]


def test_those_that_were_chosen_are_lifted_and_told_one_by_one(
    guard: Client, paused: list[pauses.Bucket]
) -> None:
    chosen = paused[:2]
    sent = {"action": "lift", "_selected_action": [bucket.key for bucket in chosen]}
    assert guard.post(LIST, sent).status_code == 302
    assert [waits(bucket) for bucket in paused] == [False, False, True]
    named = [f"{Tries(kind=bucket.kind).get_kind_display()} {bucket.key[:8]}" for bucket in chosen]
    assert sorted(event[2] for event in told()) == sorted(named)


def test_who_may_only_look_lifts_nothing(paused: list[pauses.Bucket]) -> None:
    viewer, stranger = signed_in("viewer", "view_tries"), signed_in("stranger", "view_user")
    shown = viewer.get(LIST)
    assert shown.status_code == 200
    assert LIFT not in shown.content.decode()
    assert stranger.get(LIST).status_code == 403
    chosen = {"action": "lift", "_selected_action": [paused[0].key]}
    for client in (viewer, stranger, Client()):
        assert client.post(LIFT, {"all": "1"}).status_code in (302, 403)
        client.post(LIST, chosen)
    assert all(waits(bucket) for bucket in paused)
    assert told() == []


def test_a_pause_is_lifted_from_the_page_alone(guard: Client, paused: list[pauses.Bucket]) -> None:
    assert guard.get(LIFT).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = guard.cookies
    assert strict.post(LIFT, {"all": "1"}).status_code == 403
    for page in ("add/", f"{paused[0].key}/delete/"):
        assert guard.get(LIST + page).status_code == 403
    changed = guard.post(f"{LIST}{paused[0].key}/change/", {"failures": "0"})
    assert changed.status_code == 403
    assert all(waits(bucket) for bucket in paused)
