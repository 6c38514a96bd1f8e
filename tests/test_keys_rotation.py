"""An API key is rotated: both tokens work for a while, no call is lost, and the new one is shown once."""

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from keys import callers, directory, tokens
from keys.creation import TRANSITION, create_api_key, rotate_api_key
from keys.errors import KeyRefused
from keys.models import ApiKey, Workspace
from tests.servers import new_trace, within

Issued = tuple[ApiKey, str]


def accepted(token: str) -> bool:
    try:
        return bool(callers.find(token))
    except KeyRefused:
        return False


def test_both_tokens_work_in_the_transition_and_the_new_one_after(issued: Issued) -> None:
    key, old = issued
    new = rotate_api_key(key)
    assert (accepted(old), accepted(new)) == (True, True)
    assert callers.find(old).id == callers.find(new).id
    assert key.previous_until is not None
    assert abs(key.previous_until - timezone.now() - timedelta(minutes=30)) < timedelta(seconds=5)
    ApiKey.objects.update(previous_until=timezone.now())
    directory.clear()
    assert (accepted(old), accepted(new)) == (False, True)


def test_it_is_refused_while_one_is_under_way(issued: Issued) -> None:
    key, old = issued
    new = rotate_api_key(key)
    stale = ApiKey.objects.get()
    stale.previous_until = None  # as somebody holds it who read it before
    with pytest.raises(ValidationError, match="being rotated"):
        rotate_api_key(stale)
    assert (accepted(old), accepted(new)) == (True, True)
    ApiKey.objects.update(previous_until=timezone.now())
    assert accepted(rotate_api_key(key))


def test_a_transition_is_half_an_hour_at_least(issued: Issued) -> None:
    with pytest.raises(ValidationError, match="half an hour"):
        rotate_api_key(issued[0], TRANSITION - timedelta(seconds=1))


@pytest.mark.parametrize("over", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_key_that_is_over_is_not_rotated(issued: Issued, over: dict[str, Any]) -> None:
    ApiKey.objects.update(**over)
    with pytest.raises(ValidationError, match="not rotated"):
        rotate_api_key(issued[0])


ROTATE = """
from keys.creation import rotate_api_key
from keys.models import ApiKey
print(rotate_api_key(ApiKey.objects.get(name={!r})))
"""


@pytest.mark.server
@pytest.mark.timed
def test_rotation_under_load_loses_no_call(gatehouse: Any) -> None:
    name = f"Rotated {new_trace()[-8:]}"
    using, answered, over = [gatehouse.manage("create_api_key", name)], [], threading.Event()

    def call() -> None:
        while not over.is_set():
            answered.extend((token, gatehouse.chat(key=token).status) for token in tuple(using))

    load = [threading.Thread(target=call) for _ in range(4)]
    for thread in load:
        thread.start()
    try:
        using.append(gatehouse.python(ROTATE.format(name)))
        assert tokens.is_token(using[1])
        assert within(10, lambda: sum(token == using[1] for token, _ in answered) > 40)
    finally:
        over.set()
        for thread in load:
            thread.join(20)
    assert {status for _, status in answered} == {200}
    assert {token for token, _ in answered} == set(using)


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


def rotation(key: ApiKey) -> str:
    return f"/admin/keys/apikey/{key.pk}/rotate/"


def test_an_admin_rotates_a_key_and_sees_the_new_one_once(admin: Client, issued: Issued) -> None:
    key, old = issued
    answer = admin.post(rotation(key), {"transition": "24h"})
    assert answer.status_code == 302
    shown = admin.get(answer["location"])
    new = shown.context["token"]
    assert tokens.is_token(new)
    assert new not in answer["location"]
    assert new in shown.content.decode()
    assert new not in admin.get(answer["location"]).content.decode()
    assert (accepted(old), accepted(new)) == (True, True)
    key.refresh_from_db()
    assert key.previous_until is not None
    assert key.previous_until - timezone.now() > timedelta(hours=23)
    change = admin.get(f"/admin/keys/apikey/{key.pk}/change/").content.decode()
    assert "It is being rotated" in change
    assert rotation(key) not in change
    refused = admin.post(rotation(key), follow=True).content.decode()
    assert "both of its tokens work" in refused


def test_the_token_is_sealed_while_it_waits_and_not_kept_for_long(
    admin: Client, issued: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = issued
    answer = admin.post(rotation(key))
    waiting = str(dict(admin.session))
    assert "gh-" not in waiting
    assert "gh-" not in str(admin.cookies)
    later = time.time() + 601
    monkeypatch.setattr("keys.shown_once.time.time", lambda: later)
    assert admin.get(answer["location"]).context["token"] == ""


def test_a_token_is_shown_on_its_own_keys_page_and_to_its_maker_alone(admin: Client, issued: Issued) -> None:
    key, _ = issued
    other, _ = create_api_key(Workspace.objects.default(), "Other")
    admin.post(rotation(key))
    assert admin.get(f"/admin/keys/apikey/{other.pk}/token/").context["token"] == ""
    somebody = Client()
    somebody.force_login(User.objects.create(username="another", is_staff=True, is_superuser=True))
    assert somebody.get(f"/admin/keys/apikey/{key.pk}/token/").context["token"] == ""
    assert tokens.is_token(admin.get(f"/admin/keys/apikey/{key.pk}/token/").context["token"])


def test_only_who_may_change_a_key_rotates_it(issued: Issued) -> None:
    key, old = issued
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    viewer = Client()
    viewer.force_login(user)
    assert viewer.post(rotation(key)).status_code == 403
    assert rotation(key) not in viewer.get(f"/admin/keys/apikey/{key.pk}/change/").content.decode()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create(username="root2", is_staff=True, is_superuser=True))
    assert strict.post(rotation(key)).status_code == 403
    assert strict.get(rotation(key)).status_code == 405
    key.refresh_from_db()
    assert key.digest == tokens.digest(old)
