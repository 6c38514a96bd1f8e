"""A workspace finds its own virtual keys and nobody else's; what it finds shows no secret."""

import dataclasses
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from keys import crypto, directory, virtual_keys
from keys.changes import change_all, changing
from keys.creation import create_virtual_key
from keys.errors import DirectoryAway
from keys.models import Integration, VirtualKey, Workspace

SECRET = "sk-a-secret-of-the-tests"


def find(key: VirtualKey) -> virtual_keys.HeldKey | None:
    return virtual_keys.find(str(key.workspace_id), key.slug)


def held(key: VirtualKey) -> virtual_keys.HeldKey:
    found = find(key)
    assert found is not None
    return found


def test_a_slug_is_found_with_its_credential(virtual_key: VirtualKey) -> None:
    found = held(virtual_key)
    assert (found.id, found.slug, found.provider) == (str(virtual_key.pk), "openai", "openai")
    assert found.credential.secret == SECRET
    assert found.passthrough


def test_a_known_slug_costs_no_question(
    virtual_key: VirtualKey, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        find(virtual_key)
    with django_assert_num_queries(0):
        find(virtual_key)


@pytest.mark.parametrize("slug", ["", "a/b", "a b", "a\x00b", "ä", "x" * 256, "@openai"])
def test_what_is_no_slug_never_reaches_the_database(slug: str) -> None:
    assert virtual_keys.find("7d0cf4f8-5b5c-4b62-9d1f-1a8a6f2e9f5e", slug) is None


def test_without_a_workspace_nothing_is_found(virtual_key: VirtualKey) -> None:
    assert virtual_keys.find("", virtual_key.slug) is None


def test_no_workspace_finds_what_is_anothers(workspace: Workspace) -> None:
    other = Workspace.objects.create(name="Other", slug="other")
    owners = {"default": workspace, "other": other}
    for name, owner in owners.items():
        create_virtual_key(owner, "Own", provider="openai", slug=f"own-{name}", secret=f"sk-{name}-secret")
        create_virtual_key(owner, "Same", provider="openai", slug="same", secret=f"sk-{name}-same")
    for name, owner in owners.items():
        found = virtual_keys.find(str(owner.pk), "same")
        assert found is not None
        assert (found.workspace_id, found.credential.secret) == (str(owner.pk), f"sk-{name}-same")
        for another in owners:
            assert (virtual_keys.find(str(owner.pk), f"own-{another}") is not None) == (another == name)


def test_a_row_that_borrows_anothers_integration_is_not_usable(virtual_key: VirtualKey) -> None:
    other = Workspace.objects.create(name="Other", slug="other")
    borrowed = VirtualKey(workspace=other, name="x", slug="borrowed", integration=virtual_key.integration)
    with pytest.raises(ValidationError, match="another workspace"):
        borrowed.full_clean()
    borrowed.save()
    assert find(borrowed) is None


def test_an_integration_of_the_organisation_serves_every_workspace(virtual_key: VirtualKey) -> None:
    change_all(Integration.objects.all(), workspace=None)
    other = Workspace.objects.create(name="Other", slug="other")
    theirs = VirtualKey(workspace=other, name="x", slug="theirs", integration=virtual_key.integration)
    theirs.integration.refresh_from_db()
    theirs.full_clean()
    theirs.save()
    assert held(theirs).credential.secret == SECRET


def test_an_integration_does_not_leave_its_users_behind(virtual_key: VirtualKey) -> None:
    integration = virtual_key.integration
    integration.workspace = Workspace.objects.create(name="Other", slug="other")
    with pytest.raises(ValidationError, match="another workspace"):
        integration.full_clean()


@pytest.mark.parametrize("model", [VirtualKey, Integration])
def test_what_is_not_active_is_unknown(
    virtual_key: VirtualKey, model: type[VirtualKey] | type[Integration]
) -> None:
    directory.watcher.look()
    held(virtual_key)
    for active in (False, True):
        change_all(model.objects.all(), active=active)
        directory.watcher.look()
        assert (find(virtual_key) is not None) == active


def test_an_expired_key_is_found_as_such(virtual_key: VirtualKey) -> None:
    change_all(VirtualKey.objects.all(), expires_at=timezone.now() - timedelta(seconds=1))
    expires_at = held(virtual_key).expires_at
    assert expires_at is not None
    assert expires_at < timezone.now()


def test_a_new_secret_is_used_and_the_one_before_is_at_hand_meanwhile(virtual_key: VirtualKey) -> None:
    directory.watcher.look()
    held(virtual_key)
    integration = virtual_key.integration
    with changing(integration):
        integration.hold("sk-the-next-secret", timezone.now() + timedelta(minutes=30))
        integration.save()
    directory.watcher.look()
    found = held(virtual_key)
    assert found.credential.secret == "sk-the-next-secret"
    assert found.previous is not None
    assert found.previous.secret == SECRET
    assert found.previous_until == integration.previous_until
    assert SECRET not in repr(found)
    assert crypto.unseal(integration.sealed_previous_secret) == SECRET


def test_when_its_grace_is_over_the_one_before_is_not_unsealed(virtual_key: VirtualKey) -> None:
    virtual_key.integration.hold("sk-the-next-secret", timezone.now() - timedelta(seconds=1))
    virtual_key.integration.save()
    found = held(virtual_key)
    assert found.previous is None
    assert SECRET not in str(dataclasses.asdict(found))


UNSENDABLE = ["sk-two\nlines", "sk-bücher", "sk-鍵", "sk-\x00", "sk-\x7f", "sk-\ttab", " sk-1", "sk-1 ", " "]


@pytest.mark.parametrize("secret", UNSENDABLE)
def test_a_secret_that_no_header_can_carry_is_refused_wherever_it_comes_in(
    secret: str, workspace: Workspace, virtual_key: VirtualKey
) -> None:
    for host in ("", "http://10.0.0.1/v1"):
        with pytest.raises(ValidationError, match="printable ASCII") as caught:
            create_virtual_key(workspace, "x", provider="openai", secret=secret, custom_host=host)
        assert secret.strip() == "" or secret not in str(caught.value)
    with pytest.raises(ValidationError, match="printable ASCII"):
        virtual_key.integration.hold(secret, timezone.now() + timedelta(hours=1))
    assert virtual_key.integration.credential().secret == SECRET
    assert VirtualKey.objects.count() == 1


def test_a_server_of_ones_own_may_ask_for_no_secret(workspace: Workspace) -> None:
    key = create_virtual_key(
        workspace, "Local", provider="openai", secret="", custom_host="http://10.0.0.1/v1"
    )
    assert held(key).credential.secret == ""
    assert key.integration.hint == "none"


def test_the_providers_own_host_needs_a_secret(workspace: Workspace) -> None:
    with pytest.raises(ValidationError, match="needs the provider's key"):
        create_virtual_key(workspace, "x", provider="openai", secret="")
    assert Integration.objects.count() == 0


def test_the_sandbox_is_wherever_it_is_served_now(virtual_key: VirtualKey, settings: Settings) -> None:
    change_all(Integration.objects.all(), custom_host="sandbox://openai/v1")
    settings.SANDBOX_URL = "http://127.0.0.1:9/sandbox/"
    assert held(virtual_key).credential.base_url == "http://127.0.0.1:9/sandbox/openai/v1"


def test_a_secret_that_cannot_be_unsealed_is_our_trouble_not_the_callers(
    virtual_key: VirtualKey, settings: Settings
) -> None:
    settings.CREDENTIAL_KEYS = ["A" * 43 + "="]
    with pytest.raises(DirectoryAway):
        find(virtual_key)


def test_nothing_that_is_held_shows_its_secret(virtual_key: VirtualKey) -> None:
    integration = virtual_key.integration
    integration.hold("sk-the-next-secret", timezone.now() + timedelta(hours=1))
    integration.save()
    found = held(virtual_key)
    shown = f"{found!r} {found} {integration!r} {integration} {integration.__dict__} {virtual_key.__dict__}"
    assert SECRET not in shown
    assert "sk-the-next-secret" not in shown
    assert integration.hint == "sk*****ret"


def test_both_rows_are_made_or_neither(workspace: Workspace, virtual_key: VirtualKey) -> None:
    before = Integration.objects.count(), VirtualKey.objects.count()
    VirtualKey.objects.update(slug="taken")
    with pytest.raises(ValidationError):
        create_virtual_key(workspace, "x", provider="openai", slug="taken", secret="sk-123")
    assert (Integration.objects.count(), VirtualKey.objects.count()) == before


def test_a_slug_is_made_of_the_name(workspace: Workspace) -> None:
    key = create_virtual_key(workspace, "Open AI key", provider="openai", secret="sk-123")
    start, _, end = key.slug.rpartition("-")
    assert start == "open-ai-key"
    assert len(end) == 6
    assert int(end, 16) >= 0
    assert key.integration.slug == key.slug


def test_a_name_without_letters_still_makes_a_slug(workspace: Workspace) -> None:
    assert create_virtual_key(workspace, "鍵", provider="openai", secret="sk-1").slug.startswith("key-")


def test_a_slug_is_unique_in_its_workspace_also_to_the_database(virtual_key: VirtualKey) -> None:
    twin = VirtualKey(
        workspace=virtual_key.workspace, name="x", slug="openai", integration=virtual_key.integration
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


def test_integrations_of_the_organisation_have_slugs_of_their_own(db: None) -> None:
    Integration.objects.create(name="a", slug="a", provider="openai", sealed_secret="", key_id="")
    with pytest.raises(IntegrityError), transaction.atomic():
        Integration.objects.create(name="b", slug="a", provider="openai", sealed_secret="", key_id="")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"provider": "nobody"}, "no provider nobody"),
        ({"settings": {"openai_organisation": "x"}}, "no setting openai_organisation"),
        ({"settings": {"openai_project": 1}}, "object of texts"),
        ({"custom_host": "http://169.254.169.254/v1"}, "metadata"),
        ({"slug": "a/b"}, "Letters, digits"),
    ],
)
def test_what_an_integration_cannot_be_is_said(
    workspace: Workspace, fields: dict[str, object], message: str
) -> None:
    given = {"provider": "openai", "secret": "sk-123"} | fields
    with pytest.raises(ValidationError, match=message):
        create_virtual_key(workspace, "x", **given)  # type: ignore[arg-type]


def test_a_setting_of_the_provider_is_kept(workspace: Workspace) -> None:
    key = create_virtual_key(
        workspace, "x", provider="openai", secret="sk-1", settings={"openai_project": "proj_1"}
    )
    assert held(key).credential.settings == {"openai_project": "proj_1"}


def test_resealing_keeps_both_secrets(virtual_key: VirtualKey, settings: Settings) -> None:
    integration = virtual_key.integration
    integration.hold("sk-the-next-secret", timezone.now() + timedelta(hours=1))
    old, new = settings.CREDENTIAL_KEYS[0], "A" * 43 + "="
    settings.CREDENTIAL_KEYS = [new, old]
    integration.reseal()
    settings.CREDENTIAL_KEYS = [new]
    assert integration.credential().secret == "sk-the-next-secret"
    assert crypto.unseal(integration.sealed_previous_secret) == SECRET
    assert integration.key_id == crypto.key_id()
