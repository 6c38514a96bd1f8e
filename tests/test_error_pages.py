"""What the admin says when something went wrong: a page in its own words, with a way on."""

import pytest
from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.test import Client

pytestmark = pytest.mark.django_db(databases=["default", "logs"])

ON = '<a href="/admin/">To the overview</a>'


def test_a_page_that_is_not_there(admin_client):
    answer = admin_client.get("/admin/nothing/here/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert ON in answer.content.decode()
    assert "script-src 'self'" in answer["content-security-policy"]


def test_a_page_that_is_for_others(client):
    client.force_login(User.objects.create_user("staff", is_staff=True))
    answer = client.get("/admin/keys/virtualkey/")
    assert answer.status_code == 403
    assert "Not for you" in answer.content.decode()
    assert ON in answer.content.decode()


def test_a_form_of_another_session(admin_user):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)
    answer = strict.post("/admin/keys/workspace/add/", {"name": "Mine"})
    assert answer.status_code == 403
    assert "Please try again" in answer.content.decode()


@pytest.mark.parametrize("status", [400, 500])
def test_a_failure_needs_nothing_of_the_request_to_be_told(status):
    assert ON in render_to_string(f"{status}.html")


@pytest.mark.parametrize("page", ["abc", "99", "-1", "0"])
def test_a_page_of_the_search_that_is_not_there(admin_client, page):
    assert admin_client.get("/admin/search/", {"s": "keys", "page": page}).status_code == 404
    assert admin_client.get("/admin/search/", {"s": "keys"}).status_code == 200


def test_who_is_not_signed_in_searches_nothing(client):
    assert client.get("/admin/search/", {"s": "keys"}).status_code in (302, 403)
