"""The groups an installation begins with: auditors see all that happened, key managers keep keys, no more."""

import importlib
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone

from audit.models import AuditEvent
from keys.changes import changing
from keys.models import Workspace
from tests.call_rows import made

first_groups = importlib.import_module("gateway_site.migrations.0003_first_groups")
config_managers = importlib.import_module("gateway_site.migrations.0004_config_managers")

pytestmark = pytest.mark.django_db(databases=["default", "logs"])


@pytest.fixture(autouse=True)
def as_made() -> None:
    """As the migration left them, whatever other tests did with the tables."""
    Group.objects.filter(name__in=[*first_groups.GROUPS, config_managers.NAME]).delete()
    make()


def make() -> None:
    for migration in (first_groups, config_managers):
        migration.make(apps, SimpleNamespace(connection=connection))


def member(group: str) -> Client:
    user = User.objects.create(username="member", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def granted(group: str) -> set[str]:
    found = Permission.objects.filter(group__name=group).select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}" for each in found}


def test_auditors_are_given_views_and_nothing_else() -> None:
    assert granted("Auditors") == {
        "audit.view_auditevent",
        "configs.view_config",
        "logs.view_requestlog",
        "prices.view_priceoverride",
    }


def test_key_managers_are_given_keys_and_delete_none() -> None:
    rows = ("apikey", "integration", "virtualkey")
    wanted = {f"keys.{verb}_{row}" for verb in ("add", "change", "view") for row in rows}
    assert granted("Key managers") == wanted | {"keys.view_workspace", "configs.view_config"}


def test_config_managers_are_given_configs_and_see_what_these_name() -> None:
    rows = ("configs.%s_config", "cache.%s_semanticcache")
    wanted = {row % verb for verb in ("add", "change", "view") for row in rows}
    assert granted("Config managers") == wanted | {"keys.view_workspace", "keys.view_virtualkey"}


def test_the_permissions_are_those_that_django_makes() -> None:
    for (app, model), word in (first_groups.WORDS | config_managers.WORDS).items():
        assert apps.get_model(app, model)._meta.verbose_name == word
        assert ContentType.objects.filter(app_label=app, model=model).count() == 1
    assert Permission.objects.filter(name="Can view event").count() == 1


def test_a_group_that_is_there_stays_as_it_is() -> None:
    group = Group.objects.get(name="Auditors")
    group.permissions.clear()
    make()
    assert granted("Auditors") == set()


@pytest.fixture
def event(workspace: Workspace) -> AuditEvent:
    with changing(workspace):
        workspace.name = "Ours"
        workspace.save()
    return AuditEvent.objects.order_by("-id")[0]


def test_an_auditor_sees_the_log_the_audit_and_the_prices(event: AuditEvent) -> None:
    auditor = member("Auditors")
    (log,) = made(1, timezone.now())
    for page, shown in (
        ("/admin/logs/requestlog/", None),
        (f"/admin/logs/requestlog/{log.pk}/change/", None),
        ("/admin/audit/auditevent/", "Ours"),
        (f"/admin/audit/auditevent/{event.pk}/change/", "Ours"),
        ("/admin/prices/priceoverride/", None),
    ):
        answer = auditor.get(page)
        assert answer.status_code == 200, page
        assert shown is None or shown in answer.content.decode()


@pytest.mark.parametrize("group", first_groups.GROUPS)
def test_a_member_of_neither_adds_or_deletes_what_the_group_does_not_name(
    group: str, workspace: Workspace, event: AuditEvent
) -> None:
    client, allowed = member(group), granted(group)
    for model, options in admin.site._registry.items():
        app, name = model._meta.app_label, model._meta.model_name
        if f"{app}.add_{name}" not in allowed:
            assert client.post(f"/admin/{app}/{name}/add/", {}).status_code == 403, model
        assert not options.has_delete_permission(answering(client, f"/admin/{app}/{name}/")), model


def answering(client: Client, path: str) -> HttpRequest:
    """The request of this client for a page, as its view gets it."""
    request = RequestFactory().get(path)
    request.user = User.objects.get(pk=client.session["_auth_user_id"])
    return request


@pytest.mark.parametrize("group", first_groups.GROUPS)
def test_a_member_of_neither_changes_a_workspace_a_user_or_what_is_on_record(
    group: str, workspace: Workspace, event: AuditEvent
) -> None:
    client = member(group)
    (log,) = made(1, timezone.now())
    user = User.objects.get(username="member")
    for row in (workspace, event, log, user):
        page = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        assert (
            client.post(page, {"name": "Theirs", "username": "root", "is_superuser": "on"}).status_code == 403
        )
    workspace.refresh_from_db()
    user.refresh_from_db()
    assert (workspace.name, user.is_superuser) == ("Ours", False)
