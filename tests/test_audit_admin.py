"""The audit log in the admin: what is done there is in it, and its pages only show, quickly and as text."""

import ast
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.admin import moment
from audit.models import FREQUENT, AuditEvent
from keys.models import ApiKey, Integration, VirtualKey, Workspace
from tests.test_keys_admin import filled, page

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

ROOT = Path(__file__).resolve().parent.parent
LIST = "/admin/audit/auditevent/"
NASTY = "<script>alert(1)</script><img src=https://elsewhere.example/x.png>"
SECRET, OTHER = "sk-a-secret-of-the-tests", "sk-another-secret-of-tests-too"
KINDS = {ApiKey: "api_key", VirtualKey: "virtual_key", Integration: "integration", Workspace: "workspace"}


@pytest.fixture
def client(db: None) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def rows(client: Client, api_key: ApiKey, virtual_key: VirtualKey) -> dict[type[Model], Model]:
    return {
        ApiKey: api_key,
        VirtualKey: virtual_key,
        Integration: virtual_key.integration,
        Workspace: Workspace.objects.create(name="Unused", slug="unused"),
    }


def event(**fields: Any) -> AuditEvent:
    usual = {
        "actor_kind": "user",
        "actor": "ada",
        "action": "update",
        "object_kind": "api_key",
        "object": "App",
    }
    return AuditEvent.objects.create(**usual | fields)


def place(event: AuditEvent) -> str:
    return f"{LIST}{event.pk}/change/"


def since(seen: int) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(id__gt=seen).order_by("id"))


def newest() -> int:
    return int(AuditEvent.objects.values_list("id", flat=True)[0])


# What is done in the admin of keys.


@pytest.mark.parametrize("model", KINDS, ids=KINDS.values())
def test_a_form_that_is_saved_is_one_event(
    model: type[Model], client: Client, rows: dict[type[Model], Model]
) -> None:
    seen, url = newest(), page(model, "change", rows[model].pk)
    before = getattr(rows[model], "name")  # noqa: B009 - Model has no name
    assert client.post(url, filled(client, url, name="Renamed")).status_code == 302
    (told,) = since(seen)
    assert (told.actor_kind, told.actor, told.address) == ("user", "root", "192.0.2.9")
    assert (told.action, told.object_kind, told.object_id) == ("update", KINDS[model], str(rows[model].pk))
    assert told.changes == {"name": [before, "Renamed"]}


def test_what_belongs_to_a_row_is_told_with_it(client: Client, rows: dict[type[Model], Model]) -> None:
    """Here the workspaces an integration is lent to, which are saved after it."""
    seen, url, other = newest(), page(Integration, "change", rows[Integration].pk), rows[Workspace]
    sent = filled(client, url, name="Renamed", lent_to=[str(other.pk)])
    assert client.post(url, sent).status_code == 302
    (told,) = since(seen)
    assert told.changes == {"name": ["OpenAI", "Renamed"], "lent_to": [None, [f"Unused ({other.pk})"]]}


def test_a_bulk_action_is_one_event_for_each_row(client: Client, rows: dict[type[Model], Model]) -> None:
    seen, pk = newest(), str(rows[ApiKey].pk)
    client.post(page(ApiKey, "changelist"), {"action": "revoke", "_selected_action": [pk]})
    (told,) = since(seen)
    assert (told.action, told.object_id, list(told.changes)) == ("update", pk, ["revoked_at"])
    seen, pk = newest(), str(rows[VirtualKey].pk)
    client.post(page(VirtualKey, "changelist"), {"action": "deactivate", "_selected_action": [pk]})
    (told,) = since(seen)
    assert (told.object_id, told.changes) == (pk, {"active": [True, False]})


def test_a_deletion_is_one_event(client: Client, rows: dict[type[Model], Model]) -> None:
    seen, pk = newest(), str(rows[Workspace].pk)
    assert client.post(page(Workspace, "delete", pk), {"post": "yes"}).status_code == 302
    (told,) = since(seen)
    assert (told.action, told.object, told.object_id) == ("delete", "Unused", pk)


def test_a_new_key_is_one_event_and_its_token_in_none(client: Client, workspace: Workspace) -> None:
    seen, url = newest(), page(ApiKey, "add")
    answer = client.post(url, filled(client, url, name="App", workspace=str(workspace.pk)), follow=True)
    (told,) = since(seen)
    key = ApiKey.objects.get()
    assert (told.action, told.object, told.workspace_id) == ("create", "App", workspace.pk)
    assert told.changes["secret"] == [None, key.hint]
    shown = re.search(r"gh-[\w-]{43}", answer.content.decode())
    assert shown
    assert shown[0] not in str(told.__dict__)
    assert key.digest not in str(told.__dict__)


# Its own pages.


def test_the_list_is_in_the_menu_and_shows_what_happened(client: Client) -> None:
    event(actor="grace", object="Our app")
    assert LIST in client.get("/admin/").content.decode()
    shown = client.get(LIST).content.decode()
    assert all(each in shown for each in ("grace", "Changed", "API key", "Our app"))


def test_an_events_page_tells_it_in_a_sentence_and_a_table(client: Client) -> None:
    told = event(
        changes={"name": ["Old", "New"], "scopes": [["a", "b"], ["a"]], "secret": ["sk*****x", "sk*****x"]}
    )
    shown = client.get(place(told)).content.decode()
    assert "ada changed the API key App." in shown
    assert all(f">{each}</td>" in shown for each in ("Old", "New", "a<br>b", "sk*****x (another)"))


def test_what_was_written_by_others_is_shown_as_text(client: Client) -> None:
    told = event(actor=NASTY, object=NASTY, changes={NASTY: [NASTY, {"x": NASTY}]})
    for url in (LIST, place(told)):
        shown = client.get(url).content.decode()
        assert "elsewhere.example/x.png&gt;" in shown
        assert "<script>alert" not in shown
        assert "<img src=https" not in shown


def test_nothing_can_be_added_changed_or_deleted(client: Client) -> None:
    told = event()
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(place(told), {"object": "x"}).status_code == 403
    assert client.post(f"{LIST}{told.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": str(told.pk), "post": "yes"})
    told.refresh_from_db()
    assert told.object == "App"


def test_it_is_for_staff_who_were_given_sight_of_it(rows: object) -> None:
    told, client = event(), Client()
    someone = User.objects.create(username="someone", is_staff=True)
    client.force_login(someone)
    assert [client.get(url).status_code for url in (LIST, place(told))] == [403, 403]
    someone.user_permissions.add(Permission.objects.get(codename="view_auditevent"))
    assert place(told) in client.get(LIST).content.decode()
    assert client.get(place(told)).status_code == 200


def test_the_list_counts_no_further_than_its_pages(client: Client) -> None:
    event()
    with CaptureQueriesContext(connection) as asked:
        client.get(LIST, {"q": "ada"})
    counts = [query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT" in count for count in counts)
    assert "_facets" not in client.get(LIST).content.decode()


def found(client: Client, **query: str) -> set[str]:
    """The objects of the events that are listed."""
    return {row.object for row in client.get(LIST, query).context["cl"].result_list}


@pytest.mark.parametrize(
    ("term", "there"),
    [("Ap", True), ("ad", True), (" App ", True), ("object-1", True), ("pp", False), ("object", False)]
    + [(term, False) for term in ("'; --", "%", "_", "\U0010ffff")],
)
@pytest.mark.parametrize("frequent", [FREQUENT, 1])
def test_names_are_found_by_how_they_begin_and_ids_whole(
    term: str, there: bool, frequent: int, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.models.FREQUENT", frequent)
    event(object_id="object-1")
    assert ("App" in found(client, q=term)) == there


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ({}, {"new"}),
        ({"days": "all"}, {"new", "old"}),
        ({"days": "30"}, {"new", "old"}),
        ({"days": "nonsense"}, {"new"}),
        ({"actor_kind__exact": "command", "days": "all"}, {"old"}),
        ({"action__exact": "rotate", "days": "all"}, {"old"}),
        ({"object_kind": "virtual_key", "days": "all"}, {"old"}),
    ],
    ids=str,
)
def test_filters(query: dict[str, str], there: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    earlier = timezone.now() - timedelta(days=8)
    event(object="new")
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: earlier)
        event(object="old", actor_kind="command", action="rotate", object_kind="virtual_key")
    assert found(client, **query) & {"new", "old"} == there


DAY = datetime(2026, 3, 14, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "there"),
    [
        ("2026-03-14", "2026-03-14", True),
        ("2026-03-14", "", True),
        ("", " 2026-03-14 ", True),
        ("2026-03-14T12:30", "2026-03-14 12:31", True),
        ("2026-03-14 13:30+01:00", "", True),
        ("2026-03-14 12:31", "", False),
        ("", "2026-03-14 12:30", False),
        ("2026-03-15", "", False),
        ("", "2026-03-13", False),
    ],
)
def test_a_span_of_ones_own(
    since: str, until: str, there: bool, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: DAY)
        event(object="of that day")
    assert ("of that day" in found(client, since=since, until=until)) == there


@pytest.mark.parametrize(
    "wrong", ["tomorrow", "2026-02-30", "2026-13-01 10:00", "9999-12-31", "'; --", "\U0010ffff", "x" * 5000]
)
@pytest.mark.parametrize("name", ["since", "until"])
def test_what_is_no_time_is_said_in_words_and_finds_nothing(name: str, wrong: str, client: Client) -> None:
    event()
    answer = client.get(LIST, {name: wrong})
    assert answer.status_code == 200
    if wrong != "9999-12-31":  # which is one, if the last
        assert "There is no such time as" in answer.content.decode()
        assert not answer.context["cl"].result_list


def test_a_span_that_ends_before_it_begins_is_said_in_words(client: Client) -> None:
    event()
    answer = client.get(LIST, {"since": "2026-11-22", "until": "2026-11-21"})
    assert "ends before it begins" in answer.content.decode()
    assert not answer.context["cl"].result_list


def test_a_span_is_asked_beside_all_else(client: Client) -> None:
    shown = client.get(LIST, {"since": '"><i>', "action__exact": "rotate", "q": "ada", "days": "30"})
    text = shown.content.decode()
    form = text[text.index('aria-label="Span of time"') :].partition("</form>")[0]
    assert 'name="action__exact" value="rotate"' in form
    assert 'name="q" value="ada"' in form
    assert 'name="days"' not in form
    assert "&quot;&gt;&lt;i&gt;" in form
    assert "?action__exact=rotate&amp;days=365&amp;q=ada" in text


def test_every_kind_of_object_can_be_asked_for(client: Client) -> None:
    shown = client.get(LIST).content.decode()
    assert all(f"object_kind={kind}" in shown for kind in {*KINDS.values(), "user", "group", *kinds_told()})


def kinds_told() -> set[str]:
    """What our own code says that an event is about, where it writes one out."""
    packages = [path for path in ROOT.iterdir() if (path / "apps.py").exists()]
    calls = [
        node
        for package in packages
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "event"
    ]
    given = [each.value for call in calls for each in call.keywords if each.arg == "kind"]
    found = {each.value for each in given if isinstance(each, ast.Constant)}
    assert found >= {"pause", "user"}
    return found


def test_an_event_that_is_not_there_is_not_found(client: Client) -> None:
    assert client.get(f"{LIST}{10**9}/change/").status_code == 302
    assert client.get(f"{LIST}{uuid.uuid4()}/change/").status_code == 302


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("2026-12-05T01:53:12.681210+01:00", "2026-12-05 00:53:12 UTC"),
        ("2026-99-05T00:53:12+00:00", "2026-99-05T00:53:12+00:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("2026-12-05", "2026-12-05"),
    ],
)
def test_a_time_is_told_with_its_zone_and_a_name_like_one_as_it_is(kept, told):
    assert moment(kept) == told
