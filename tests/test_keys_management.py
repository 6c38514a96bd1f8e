"""The management API: who may, what it answers where nothing is built, one envelope for errors."""

import json
import re
import uuid
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as Invalid
from django.http import Http404
from django.test import Client, RequestFactory
from django.urls import Resolver404, resolve
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from keys import callers
from keys.errors import DirectoryAway
from keys.management.envelope import failed
from keys.management.paging import listed
from keys.management.view import MANAGEMENT, ManagementView, Unbuilt
from keys.models import ApiKey, Workspace

METHODS = ["get", "post", "put", "patch", "delete", "options", "head"]


def ask(view: type[ManagementView], method: str = "get", query: str = "", **meta: Any) -> Any:
    return view.as_view()(RequestFactory().generic(method.upper(), f"/v1/things?{query}", **meta))


def told(response: Any, status: int, code: str) -> str:
    """The message of an error, which must be in the envelope."""
    assert response.status_code == status
    assert response["content-type"] == "application/json"
    body = json.loads(response.content)
    message: str = body["message"]
    assert body == {
        "success": False,
        "status": "failure",
        "message": message,
        "error": {"message": message, "type": body["error"]["type"], "param": None, "code": code},
        "data": {"message": message, "errorCode": code},
    }
    return message


PATHS = [
    f"/{version}/{segment}{rest}"
    for version in ("v1", "v2")
    for segment in MANAGEMENT
    if segment != "configs"
    for rest in ("", "/", "/a/b")
]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_built_says_so_to_who_has_a_key(path: str, client: Client, token: str) -> None:
    answer = client.get(path, headers={"x-portkey-api-key": token})
    assert "not built" in told(answer, 501, "AB04")


@pytest.mark.parametrize("method", METHODS)
def test_whatever_the_method(method: str, client: Client, token: str) -> None:
    answer = getattr(client, method)("/v1/prompts", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 501


@pytest.mark.parametrize("method", [*METHODS, "trace"])
def test_nobody_without_a_key_learns_what_is_built(method: str, client: Client, db: None) -> None:
    answer = getattr(client, method)("/v1/prompts")
    assert answer.status_code == 401
    assert answer["www-authenticate"].startswith("Bearer")
    if method != "head":
        assert told(answer, 401, "AB05") == "Portkey Error: Invalid API Key. Error Code: 03"


def test_a_method_nobody_knows_is_refused_in_the_envelope(client: Client, token: str) -> None:
    answer = client.generic("BREW", "/v1/prompts", headers={"x-portkey-api-key": token})
    told(answer, 405, "AB01")


@pytest.mark.parametrize("path", ["/v1/prompts/\n", "/v1/prompts/a\nb", "/v2/logs/\r\n/x", "/v1/prompts/@/é"])
def test_no_odd_character_leads_past_it(path: str) -> None:
    assert view_of(path) is Unbuilt


@pytest.mark.parametrize("path", ["/v1/promptsx", "/v3/configs", "/v1/chat/configs"])
def test_other_paths_are_others(path: str) -> None:
    assert view_of(path) is not Unbuilt


def view_of(path: str) -> object:
    try:
        return getattr(resolve(path).func, "view_class", None)
    except Resolver404:
        return None


def test_the_trace_id_is_the_clients_or_a_new_one(client: Client, token: str) -> None:
    key = {"x-portkey-api-key": token}
    named = client.get("/v1/prompts", headers=key | {"x-portkey-trace-id": "theirs"})
    assert named["x-portkey-trace-id"] == "theirs"
    for headers in (key, key | {"x-portkey-trace-id": ""}):
        assert uuid.UUID(client.get("/v1/prompts", headers=headers)["x-portkey-trace-id"]).version == 7


class Things(ManagementView):
    scopes = {"GET": ("virtual_keys.list", "things.list"), "POST": ("completions.write",)}

    def get(self, request: Request) -> Response:
        return listed(request, Workspace.objects.order_by("slug"), lambda row: {"slug": row.slug})

    def post(self, request: Request) -> Response:
        return Response(request.data)

    def delete(self, request: Request) -> Response:
        raise AssertionError("nobody gets here")


@pytest.fixture
def known(token: str) -> dict[str, str]:
    return {"HTTP_X_PORTKEY_API_KEY": token}


@pytest.fixture
def many(workspace: Workspace) -> None:
    Workspace.objects.bulk_create(Workspace(name=str(n), slug=f"w{n:03}") for n in range(120))


def slugs(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    body = json.loads(response.content)
    assert (body["object"], body["total"]) == ("list", 121)
    return [row["slug"] for row in body["data"]]


def test_a_list_comes_in_pages_from_0(known: dict[str, str], many: None) -> None:
    assert len(slugs(ask(Things, **known))) == 50
    assert slugs(ask(Things, query="current_page=1&page_size=3", **known)) == ["w002", "w003", "w004"]
    assert slugs(ask(Things, query="currentPage=1&pageSize=3", **known)) == ["w002", "w003", "w004"]
    assert len(slugs(ask(Things, query="current_page=2", **known))) == 21
    assert slugs(ask(Things, query="current_page=9", **known)) == []


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=101", "page_size=x", "current_page=-1", "current_page=²"]
)
def test_a_page_that_cannot_be_is_refused(query: str, known: dict[str, str]) -> None:
    assert query.partition("=")[0] in told(ask(Things, query=query, **known), 400, "AB01")


def test_one_of_the_scopes_is_enough_and_none_is_not(known: dict[str, str], api_key: ApiKey) -> None:
    assert ask(Things, **known).status_code == 200
    ApiKey.objects.update(scopes=["completions.write"])
    callers.shelf.clear()
    assert "Forbidden!" in told(ask(Things, **known), 403, "AB03")


def test_a_method_without_scopes_is_allowed_to_nobody(known: dict[str, str]) -> None:
    told(ask(Things, "delete", **known), 403, "AB03")


def test_a_method_that_is_not_there_is_refused_in_the_envelope(
    known: dict[str, str], api_key: ApiKey
) -> None:
    class Other(ManagementView):
        scopes = {"PUT": ("completions.write",)}

    told(ask(Other, "put", **known), 405, "AB01")


def test_a_body_that_is_no_json_is_refused_in_the_envelope(known: dict[str, str]) -> None:
    sent = {"data": b"{", "content_type": "application/json"}
    told(ask(Things, "post", **sent, **known), 400, "AB01")


def test_a_body_that_is_too_large_is_refused_in_the_envelope(known: dict[str, str]) -> None:
    sent = {"data": b" " * 3_000_000, "content_type": "application/json"}
    told(ask(Things, "post", **sent, **known), 413, "AB01")


def test_whatever_the_client_accepts_it_gets_json(known: dict[str, str]) -> None:
    sent = {"data": b'{"a": 1}', "content_type": "text/html", "HTTP_ACCEPT": "text/html"}
    answer = ask(Things, "post", **sent, **known)
    assert (answer["content-type"], json.loads(answer.content)) == ("application/json", {"a": 1})


@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (exceptions.ValidationError({"name": ["missing"]}), 400, "AB01", "invalid_request_error"),
        (Invalid({"name": "missing"}), 400, "AB01", "invalid_request_error"),
        (exceptions.NotAuthenticated(), 401, "AB05", "authentication_error"),
        (exceptions.PermissionDenied(), 403, "AB03", "permission_error"),
        (PermissionDenied(), 403, "AB03", "permission_error"),
        (exceptions.NotFound(), 404, "AB08", "not_found_error"),
        (Http404(), 404, "AB08", "not_found_error"),
        (exceptions.Throttled(), 429, "AB06", "rate_limit_error"),
        (exceptions.UnsupportedMediaType("x"), 415, "AB01", "invalid_request_error"),
        (DirectoryAway(), 503, "AB04", "api_error"),
        (ZeroDivisionError("with a secret"), 500, "AB04", "api_error"),
    ],
)
def test_every_error_has_its_code(error: Exception, status: int, code: str, kind: str) -> None:
    answer = failed(error, {})
    assert isinstance(answer.data, dict)
    assert (answer.status_code, answer.data["error"]["code"], answer.data["error"]["type"]) == (
        status,
        code,
        kind,
    )
    assert answer.data["message"]
    assert "with a secret" not in str(answer.data)
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_failure_of_ours_is_no_page(known: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Things, request: Request) -> Response:
        raise ZeroDivisionError

    monkeypatch.setattr(Things, "get", broken)
    assert told(ask(Things, **known), 500, "AB04") == "Something went wrong"


def test_the_paths_are_those_of_the_design() -> None:
    assert len(MANAGEMENT) == len(set(MANAGEMENT)) == 20
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", segment) for segment in MANAGEMENT)
