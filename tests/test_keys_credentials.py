"""The one form for a virtual key, and a credential replaced: what they make, and what they say is wrong."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from keys import directory, virtual_keys
from keys.models import Integration, VirtualKey, Workspace
from keys.setting_fields import SettingForm, setting_fields
from keys.virtual_keys import HeldKey
from providers.catalog import PROVIDERS
from providers.types import Provider, Setting

SECRET = "sk-a-secret-of-the-tests"
NEXT = "sk-the-next-secret-of-all"
ADD = "/admin/keys/virtualkey/add/"


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def form(workspace: Workspace) -> dict[str, Any]:
    """What the form needs at the least."""
    return {
        "provider": "openai",
        "secret": SECRET,
        "name": "Our key",
        "workspace": str(workspace.pk),
        "active": "on",
    }


def held(key: VirtualKey) -> HeldKey:
    directory.clear()
    found = virtual_keys.find(str(key.workspace_id), key.slug)
    assert found is not None
    return found


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def test_a_provider_a_secret_and_a_name_make_a_key_that_can_be_called(
    admin: Client, form: dict[str, Any]
) -> None:
    extra = {"setting_openai_openai_project": "proj_1", "allow_passthrough": "on", "slug": "ours"}
    assert admin.post(ADD, form | extra).status_code == 302
    found = held(VirtualKey.objects.get())
    assert (found.slug, found.provider, found.integration_slug) == ("ours", "openai", "ours")
    assert found.credential.secret == SECRET
    assert found.credential.settings == {"openai_project": "proj_1"}
    assert found.passthrough
    assert Integration.objects.get().workspace_id == VirtualKey.objects.get().workspace_id


def test_the_slug_is_made_of_the_name(admin: Client, form: dict[str, Any]) -> None:
    assert admin.post(ADD, form).status_code == 302
    assert held(VirtualKey.objects.get()).slug.startswith("our-key-")


def test_an_integration_that_is_there_is_used_instead(
    admin: Client, form: dict[str, Any], virtual_key: VirtualKey
) -> None:
    chosen = form | {
        "provider": "",
        "secret": "",
        "integration": str(virtual_key.integration_id),
        "slug": "second",
    }
    assert admin.post(ADD, chosen).status_code == 302
    assert Integration.objects.count() == 1
    assert held(VirtualKey.objects.get(slug="second")).credential.secret == SECRET


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"provider": ""}, "provider", "Choose a provider and paste its key"),
        ({"provider": "nobody"}, "provider", "nobody is not one of the available choices"),
        ({"secret": ""}, "secret", "needs the provider's key"),
        ({"secret": "sk-bücher"}, "secret", "printable ASCII"),
        ({"custom_host": "ftp://x"}, "custom_host", "begins with http"),
        ({"custom_host": "http://169.254.169.254/v1"}, "custom_host", "metadata service"),
        ({"slug": "not a slug"}, "slug", "Letters, digits"),
        ({"slug": "openai"}, "slug", "has this slug already"),
        ({"name": ""}, "name", "required"),
        ({"workspace": ""}, "workspace", "required"),
        ({"setting_openai_openai_project": "a b"}, "setting_openai_openai_project", "Allowed are letters"),
        (
            {"setting_anthropic_anthropic_version": "1"},
            "setting_anthropic_anthropic_version",
            "for Anthropic",
        ),
        ({"expires_at_0": "soon", "expires_at_1": ""}, "expires_at", "Enter a valid date"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    admin: Client,
    form: dict[str, Any],
    virtual_key: VirtualKey,
    wrong: dict[str, str],
    field: str,
    words: str,
) -> None:
    answer = admin.post(ADD, form | wrong)
    said = errors(answer)
    assert words in " ".join(said[field])
    assert set(said) == {field}
    assert SECRET not in answer.content.decode()
    assert (VirtualKey.objects.count(), Integration.objects.count()) == (1, 1)


def test_one_cannot_have_both_ways(admin: Client, form: dict[str, Any], virtual_key: VirtualKey) -> None:
    said = errors(admin.post(ADD, form | {"integration": str(virtual_key.integration_id)}))
    assert "not both" in " ".join(said["integration"])


def test_a_server_of_ones_own_needs_no_secret(admin: Client, form: dict[str, Any]) -> None:
    assert admin.post(ADD, form | {"secret": "", "custom_host": "http://10.0.0.1/v1"}).status_code == 302
    assert held(VirtualKey.objects.get()).credential.base_url == "http://10.0.0.1/v1"


def test_an_integration_of_the_same_name_is_in_nobodys_way(
    admin: Client, form: dict[str, Any], virtual_key: VirtualKey
) -> None:
    VirtualKey.objects.all().delete()
    assert admin.post(ADD, form | {"slug": "openai"}).status_code == 302
    assert VirtualKey.objects.get().slug == "openai"
    assert Integration.objects.count() == 2


def test_every_setting_of_the_catalogue_is_asked_for_under_its_provider(admin: Client) -> None:
    shown = admin.get(ADD).content.decode()
    for provider in PROVIDERS.values():
        for setting in provider.settings:
            assert f'name="setting_{provider.slug}_{setting.name}"' in shown
            assert f'data-provider="{provider.slug}"' in shown
    assert "keys/provider_settings.js" in shown


def test_who_may_not_add_integrations_chooses_one(virtual_key: VirtualKey, form: dict[str, Any]) -> None:
    user = User.objects.create(username="some", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="add_virtualkey"))
    client = Client()
    client.force_login(user)
    assert 'name="secret"' not in client.get(ADD).content.decode()
    assert "integration" in errors(client.post(ADD, form))
    assert Integration.objects.count() == 1


NEEDY = Provider("needy", "Needy", "https://{region}.x", {}, settings=(Setting("region", required=True),))


def settings_of_needy(**given: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    form = type("Form", (SettingForm,), dict(setting_fields([NEEDY])))(given)
    assert form.is_valid()
    return form.given_settings("needy"), form.errors


def test_a_setting_the_provider_needs_is_asked_for() -> None:
    assert settings_of_needy(setting_needy_region="eu") == ({"region": "eu"}, {})
    assert settings_of_needy() == ({}, {"setting_needy_region": ["Needy needs this."]})


@pytest.fixture
def change(virtual_key: VirtualKey) -> str:
    return reverse("admin:keys_integration_change", args=[virtual_key.integration_id])


def integration_form(**changed: str) -> dict[str, str]:
    return {"name": "OpenAI", "slug": "openai", "active": "on"} | changed


def test_a_secret_is_replaced_and_the_slug_stays(admin: Client, change: str, virtual_key: VirtualKey) -> None:
    Integration.objects.update(workspace=virtual_key.workspace_id)
    form = integration_form(workspace=str(virtual_key.workspace_id), secret=NEXT, grace="24h")
    assert admin.post(change, form).status_code == 302
    found = held(virtual_key)
    assert (found.slug, found.credential.secret) == ("openai", NEXT)
    assert found.previous is not None
    assert found.previous.secret == SECRET
    assert found.previous_until is not None
    assert 23 < (found.previous_until - timezone.now()).total_seconds() / 3600 <= 24
    shown = admin.get(change).content.decode()
    assert "The one before is tried until" in shown
    assert SECRET not in shown
    assert NEXT not in shown


def test_without_grace_the_one_before_ends_at_once(
    admin: Client, change: str, virtual_key: VirtualKey
) -> None:
    form = integration_form(workspace=str(virtual_key.workspace_id), secret=NEXT)
    assert admin.post(change, form).status_code == 302
    assert held(virtual_key).previous is None


def test_the_secret_before_goes_to_no_other_host(admin: Client, change: str, virtual_key: VirtualKey) -> None:
    moved = integration_form(workspace=str(virtual_key.workspace_id), custom_host="http://10.0.0.1/v1")
    said = errors(admin.post(change, moved | {"secret": NEXT, "grace": "1h"}))
    assert "not sent to another host" in " ".join(said["grace"])
    stayed = moved | {"secret": NEXT, "grace": "1h", "custom_host": ""}
    assert admin.post(change, stayed).status_code == 302
    assert held(virtual_key).previous is not None
    assert admin.post(change, moved).status_code == 302
    assert held(virtual_key).previous is None
    assert Integration.objects.get().sealed_previous_secret == ""


def test_an_integrations_settings_are_fields_of_its_provider_alone(
    admin: Client, change: str, virtual_key: VirtualKey
) -> None:
    form = integration_form(workspace=str(virtual_key.workspace_id), setting_openai_openai_project="proj_2")
    assert admin.post(change, form).status_code == 302
    assert held(virtual_key).credential.settings == {"openai_project": "proj_2"}
    shown = admin.get(change).content.decode()
    assert "proj_2" in shown
    assert "setting_anthropic" not in shown


def test_the_provider_of_a_stored_secret_stays(admin: Client, change: str, virtual_key: VirtualKey) -> None:
    form = integration_form(workspace=str(virtual_key.workspace_id), provider="anthropic")
    assert admin.post(change, form).status_code == 302
    assert Integration.objects.get().provider == "openai"
