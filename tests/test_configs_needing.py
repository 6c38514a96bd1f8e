"""Before a virtual key is deleted, its page says which configs cannot do without it."""

import json
from typing import Any

import pytest
from django.test import Client

from configs.creation import change_config, create_config
from configs.models import Status
from keys.models import VirtualKey, Workspace
from tests.test_configs_admin import shown, signed_in

pytestmark = pytest.mark.django_db

LIST = "/admin/keys/virtualkey/"
NAMING = [
    {"provider": "@openai"},
    {"virtual_key": "openai"},
    {"strategy": {"mode": "fallback"}, "targets": [{"provider": "@other"}, {"provider": "@openai"}]},
    {"provider": "@other", "override_params": {"model": "@openai/gpt-4o"}},
]
NOT_NAMING = [{"provider": "@openai-2"}, {"provider": "@other", "override_params": {"user": "openai"}}]


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in(is_superuser=True)


def warnings(client: Client, key: VirtualKey) -> list[str]:
    """Of the page that asks, and of the list's action, which are to say the same."""
    one = client.get(f"{LIST}{key.pk}/delete/")
    several = client.post(LIST, {"action": "delete_selected", "_selected_action": [str(key.pk)]})
    told = [[str(each) for each in answer.context["messages"]] for answer in (one, several)]
    assert (one.status_code, several.status_code) == (200, 200)
    assert told[0] == told[1]
    return told[0]


@pytest.mark.parametrize("config", NAMING)
def test_a_config_that_names_the_key_is_told(
    config: Any, admin: Client, workspace: Workspace, virtual_key: VirtualKey
) -> None:
    saved = create_config(workspace, "Ours", json.dumps(config))
    told = f"openai is named by config {saved.slug}: without it their calls are refused."
    assert warnings(admin, virtual_key) == [told]
    assert told in shown(admin.get(f"{LIST}{virtual_key.pk}/delete/"))
    done = admin.post(f"{LIST}{virtual_key.pk}/delete/", {"post": "yes"}, follow=True)
    assert told not in [str(each) for each in done.context["messages"]]
    assert not VirtualKey.objects.filter(pk=virtual_key.pk).exists()


@pytest.mark.parametrize("config", NOT_NAMING)
def test_one_that_does_not_is_not(
    config: Any, admin: Client, workspace: Workspace, virtual_key: VirtualKey
) -> None:
    create_config(workspace, "Ours", json.dumps(config))
    assert warnings(admin, virtual_key) == []


def test_neither_are_those_of_another_workspace_and_archived_ones(
    admin: Client, workspace: Workspace, virtual_key: VirtualKey
) -> None:
    another = Workspace.objects.create(name="Another", slug="another")
    create_config(another, "Theirs", json.dumps(NAMING[0]))
    change_config(create_config(workspace, "Old", json.dumps(NAMING[0])), status=Status.ARCHIVED)
    assert warnings(admin, virtual_key) == []


def test_of_many_some_are_told(admin: Client, workspace: Workspace, virtual_key: VirtualKey) -> None:
    for number in range(12):
        create_config(workspace, f"Ours {number}", json.dumps(NAMING[0]))
    (told,) = warnings(admin, virtual_key)
    assert (told.count("config pc-"), " and more:" in told) == (10, True)
