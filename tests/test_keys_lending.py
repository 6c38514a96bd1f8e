"""An integration of one workspace lent to others: who may use it, and who may not any more."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from keys import directory, virtual_keys
from keys.models import Integration, VirtualKey, Workspace

SECRET = "sk-a-secret-of-the-tests"


@pytest.fixture
def others(db: None) -> list[Workspace]:
    return [Workspace.objects.create(name=name, slug=name.lower()) for name in ("Friend", "Stranger")]


@pytest.fixture
def lent(virtual_key: VirtualKey, others: list[Workspace]) -> Integration:
    """The integration of the default workspace, lent to the friend."""
    virtual_key.integration.lent_to.add(others[0])
    return virtual_key.integration


def borrowed(integration: Integration, workspace: Workspace) -> VirtualKey:
    key = VirtualKey(workspace=workspace, name="Borrowed", slug="borrowed", integration=integration)
    key.full_clean()
    key.save()
    return key


def found(key: VirtualKey) -> Any:
    directory.clear()
    return virtual_keys.find(str(key.workspace_id), key.slug)


def test_whom_it_is_lent_to_may_use_it_and_no_other(lent: Integration, others: list[Workspace]) -> None:
    friend, stranger = others
    assert found(borrowed(lent, friend)).credential.secret == SECRET
    with pytest.raises(ValidationError, match="another workspace"):
        borrowed(lent, stranger)
    assert Integration.objects.within(friend.pk).get() == lent
    assert not Integration.objects.within(stranger.pk).exists()


def test_a_row_that_uses_what_was_not_lent_is_not_usable(lent: Integration, others: list[Workspace]) -> None:
    key = VirtualKey.objects.create(workspace=others[1], name="x", slug="x", integration=lent)
    assert found(key) is None
    lent.lent_to.set(others)
    assert found(key).credential.secret == SECRET
    lent.lent_to.clear()
    assert found(key) is None


def test_its_owner_and_each_key_are_found_once(
    lent: Integration, others: list[Workspace], virtual_key: VirtualKey
) -> None:
    lent.lent_to.set(others)
    borrowed(lent, others[0])
    assert VirtualKey.objects.usable().count() == 2
    assert Integration.objects.within(others[0].pk).count() == 1


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


def change(integration: Integration) -> str:
    return f"/admin/keys/integration/{integration.pk}/change/"


def form(integration: Integration, *lent_to: Workspace, **changed: str) -> dict[str, Any]:
    usual = {"name": "OpenAI", "slug": "openai", "active": "on", "workspace": str(integration.workspace_id)}
    return usual | {"lent_to": [str(each.pk) for each in lent_to]} | changed


def test_an_admin_lends_it_and_every_process_hears_of_it(
    admin: Client, virtual_key: VirtualKey, others: list[Workspace]
) -> None:
    integration = virtual_key.integration
    key = VirtualKey.objects.create(workspace=others[0], name="x", slug="x", integration=integration)
    directory.watcher.look()
    VirtualKey.objects.filter(pk=virtual_key.pk).delete()
    assert virtual_keys.find(str(others[0].pk), "x") is None
    assert admin.post(change(integration), form(integration, *others)).status_code == 302
    assert set(integration.lent_to.all()) == set(others)
    assert found(key) is not None
    shown = admin.get(change(integration)).content.decode()
    assert "Friend" in shown
    assert "Stranger" in shown


def test_it_is_not_taken_from_a_workspace_whose_keys_use_it(
    admin: Client, lent: Integration, others: list[Workspace]
) -> None:
    borrowed(lent, others[0])
    answer = admin.post(change(lent), form(lent, others[1]))
    assert answer.status_code == 200
    assert "Virtual keys of another workspace use this" in answer.content.decode()
    assert list(lent.lent_to.all()) == [others[0]]
    moved = form(lent, Workspace.objects.default(), others[0], workspace=str(others[1].pk))
    assert admin.post(change(lent), moved).status_code == 302


def test_what_is_everybodys_is_lent_to_nobody(
    admin: Client, lent: Integration, others: list[Workspace]
) -> None:
    answer = admin.post(change(lent), form(lent, others[0], workspace=""))
    assert "Every workspace may use it already" in answer.content.decode()
    assert admin.post(change(lent), form(lent, workspace="")).status_code == 302
    assert Integration.objects.within(others[1].pk).get() == lent
