"""What is not under /v1/ answers in JSON too: an SDK whose base URL lacks /v1 shows its user what it got."""

import uuid

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db(databases=["default", "logs"])


@pytest.fixture
def strict() -> Client:
    """A client whose forms would be refused, as those of other sites are."""
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize(
    "path", ["/", "/chat/completions", "/embeddings", "/nothing", "/v3/chat/completions"]
)
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_call_beside_the_api_is_told_where_it_is(strict, method, path):
    answer = getattr(strict, method)(path, "{}", content_type="application/json")
    told = answer.json()
    assert (answer.status_code, told["message"], told["ok"]) == (404, "Not Found", False)
    assert "/v1" in told["hint"]
    assert uuid.UUID(answer["x-portkey-trace-id"]).version == 7


def test_the_trace_id_of_the_client_comes_back_there_too(strict):
    answer = strict.post("/chat/completions", headers={"x-portkey-trace-id": "theirs"})
    assert answer["x-portkey-trace-id"] == "theirs"


@pytest.mark.parametrize("path", ["/v1", "/v2", "/v1/", "/v2/nothing"])
def test_the_apis_own_root_is_no_page_either(strict, path):
    answer = strict.post(path, "{}", content_type="application/json")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found", "ok": False})
    assert answer["x-portkey-trace-id"]


def test_who_comes_by_with_a_browser_is_greeted(client):
    for method in (client.get, client.head):
        assert method("/").status_code == 200
    assert "/docs/" in client.get("/").content.decode()


@pytest.mark.parametrize("path", ["/nothing", "/chat/completions", "/docs/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_host_that_is_not_ours_is_refused_in_json(strict, method, path):
    answer = getattr(strict, method)(path, headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["message"]) == (400, "Bad Request")
    assert "ALLOWED_HOSTS" in answer.json()["hint"]
    assert answer["x-portkey-trace-id"]
    assert "evil" not in answer.content.decode()


def test_in_the_admin_it_is_a_page(client):
    answer = client.get("/admin/", headers={"host": "evil.example"})
    assert (answer.status_code, answer["content-type"].split(";")[0]) == (400, "text/html")


def test_the_admins_forms_are_still_guarded(strict):
    assert strict.post("/admin/login/", {"username": "x", "password": "y"}).status_code == 403
