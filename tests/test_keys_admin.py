"""The admin of keys: it works, it raises the generation whatever is done in it, and it shows no secret."""

import re
from typing import Any

import pytest
from django.contrib.admin import AdminSite, site
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from keys import callers, directory, tokens, virtual_keys
from keys.admin_changes import ChangingAdmin, ReadOnlyAdmin
from keys.models import ApiKey, Change, Installation, Integration, VirtualKey, Workspace
from keys.models.base import Row, Visible

SECRET = "sk-a-secret-of-the-tests"
MODELS = [model for model in site._registry if model._meta.app_label == "keys"]
CHANGING = [model for model in MODELS if isinstance(site._registry[model], ChangingAdmin)]
ACTIONS = [
    (model, name)
    for model in CHANGING
    for name in ("delete_selected", *(action.__name__ for action in site._registry[model].actions))
]


@pytest.fixture
def admin_client(db: None) -> Client:
    """Logged in without a password: to hash one would take longer than the test."""
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def rows(api_key: ApiKey, virtual_key: VirtualKey) -> dict[type[Model], Model]:
    """One row of each kind, and a workspace nobody uses."""
    unused = Workspace.objects.create(name="Unused", slug="unused")
    alone = Integration.objects.create(
        name="Alone",
        slug="alone",
        provider="openai",
        sealed_secret=virtual_key.integration.sealed_secret,
        key_id=virtual_key.integration.key_id,
        hint=virtual_key.integration.hint,
    )
    return {
        ApiKey: api_key,
        VirtualKey: virtual_key,
        Integration: alone,
        Workspace: unused,
        Installation: Installation.objects.current(),
        Change: Change.objects.all()[0],
    }


def page(model: type[Model], name: str, *arguments: object) -> str:
    return reverse(f"admin:keys_{model._meta.model_name}_{name}", args=arguments)


def generation() -> int:
    return Installation.objects.current().generation


def filled(client: Client, url: str, **fields: Any) -> dict[str, Any]:
    """What a browser would send: the form as it stands, with these fields changed."""
    form = client.get(url).context["adminform"].form
    sent: dict[str, Any] = {}
    for name, field in form.fields.items():
        value = form.get_initial_for_field(field, name)
        value = field.prepare_value(value) if hasattr(field, "prepare_value") else value
        if value is None or value is False:
            continue
        if hasattr(field.widget, "widgets"):
            parts = field.widget.decompress(value)
            sent |= {f"{name}_{place}": part for place, part in enumerate(parts) if part is not None}
        else:
            sent[name] = value
    return sent | fields


def test_every_model_is_in_the_admin() -> None:
    from django.apps import apps

    assert set(MODELS) == set(apps.get_app_config("keys").get_models())


def test_every_model_the_directory_keeps_is_changed_through_changing() -> None:
    assert {model for model in MODELS if issubclass(model, Row)} == set(CHANGING)
    assert {shelf.kind.name for shelf in directory.shelves} >= {"api_key", "virtual_key"}


@pytest.mark.parametrize("model", MODELS)
def test_every_page_opens_and_shows_no_secret(
    model: type[Model], admin_client: Client, rows: dict[type[Model], Model], token: str
) -> None:
    row = rows[model]
    pages = [page(model, "changelist"), page(model, "change", row.pk), page(model, "history", row.pk)]
    if not isinstance(site._registry[model], ReadOnlyAdmin):
        pages += [page(model, "add"), page(model, "delete", row.pk)]
    integration, key = Integration.objects.all()[0], ApiKey.objects.all()[0]
    hidden = [SECRET, integration.sealed_secret, key.digest, token, Installation.objects.current().canary]
    for url in pages:
        answer = admin_client.get(url)
        assert answer.status_code == 200
        assert not [each for each in hidden if each in answer.content.decode()]


@pytest.mark.parametrize("model", CHANGING)
def test_saving_a_form_raises_the_generation(
    model: type[Model], admin_client: Client, rows: dict[type[Model], Model]
) -> None:
    directory.watcher.look()
    before, url = generation(), page(model, "change", rows[model].pk)
    assert admin_client.post(url, filled(admin_client, url, name="Renamed")).status_code == 302
    rows[model].refresh_from_db()
    assert getattr(rows[model], "name") == "Renamed"  # noqa: B009 - Model has no name
    assert generation() > before
    assert Change.objects.filter(object_id=str(rows[model].pk), generation__gt=before).exists()


@pytest.mark.parametrize("model", CHANGING)
def test_deleting_raises_the_generation(
    model: type[Model], admin_client: Client, rows: dict[type[Model], Model]
) -> None:
    before, pk = generation(), rows[model].pk
    assert admin_client.post(page(model, "delete", pk), {"post": "yes"}).status_code == 302
    assert not model._default_manager.filter(pk=pk).exists()
    assert Change.objects.filter(object_id=str(pk), generation__gt=before).exists()


@pytest.mark.parametrize(("model", "action"), ACTIONS)
def test_every_bulk_action_raises_the_generation(
    model: type[Model], action: str, admin_client: Client, rows: dict[type[Model], Model]
) -> None:
    before, pk = generation(), str(rows[model].pk)
    chosen = {"action": action, "_selected_action": [pk], "post": "yes"}
    assert admin_client.post(page(model, "changelist"), chosen).status_code == 302
    assert Change.objects.filter(object_id=pk, generation__gt=before).exists()


def test_a_new_key_is_shown_once_and_works(admin_client: Client, workspace: Workspace) -> None:
    before, url = generation(), page(ApiKey, "add")
    answer = admin_client.post(url, filled(admin_client, url, name="App", workspace=str(workspace.pk)))
    assert answer.status_code == 302
    assert generation() > before
    shown = admin_client.get(answer["location"])
    token = shown.context["token"]
    assert tokens.is_token(token)
    assert callers.find(token).name == "App"
    assert token not in answer["location"]
    assert token in shown.content.decode()
    assert "no-store" in shown["cache-control"]
    assert token not in admin_client.get(answer["location"]).content.decode()


def test_a_key_that_cannot_be_shows_no_token(admin_client: Client, workspace: Workspace) -> None:
    url = page(ApiKey, "add")
    sent = filled(admin_client, url, name="App", workspace=str(workspace.pk), type="organisation-service")
    answer = admin_client.post(url, sent)
    assert answer.status_code == 200
    assert "An organisation&#x27;s key has no workspace" in answer.content.decode()
    assert not re.search(r"gh-[\w-]{43}", answer.content.decode())


def test_a_credential_and_a_virtual_key_can_be_added(admin_client: Client, workspace: Workspace) -> None:
    url = page(Integration, "add")
    sent = filled(admin_client, url, name="OpenAI", slug="open", provider="openai", secret=SECRET)
    before = generation()
    assert admin_client.post(url, sent).status_code == 302
    integration = Integration.objects.get()
    url = page(VirtualKey, "add")
    sent = filled(
        admin_client, url, name="Ours", workspace=str(workspace.pk), integration=str(integration.pk)
    )
    assert admin_client.post(url, sent).status_code == 302
    assert generation() == before + 2
    found = virtual_keys.find(str(workspace.pk), VirtualKey.objects.get().slug)
    assert found is not None
    assert found.slug.startswith("ours-")
    assert found.credential.secret == SECRET


def test_a_secret_is_written_and_never_shown(
    admin_client: Client, virtual_key: VirtualKey, workspace: Workspace
) -> None:
    url = page(Integration, "change", virtual_key.integration_id)
    assert admin_client.post(url, filled(admin_client, url, name="Renamed")).status_code == 302
    found = virtual_keys.find(str(workspace.pk), "openai")
    assert found is not None
    assert found.credential.secret == SECRET  # an empty field leaves it
    directory.clear()
    wrong = admin_client.post(
        url, filled(admin_client, url, secret="sk-a-new-secret-of-the-tests", slug="a/b")
    )
    assert wrong.status_code == 200
    assert "sk-a-new-secret" not in wrong.content.decode()
    assert admin_client.post(url, filled(admin_client, url, secret="sk-a-new-secret")).status_code == 302
    found = virtual_keys.find(str(workspace.pk), "openai")
    assert found is not None
    assert found.credential.secret == "sk-a-new-secret"
    assert "sk*****ret" in admin_client.get(url).content.decode()


def test_a_new_credential_needs_its_secret(admin_client: Client, workspace: Workspace) -> None:
    url = page(Integration, "add")
    answer = admin_client.post(
        url, filled(admin_client, url, name="x", slug="x", provider="openai", secret="")
    )
    assert "needs the provider&#x27;s key" in answer.content.decode()


@pytest.mark.parametrize("secret", ["sk-two\nlines", "sk-bücher"])
def test_a_secret_that_no_header_can_carry_is_said_in_the_form(
    secret: str, admin_client: Client, virtual_key: VirtualKey
) -> None:
    new = page(Integration, "add")
    sent = filled(admin_client, new, name="x", slug="x", provider="openai", secret=secret)
    old = page(Integration, "change", virtual_key.integration_id)
    for answer in (admin_client.post(new, sent), admin_client.post(old, {**sent, "slug": "openai"})):
        assert answer.context["adminform"].form.errors.keys() == {"secret"}
        assert "A key is printable ASCII" in answer.content.decode()
        assert secret not in answer.content.decode()
    assert Integration.objects.get().credential().secret == SECRET


def test_a_server_of_ones_own_may_ask_for_no_secret(admin_client: Client, workspace: Workspace) -> None:
    url = page(Integration, "add")
    sent = filled(admin_client, url, name="x", slug="x", provider="openai", custom_host="http://10.0.0.1/v1")
    assert admin_client.post(url, sent).status_code == 302
    integration = Integration.objects.get()
    assert (integration.credential().secret, integration.hint) == ("", "none")
    url = page(Integration, "change", integration.pk)
    assert "Now: none." in admin_client.get(url).content.decode()
    answer = admin_client.post(url, filled(admin_client, url, custom_host=""))
    assert answer.context["adminform"].form.errors.keys() == {"secret"}
    assert admin_client.post(url, filled(admin_client, url, custom_host="", secret=SECRET)).status_code == 302


def test_the_secret_has_one_row_below_the_provider(
    admin_client: Client, viewer: Client, virtual_key: VirtualKey
) -> None:
    for client in (admin_client, viewer):
        shown = client.get(page(Integration, "change", virtual_key.integration_id))
        fields = [field.field for rows in shown.context["adminform"] for line in rows for field in line]
        names = [field["name"] if isinstance(field, dict) else field.name for field in fields]
        assert names[:2] == ["provider_name", "secret"]
        assert [name for name in names if name in ("secret", "hint")] == ["secret"]
        assert "sk*****sts" in shown.content.decode()


def test_a_keys_end_is_no_date_to_be_typed_in(admin_client: Client, api_key: ApiKey) -> None:
    url = page(ApiKey, "change", api_key.pk)
    sent = filled(admin_client, url, revoked_at_0="2020-01-01", revoked_at_1="00:00")
    assert admin_client.post(url, sent).status_code == 302
    api_key.refresh_from_db()
    assert api_key.revoked_at is None


@pytest.mark.django_db(databases=["default", "logs"])  # the first page tells of the last calls
def test_the_gateways_own_bookkeeping_is_not_in_the_menu(
    admin_client: Client, rows: dict[type[Model], Model]
) -> None:
    shown = admin_client.get("/admin/").content.decode()
    listed = {model for model in MODELS if page(model, "changelist") in shown}
    assert listed == set(CHANGING)


def test_a_revoked_key_is_refused(admin_client: Client, api_key: ApiKey) -> None:
    admin_client.post(page(ApiKey, "changelist"), {"action": "revoke", "_selected_action": [str(api_key.pk)]})
    api_key.refresh_from_db()
    assert api_key.status == "revoked"


def test_what_a_key_is_for_stays(admin_client: Client, api_key: ApiKey) -> None:
    other = Workspace.objects.create(name="Other", slug="other")
    url = page(ApiKey, "change", api_key.pk)
    admin_client.post(url, filled(admin_client, url, workspace=str(other.pk), type="organisation-service"))
    api_key.refresh_from_db()
    assert (api_key.workspace_id != other.pk, api_key.type) == (True, "workspace-service")


@pytest.fixture
def viewer(db: None) -> Client:
    """A member of staff who may look at everything and touch nothing."""
    user = User.objects.create(username="viewer", is_staff=True)
    codes = [f"view_{model._meta.model_name}" for model in MODELS]
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("model", MODELS)
def test_who_may_only_look_changes_nothing(
    model: type[Model], viewer: Client, rows: dict[type[Model], Model]
) -> None:
    before, pk = generation(), str(rows[model].pk)
    answer = viewer.get(page(model, "change", pk))
    assert answer.status_code == 200
    assert SECRET not in answer.content.decode()
    assert 'name="_save"' not in answer.content.decode()
    assert viewer.post(page(model, "change", pk), {"name": "x"}).status_code == 403
    assert viewer.get(page(model, "add")).status_code == 403
    assert viewer.post(page(model, "delete", pk), {"post": "yes"}).status_code == 403
    for action in ("delete_selected", "revoke", "activate", "deactivate"):
        viewer.post(page(model, "changelist"), {"action": action, "_selected_action": [pk], "post": "yes"})
    assert generation() == before
    assert model._default_manager.filter(pk=pk).exists()


def test_the_admin_is_for_staff(client: Client, db: None) -> None:
    client.force_login(User.objects.create(username="nobody"))
    assert client.get(page(ApiKey, "changelist")).status_code == 302


def test_rows_of_an_inline_are_told_too(workspace: Workspace, api_key: ApiKey) -> None:
    """Other apps' admins have rows within rows; those made, changed and deleted are all changes."""
    doomed = Workspace.objects.create(name="Doomed", slug="doomed")

    class Formset:
        forms: list[object] = []
        deleted_forms = [type("Form", (), {"instance": doomed})]
        new_objects: list[Model] = []
        changed_objects = [(api_key, ["name"])]

        def save(self) -> None:
            doomed.delete()
            self.new_objects = [Workspace.objects.create(name="New", slug="new")]

    pk, before, formset = str(doomed.pk), generation(), Formset()
    ChangingAdmin(Workspace, AdminSite()).save_formset(None, None, formset, True)  # type: ignore[arg-type]
    left = set(Change.objects.filter(generation__gt=before).values_list("object_id", flat=True))
    assert left == {pk, str(api_key.pk), str(formset.new_objects[0].pk)}


@pytest.mark.parametrize("model", MODELS)
def test_the_admin_shows_what_is_visible_to_its_user_and_no_more(
    model: type[Model],
    admin_client: Client,
    rows: dict[type[Model], Model],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Visible, "visible_to", lambda self, user: self.none())
    assert admin_client.get(page(model, "changelist")).context["cl"].result_count == 0
    assert admin_client.get(page(model, "change", rows[model].pk)).status_code == 302


@pytest.mark.parametrize(
    ("model", "field"), [(ApiKey, "workspace"), (VirtualKey, "workspace"), (VirtualKey, "integration")]
)
def test_nor_can_what_is_not_visible_be_chosen(
    model: type[Model], field: str, admin_client: Client, rows: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Visible, "visible_to", lambda self, user: self.none())
    form = admin_client.get(page(model, "add")).context["adminform"].form
    assert not form.fields[field].queryset.exists()
