"""What the rows of keys/ allow, and what they refuse."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from keys import scopes, tokens
from keys.creation import create_api_key
from keys.models import ApiKey, Change, Installation, Integration, VirtualKey, Workspace

ALL = [ApiKey, Change, Installation, Integration, VirtualKey, Workspace]


def key(**fields: object) -> ApiKey:
    made = ApiKey(**({"name": "x"} | fields))
    made.assign_token()
    return made


def test_an_organisations_key_has_no_workspace_and_every_other_has_one(workspace: Workspace) -> None:
    key(type="organisation-service").save()
    key(workspace=workspace).save()
    for wrong in (key(), key(type="organisation-service", workspace=workspace)):
        with pytest.raises(ValidationError, match="no workspace"):
            wrong.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            wrong.save()


def test_a_users_key_has_a_user(workspace: Workspace) -> None:
    user = User.objects.create(username="ada")
    key(type="workspace-user", workspace=workspace, user=user).save()
    with pytest.raises(IntegrityError), transaction.atomic():
        key(type="workspace-user", workspace=workspace).save()


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": ["completions.read"]},
        {"scopes": "completions.write"},
        {"scopes": [1]},
        {"default_metadata": {"a": 1}},
        {"default_metadata": ["a"]},
    ],
)
def test_what_a_key_cannot_hold_is_said(workspace: Workspace, fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        key(workspace=workspace, **fields).full_clean()
    assert set(caught.value.message_dict) == set(fields)


def test_a_key_is_kept_as_its_digest_only(issued: tuple[ApiKey, str]) -> None:
    made, token = issued
    made.refresh_from_db()
    assert tokens.is_token(token)
    assert made.digest == tokens.digest(token)
    assert made.hint == f"gh*****{token[-3:]}"
    assert token[3:-3] not in str(made.__dict__)


def test_no_two_tokens_are_alike() -> None:
    assert len({tokens.new() for _ in range(1000)}) == 1000


def test_a_short_secret_is_not_half_given_away_by_its_hint() -> None:
    assert tokens.hint("short-one") == "*****"


def test_a_rotation_waits_for_the_one_before(workspace: Workspace) -> None:
    made, _ = create_api_key(workspace, "x")
    made.rotate(timezone.now() + timedelta(hours=1))
    with pytest.raises(ValidationError, match="being rotated"):
        made.rotate(timezone.now() + timedelta(hours=2))


def test_a_key_knows_how_it_stands() -> None:
    past, future = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)
    assert ApiKey(expires_at=future).status == VirtualKey(expires_at=future).status == "active"
    assert ApiKey(expires_at=past).status == VirtualKey(expires_at=past).status == "expired"
    assert ApiKey(revoked_at=past, expires_at=past).status == "revoked"
    assert VirtualKey(active=False).status == "inactive"


def test_the_usual_scopes_are_scopes() -> None:
    assert set(scopes.DEFAULT) <= scopes.SCOPES
    assert scopes.DATA_PLANE <= scopes.SCOPES


def test_a_workspace_that_is_used_cannot_go(workspace: Workspace, api_key: ApiKey) -> None:
    with pytest.raises(models.ProtectedError):
        workspace.delete()


def test_there_cannot_be_two_installations(db: None) -> None:
    Installation.objects.current()
    with pytest.raises(IntegrityError), transaction.atomic():
        Installation.objects.create(canary="")
    with pytest.raises(IntegrityError), transaction.atomic():
        Installation.objects.create(canary="", only=2)


@pytest.mark.parametrize("model", ALL)
def test_only_staff_see_rows_in_the_admin(model: type[models.Model], virtual_key: VirtualKey) -> None:
    rows = model._default_manager.all()
    staff, other = User(is_staff=True), User(is_staff=False)
    assert list(rows.visible_to(staff)) == list(rows)  # type: ignore[attr-defined]
    for user in (other, AnonymousUser(), User(is_staff=True, is_active=False)):
        assert not rows.visible_to(user).exists()  # type: ignore[attr-defined]


def test_what_belongs_to_a_workspace_is_found_within_it(virtual_key: VirtualKey, api_key: ApiKey) -> None:
    other = Workspace.objects.create(name="Other", slug="other")
    for rows in (VirtualKey.objects, ApiKey.objects, Integration.objects):
        assert rows.within(virtual_key.workspace_id).count() == 1
        assert rows.within(other.pk).count() == 0
