"""The page of the models without a price: who sees it, where it leads, and who may ask for prices anew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from logs import unpriced
from logs.models import Repricing, RequestLog, UnpricedModel

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

PAGE = "/admin/logs/requestlog/unpriced/"
NOW = datetime.now(UTC)
REFRESH = 'http-equiv="refresh"'
NASTY = "<script>alert(1)</script><img src=https://elsewhere.example/x.png>"


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path / "journal"


def client(*permissions: str) -> Client:
    """Signed in as staff with these permissions; with all of them if none is named."""
    user = User.objects.create(username="ada", is_staff=True, is_superuser=not permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def used(model: str, calls: int = 1, at: datetime = NOW, **fields: Any) -> None:
    usual = {"provider": "openai", "asked": model, "used": 10 * calls, "first_at": at, "last_at": at}
    UnpricedModel.objects.create(day=at.date(), model=model, calls=calls, **usual | fields)


def test_models_stand_in_order_of_their_calls_over_the_span_that_is_chosen() -> None:
    used("rare", 1)
    used("often", 4, NOW - timedelta(days=1))
    used("often", 5)
    used("priced-by-now", 0)
    used("long-ago", 9, NOW - timedelta(days=60))
    admin = client()
    told = [(row.seen.model, row.seen.calls, row.seen.used) for row in admin.get(PAGE).context["rows"]]
    assert told == [("often", 9, 90), ("rare", 1, 10)]
    longer = admin.get(PAGE, {"days": "90"}).context["rows"]
    assert [row.seen.model for row in longer] == ["long-ago", "often", "rare"]
    assert admin.get(PAGE, {"days": "nonsense"}).context["days"] == "30"


def test_a_row_leads_to_its_calls_to_a_price_and_to_pricing_anew() -> None:
    used("own-v2", asked="own")
    admin = client()
    (row,) = admin.get(PAGE).context["rows"]
    calls, override, reprice = (admin.get(url) for url in (row.calls, row.override, row.reprice))
    assert calls.status_code == 200
    assert "model=own&" in row.calls + "&"
    form = override.context["adminform"].form
    assert (form.initial["provider"], form.initial["model"]) == ("openai", "own-v2")
    assert form.initial["starts_at"].date() == NOW.date()
    assert reprice.context["form"].initial["model"] == "own-v2"


def test_to_ask_for_prices_anew_leaves_a_request_a_file_and_an_event(journal: Path) -> None:
    asked = {"provider": "openai", "model": "own-*", "since": "2026-03-01T00:00", "only_unpriced": "on"}
    answer = client().post(PAGE, asked)
    assert answer.status_code == 302
    request = Repricing.objects.get()
    assert (request.provider, request.model, request.only_unpriced) == ("openai", "own-*", True)
    assert (request.since, request.asked_by, request.state) == (
        datetime(2026, 3, 1, tzinfo=UTC),
        "ada",
        "waiting",
    )
    assert abs(request.until - timezone.now()) < timedelta(minutes=1)
    assert [file.name for file in (journal / "repricing").iterdir()] == [str(request.pk)]
    event = AuditEvent.objects.get(object_kind="repricing")
    assert (event.actor, event.action, event.object_id) == ("ada", "create", str(request.pk))


def test_a_span_that_ends_before_it_begins_is_refused_in_words() -> None:
    answer = client().post(PAGE, {"since": "2026-03-02T00:00", "until": "2026-03-01T00:00"})
    assert answer.context["form"].errors == {"until": ["It ends before it begins."]}
    assert not Repricing.objects.exists()


def test_who_may_only_look_sees_the_models_and_asks_for_nothing() -> None:
    used("own")
    looking = client("view_requestlog")
    page = looking.get(PAGE)
    assert b"own" in page.content
    assert b'<form method="post" action="#anew"' not in page.content
    assert looking.post(PAGE, {}).status_code == 403


def test_who_may_not_see_the_log_sees_no_page() -> None:
    assert client("view_virtualkey").get(PAGE).status_code == 403


def test_names_that_clients_gave_are_text() -> None:
    used(NASTY)
    page = client().get(PAGE).content.decode()
    assert NASTY not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_shows_how_far_a_request_is_and_whoever_asked_watches_it() -> None:
    request = Repricing.objects.create(until=NOW, model="own", state="running", looked=12345, changed=77)
    admin = client()
    page = admin.get(PAGE, {"watch": "1"}).content.decode()
    assert "12,345" in page
    assert "Running" in page
    assert REFRESH in page
    assert REFRESH not in admin.get(PAGE).content.decode()
    Repricing.objects.filter(pk=request.pk).update(state="done", ended_at=NOW)
    assert REFRESH not in admin.get(PAGE, {"watch": "1"}).content.decode()


def test_the_page_never_reads_the_log_and_shows_only_so_many_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpriced, "SHOWN", 3)
    for number in range(5):
        used(f"model-{number}")
    with CaptureQueriesContext(connections["logs"]) as asked:
        page = client().get(PAGE)
    assert len(page.context["rows"]) == 3
    assert not any(RequestLog._meta.db_table in query["sql"] for query in asked.captured_queries)
