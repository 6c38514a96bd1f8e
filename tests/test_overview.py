"""The admin's first page and its sidebar: what each person finds there."""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.urls import reverse
from django.utils import timezone

from gateway_site import overview
from logs.models import Outcome, RequestLog

pytestmark = pytest.mark.django_db(databases=["default", "logs"])


@pytest.fixture
def staff(client):
    """Signs somebody in who may do what is named, and nothing else."""

    def sign_in(*permissions: str) -> User:
        user = User.objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return user

    return sign_in


def page(client, path: str = "/admin/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def sidebar(text: str) -> list[str]:
    """The titles of its links."""
    _, _, links = text.partition('id="nav-sidebar-apps"')
    return re.findall(r"</span> <span>([^<]+)</span>", links.partition("</nav>")[0])


def call(outcome: Outcome = Outcome.FINISHED, ago: timedelta = timedelta(), **values: object) -> RequestLog:
    moment = timezone.now() - ago
    stamp = int(moment.timestamp() * 1000) << 80 | uuid.uuid4().int & (1 << 80) - 1
    return RequestLog.objects.create(
        id=uuid.UUID(int=stamp), created_at=moment, outcome=outcome, model="a-model", **values
    )


def test_before_the_first_call_it_says_how_one_is_made(admin_client):
    text = page(admin_client)
    assert "No call yet" in text
    assert "curl http://testserver/v1/chat/completions" in text
    assert "Add virtual key" in text
    assert "Add API key" in text


def test_it_counts_what_is_in_use_and_shows_the_last_calls(admin_client, api_key, virtual_key):
    virtual_key.expires_at = timezone.now()
    virtual_key.save()
    shown = call(virtual_key="the-one", total_ms=1234.5)
    call(Outcome.FAILED)
    call(ago=timedelta(hours=2))
    text = page(admin_client)
    assert '<strong class="text-important">0</strong> in use. A provider' in text
    assert '<strong class="text-important">1</strong> in use. What an app' in text
    assert re.search(r">2</strong> in the past hour, <strong[^>]*>1</strong> not finished well", text)
    assert f"/admin/logs/requestlog/{shown.pk}/change/" in text
    assert "1.2 s" in text
    assert "No call yet" not in text


def test_counts_end_somewhere(admin_client, monkeypatch):
    monkeypatch.setattr(overview, "COUNTED", 1)
    call()
    call()
    assert ">more than 1</strong> in the past hour" in page(admin_client)


def test_a_log_that_is_away_keeps_nobody_from_the_keys(admin_client, monkeypatch):
    def away(request):
        raise OperationalError("away")

    monkeypatch.setattr(overview, "latest", away)
    text = page(admin_client)
    assert "The request log cannot be read now." in text
    assert "Add virtual key" in text


def test_nobody_is_shown_what_they_may_not_see(client, staff):
    staff("view_virtualkey")
    call()
    text = page(client)
    assert "Virtual keys" in text
    assert "Add virtual key" not in text
    assert "past hour" not in text
    assert "a-model" not in text
    assert sidebar(text) == ["Overview", "Virtual keys"]


def test_the_sidebar_leads_to_every_list(admin_client, rf, admin_user):
    request = rf.get("/admin/")
    request.user = admin_user
    lists = {
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model, options in admin.site._registry.items()
        if options.has_module_permission(request)
    }
    text = page(admin_client)
    assert lists <= set(re.findall(r'href="([^"]+)"', text.partition('id="nav-sidebar-apps"')[2]))


def test_whoever_may_see_nothing_is_told_so(client, staff):
    staff()
    text = page(client)
    assert "There is nothing here yet that you may see." in text
    assert sidebar(text) == ["Overview"]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/admin/", "Overview"),
        ("/admin/keys/virtualkey/add/", "Virtual keys"),
        ("/admin/auth/user/", "Users"),
    ],
)
def test_the_sidebar_tells_where_one_is(admin_client, path, title):
    active = re.findall(
        r"<a href=\"[^\"]*\" class=\"[^\"]* active\">.*?<span>([^<]+)</span>", page(admin_client, path)
    )
    assert active == [title]


def test_a_row_is_called_what_it_is_called_and_times_have_a_zone(admin_client, virtual_key):
    text = page(admin_client, f"/admin/keys/virtualkey/{virtual_key.pk}/change/")
    assert "> openai </a" in text
    virtual_key.last_used_at = timezone.now()
    virtual_key.save()
    assert f"{virtual_key.last_used_at:%Y-%m-%d %H:%M} UTC" in page(admin_client, "/admin/keys/virtualkey/")


def test_the_history_of_a_row_is_in_the_audit_log(admin_client, client, staff, virtual_key):
    address = f"/admin/keys/virtualkey/{virtual_key.pk}/change/"
    link = f"/admin/audit/auditevent/?days=all&object_kind=virtual_key&q={virtual_key.pk}"
    assert link.replace("&", "&amp;") in page(admin_client, address)
    assert "created" in page(admin_client, link).lower()
    staff("view_virtualkey")
    assert "auditevent" not in page(client, address)
