"""Trying a key out in the admin: a real call by the door, and what came back as text without its secrets."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from keys.creation import create_virtual_key
from keys.models import Integration, VirtualKey, Workspace
from keys.models.base import Visible
from providers.catalog import PROVIDERS
from proxy import key_test

OPENAI = "https://api.openai.com/v1"
SECRET = "sk-a-secret-of-the-tests"
LIST = {"object": "list", "data": [{"id": "gpt-b", "object": "model"}, {"id": "gpt-a", "object": "model"}]}


def staff(*permissions: str, strict: bool = False) -> Client:
    user = User.objects.create(username=f"staff-{len(permissions)}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(enforce_csrf_checks=strict)
    client.force_login(user)
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return staff("change_virtualkey", "view_virtualkey", "change_integration")


def address(row: VirtualKey | Integration) -> str:
    return f"/admin/keys/{type(row).__name__.lower()}/{row.pk}/test/"


def test_the_list_of_models_is_asked_for_and_shown(
    admin: Client, provider: Any, virtual_key: VirtualKey
) -> None:
    provider.get(f"{OPENAI}/models", json=LIST)
    for row in (virtual_key, virtual_key.integration):
        answer = admin.post(address(row))
        shown = answer.content.decode()
        tested = answer.context["tested"]
        assert (answer.status_code, tested.works, tested.status, tested.text) == (
            200,
            True,
            200,
            "gpt-a\ngpt-b",
        )
        assert "The provider accepts this key." in shown
        assert "gpt-a\ngpt-b" in shown
        assert SECRET not in shown
        assert "no-store" in answer["cache-control"]
        assert provider.calls[-1].request.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("slug", sorted(PROVIDERS))
def test_one_token_of_a_named_model_is_asked_for(
    slug: str, admin: Client, provider: Any, workspace: Workspace
) -> None:
    row = create_virtual_key(workspace, "x", provider=slug, secret=SECRET)
    operation = PROVIDERS[slug].operation("chatComplete", "m")
    provider.post(
        PROVIDERS[slug].base_url + operation.path, json={"error": {"message": "no such model"}}, status=404
    )
    shown = admin.post(address(row), {"model": "m"}).content.decode()
    sent = json.loads(provider.calls[-1].request.body)
    assert sent["model"] == "m"
    assert 1 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))
    assert "no such model" in shown
    assert "status 404" in shown


def test_a_list_that_is_told_to_everybody_shows_nothing(
    admin: Client, provider: Any, workspace: Workspace
) -> None:
    row = create_virtual_key(workspace, "x", provider="openrouter", secret=SECRET)
    assert "Name a model" in admin.post(address(row)).content.decode()
    assert len(provider.calls) == 0


def test_a_refusal_is_told_with_every_secret_hidden(
    admin: Client, provider: Any, virtual_key: VirtualKey
) -> None:
    before = SECRET
    virtual_key.integration.hold("sk-the-next-secret-of-all", timezone.now() + timedelta(hours=1))
    virtual_key.integration.save()
    said = f"<script>x</script> Incorrect API key: sk-the-next-secret-of-all or {before}"
    provider.get(f"{OPENAI}/models", json={"error": {"message": said}}, status=401)
    answer = admin.post(address(virtual_key))
    shown = answer.content.decode()
    assert "Incorrect API key: sk*****all or sk*****sts" in shown
    assert "<script>x" not in shown
    assert before not in shown
    assert "sk-the-next-secret" not in shown
    assert len(provider.calls) == 1  # the one before is not tried: it is not what is tested


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe"])
def test_an_answer_that_is_no_list_of_models_is_no_success(
    body: bytes, admin: Client, provider: Any, virtual_key: VirtualKey
) -> None:
    provider.get(f"{OPENAI}/models", body=body)
    answer = admin.post(address(virtual_key))
    assert not answer.context["tested"].works
    assert "The provider accepts this key." not in answer.content.decode()


def test_a_provider_that_cannot_be_reached_is_said(
    admin: Client, provider: Any, virtual_key: VirtualKey
) -> None:
    provider.get(f"{OPENAI}/models", body=requests.ConnectionError("gone"))
    shown = admin.post(address(virtual_key)).content.decode()
    assert "api.openai.com could not be reached." in shown
    assert "none came" in shown


def test_a_secret_that_cannot_be_unsealed_is_said(
    admin: Client, provider: Any, virtual_key: VirtualKey
) -> None:
    Integration.objects.update(sealed_secret="of another key")
    assert "None of CREDENTIAL_KEYS" in admin.post(address(virtual_key)).content.decode()


def test_a_key_no_app_can_use_is_said_to_be_so(admin: Client, provider: Any, virtual_key: VirtualKey) -> None:
    provider.get(f"{OPENAI}/models", json=LIST)
    VirtualKey.objects.update(active=False)
    assert "The virtual key is inactive" in admin.post(address(virtual_key)).content.decode()
    Integration.objects.update(active=False)
    assert "The integration is not active" in admin.post(address(virtual_key)).content.decode()


def test_it_is_bounded_in_time(own: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a real server that sends the beginning of an answer and then nothing."""
    monkeypatch.setattr(key_test, "SECONDS", 0.5)
    host = f"{own.url}/v1"
    row = create_virtual_key(workspace, "x", provider="openai", secret=SECRET, custom_host=host)
    model = own.learn(slowly)
    began = time.monotonic()
    tested = key_test.tried(row.integration, model)
    assert time.monotonic() - began < 3
    assert not tested.works
    assert "0.5 s" in tested.problem


def slowly(exchange: Any) -> None:
    exchange.send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
    time.sleep(1)


def test_only_who_may_change_the_row_may_make_it_call(provider: Any, virtual_key: VirtualKey) -> None:
    viewer = staff("view_virtualkey", "view_integration")
    for row in (virtual_key, virtual_key.integration):
        assert viewer.post(address(row)).status_code == 403
        assert Client().post(address(row)).status_code == 302
    assert len(provider.calls) == 0


def test_it_takes_a_form_of_ours(provider: Any, virtual_key: VirtualKey) -> None:
    client = staff("change_virtualkey", strict=True)
    assert client.post(address(virtual_key)).status_code == 403
    assert client.get(address(virtual_key)).status_code == 405
    assert len(provider.calls) == 0


def test_what_its_user_does_not_see_is_not_there(
    admin: Client, provider: Any, virtual_key: VirtualKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Visible, "visible_to", lambda self, user: self.none())
    assert admin.post(address(virtual_key)).status_code == 404
    assert admin.post(f"/admin/keys/apikey/{virtual_key.pk}/test/").status_code == 404


def test_the_button_is_for_those_who_may_use_it(virtual_key: VirtualKey, admin: Client) -> None:
    page = f"/admin/keys/virtualkey/{virtual_key.pk}/change/"
    assert address(virtual_key) in admin.get(page).content.decode()
    assert address(virtual_key) not in staff("view_virtualkey").get(page).content.decode()
