"""The admin with many rows: no page reads or counts them all, and no form lists all choices."""

import re
from typing import Any

import pytest
from django.contrib.admin import ShowFacets, site
from django.contrib.auth.models import User
from django.db import connection, connections, router
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import lists
from keys import crypto
from keys.models import ApiKey, Integration, VirtualKey, Workspace

MANY = 400
TABLES = "keys_apikey|keys_virtualkey|keys_integration|keys_workspace"
KINDS = {"apikey": ApiKey, "virtualkey": VirtualKey, "integration": Integration, "workspace": Workspace}


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def many(db: None) -> None:
    """As many rows of each kind; each workspace has one of each."""
    numbers = [f"{number:05}" for number in range(MANY)]
    spaces = Workspace.objects.bulk_create([Workspace(name=f"Space {n}", slug=f"space-{n}") for n in numbers])
    sealed = {"provider": "openai", "sealed_secret": crypto.seal("sk-x"), "key_id": crypto.key_id()}
    pairs = list(zip(numbers, spaces, strict=True))
    lent = Integration.objects.bulk_create(
        [Integration(name=f"Lent {n}", slug=f"lent-{n}", workspace=space, **sealed) for n, space in pairs]
    )
    VirtualKey.objects.bulk_create(
        [
            VirtualKey(name=f"Key {n}", slug=f"key-{n}", workspace=space, integration=integration)
            for (n, space), integration in zip(pairs, lent, strict=True)
        ]
    )
    ApiKey.objects.bulk_create(
        [ApiKey(name=f"App {n}", workspace=space, digest=n, hint=f"gh*****{n[-3:]}") for n, space in pairs]
    )


def read_whole(client: Client, url: str) -> tuple[Any, list[str]]:
    """The page, and the statements behind it that go through a table and are not ended by a limit."""
    with CaptureQueriesContext(
        connection,
    ) as asked:
        answer = client.get(url)
    assert answer.status_code == 200
    return answer, [query["sql"] for query in asked if not limited(query["sql"])]


def limited(sql: str) -> bool:
    if not sql.startswith("SELECT") or " LIMIT " in sql:
        return True
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"), [])
        steps = [row[3] for row in cursor.fetchall()]
    return not any(re.match(rf"SCAN ({TABLES})\b", step) for step in steps)


@pytest.mark.django_db(databases=["default", "logs"])
@pytest.mark.parametrize("model", site._registry, ids=lambda model: model._meta.label)
def test_no_list_of_the_admin_counts_its_table(model: type[Model], admin: Client) -> None:
    rows = site._registry[model]
    assert isinstance(rows, lists.ListAdmin)
    assert (rows.show_full_result_count, rows.show_facets) == (False, ShowFacets.NEVER)
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    with CaptureQueriesContext(connections[router.db_for_read(model)]) as asked:
        assert admin.get(url).status_code == 200
    counts = [query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"]]
    assert [count for count in counts if " LIMIT " not in count] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_reads_and_counts_no_more_than_it_shows(
    kind: str, admin: Client, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "REACHABLE", 200)
    answer, whole = read_whole(admin, f"/admin/keys/{kind}/")
    assert whole == []
    assert answer.context["cl"].result_count == 200
    assert len(answer.context["cl"].result_list) == 30
    assert answer.content.count(b"Space 0") < 300


@pytest.mark.parametrize("kind", KINDS)
def test_no_list_sorts_the_table_to_show_its_beginning(kind: str, db: None) -> None:
    rows = KINDS[kind].objects.order_by("name", "-pk")[:50]
    assert "TEMP B-TREE" not in rows.explain()


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_short_list_is_sorted_by_any_column(
    kind: str, admin: Client, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    backwards = {"o": "-1"}
    short = admin.get(f"/admin/keys/{kind}/", backwards)
    monkeypatch.setattr(lists, "REACHABLE", MANY - 1)
    long, usual = admin.get(f"/admin/keys/{kind}/", backwards), admin.get(f"/admin/keys/{kind}/")
    first = [answer.context["cl"].result_list[0].pk for answer in (short, long, usual)]
    assert first[0] != first[1] == first[2]
    assert b"?o=" in short.content
    assert b"?o=" not in usual.content


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_goes_by_index(kind: str, db: None) -> None:
    for term in ("Key 00017", "key-00017", "gh*****017"):
        rows = KINDS[kind].objects.all()
        searched, _ = site._registry[KINDS[kind]].get_search_results(None, rows, term)  # type: ignore[arg-type]
        plan = searched.order_by().explain()
        assert "MULTI-INDEX OR" in plan
        assert not re.search(rf"SCAN ({TABLES})", plan)


FOUND = [
    ("virtualkey", "key-00017", ["Key 00017"]),
    ("virtualkey", "KEY 00017", ["Key 00017"]),
    ("virtualkey", "key in:space-00017", ["Key 00017"]),
    ("virtualkey", "in:space-00017", ["Key 00017"]),
    ("apikey", "gh*****017", ["App 00017"]),
    ("apikey", "app 0001", [f"App 0001{n}" for n in range(10)]),
    ("workspace", "space-00017", ["Space 00017"]),
    ("workspace", "in:space-00017", []),
    ("integration", "Lent 00017", ["Lent 00017"]),
    ("integration", "00017", []),
    ("integration", "%", []),
]


def test_what_is_searched_is_found(admin: Client, many: None) -> None:
    for kind, term, names in FOUND:
        found = admin.get(f"/admin/keys/{kind}/", {"q": term}).context["cl"].result_list
        assert [row.name for row in found] == names, (kind, term)


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_lists_no_choices(kind: str, admin: Client, many: None) -> None:
    row = KINDS[kind].objects.all()[17]
    for url in (f"/admin/keys/{kind}/add/", f"/admin/keys/{kind}/{row.pk}/change/"):
        answer, whole = read_whole(admin, url)
        assert whole == []
        assert answer.content.count(b"<option") < 40
        assert b"Space 00399" not in answer.content


def test_choices_are_searched_for(admin: Client, many: None) -> None:
    named = {"app_label": "keys", "model_name": "virtualkey", "field_name": "workspace", "term": "space 0001"}
    found = admin.get("/admin/autocomplete/", named).json()["results"]
    assert [each["text"] for each in found] == [f"Space 0001{n}" for n in range(10)]


# What is done to many rows at once, or to one on which many hang.


def test_what_stands_in_the_way_of_a_deletion_is_said_by_some_of_it(
    admin: Client, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Workspace.objects.get(slug="space-00017")
    ApiKey.objects.update(workspace=space)
    for url in (f"/admin/keys/workspace/{space.pk}/delete/", "/admin/keys/workspace/"):
        chosen = {"action": "delete_selected", "_selected_action": str(space.pk), "post": "yes"}
        with CaptureQueriesContext(connection) as asked:
            answer = admin.post(url, chosen)
        assert answer.status_code == 200
        assert answer.content.count(b"API key: App") == lists.NAMED
        assert all(each["sql"].startswith(("SAVEPOINT", "RELEASE")) or limited(each["sql"]) for each in asked)
    assert Workspace.objects.filter(pk=space.pk).exists()


def test_what_nothing_hangs_on_is_deleted(admin: Client, many: None) -> None:
    key = ApiKey.objects.all()[0]
    assert admin.post(f"/admin/keys/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ApiKey.objects.filter(pk=key.pk).exists()


def test_an_action_takes_all_that_was_found_or_says_that_it_is_too_much(
    admin: Client, many: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "AT_ONCE", 10)
    first = str(VirtualKey.objects.all()[0].pk)
    everything = {"action": "deactivate", "select_across": "1", "_selected_action": first}
    refused = admin.post("/admin/keys/virtualkey/?q=key+000", everything, follow=True)
    assert "More than 10 rows are too many at once" in refused.content.decode()
    assert not VirtualKey.objects.filter(active=False).exists()
    admin.post("/admin/keys/virtualkey/?q=key+0001", everything)
    assert VirtualKey.objects.filter(active=False).count() == 10


def test_each_row_can_be_chosen(admin: Client, many: None) -> None:
    shown = admin.get("/admin/keys/apikey/")
    chosen = re.findall(
        r'<input type="checkbox" name="_selected_action" value="([^"]+)"', shown.content.decode()
    )
    assert chosen == [str(row.pk) for row in shown.context["cl"].result_list]
