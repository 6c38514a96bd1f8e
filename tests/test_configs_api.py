"""`/v1/configs`: what it answers, who may, and that nobody touches another workspace's."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from configs.creation import create_config
from configs.models import Config
from keys.changes import changing
from keys.creation import create_api_key
from keys.models import ApiKey, Installation, Workspace
from keys.scopes import SCOPES

pytestmark = pytest.mark.django_db

ONE = {"provider": "@openai"}
TWO = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "@openai"}, {"provider": "@azure"}]}
ALL = tuple(f"configs.{verb}" for verb in ("create", "read", "update", "delete", "list"))

Ask = Callable[..., Any]


@pytest.fixture
def other(db: None) -> Workspace:
    return Workspace.objects.create(name="Other", slug="other")


def token_of(workspace: Workspace | None, *scopes: str) -> str:
    """A token with these scopes, or with all; of the organisation where there is no workspace."""
    if workspace is not None:
        return create_api_key(workspace, "Automation", scopes or ALL)[1]
    key = ApiKey(name="Organisation", type="organisation-service", scopes=sorted(SCOPES))
    token = key.assign_token()
    with changing(key):
        key.save()
    return token


def asking(token: str) -> Ask:
    client = Client()

    def ask(
        method: str, path: str = "", body: Any = None, version: str = "v1", raw: str | None = None
    ) -> Any:
        raw = json.dumps(body) if raw is None and body is not None else raw
        sent = {} if raw is None else {"data": raw, "content_type": "application/json"}
        return client.generic(
            method, f"/{version}/configs{path}", headers={"x-portkey-api-key": token}, **sent
        )

    return ask


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    """As a key of the default workspace that may do all with configs."""
    return asking(token_of(workspace))


@pytest.fixture
def config(workspace: Workspace) -> Config:
    return create_config(workspace, "Ours", json.dumps(TWO))


def message(answer: Any, status: int) -> str:
    body = answer.json()
    assert (answer.status_code, body["success"], body["status"]) == (status, False, "failure"), body
    assert body["message"] == body["error"]["message"] == body["data"]["message"]
    return str(body["message"])


def test_one_is_made(ask: Ask, workspace: Workspace) -> None:
    answer = ask("POST", body={"name": "Fallback", "config": TWO})
    row = Config.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "id": str(row.pk),
        "version_id": str(row.current.pk),
        "slug": row.slug,
        "object": "config",
    }
    assert (row.workspace, row.owner, json.loads(row.text)) == (workspace, "Automation", TWO)


def test_a_config_may_come_as_the_text_it_leaves_as(ask: Ask) -> None:
    ask("POST", body={"name": "Fallback", "config": json.dumps(TWO)})
    assert json.loads(Config.objects.get().text) == TWO


def test_one_is_retrieved_by_slug_and_by_id(ask: Ask, config: Config) -> None:
    by_slug, by_id = (ask("GET", f"/{name}").json() for name in (config.slug, config.pk))
    assert by_slug == by_id
    assert json.loads(by_slug.pop("config")) == TWO
    times = [by_slug.pop(name) for name in ("created_at", "last_updated_at")]
    assert all(len(at) == 24 and at.endswith("Z") for at in times)
    assert by_slug == {
        "id": str(config.pk),
        "name": "Ours",
        "slug": config.slug,
        "workspace_id": str(config.workspace_id),
        "organisation_id": str(Installation.objects.current().pk),
        "is_default": 0,
        "status": "active",
        "owner_id": "system",
        "updated_by": "system",
        "object": "config",
        "format": "json",
        "type": "ORG_CONFIG",
        "version_id": str(config.current.pk),
    }


def test_they_are_listed_without_what_they_say(ask: Ask, config: Config, workspace: Workspace) -> None:
    newer = create_config(workspace, "Newer", json.dumps(ONE))
    body = ask("GET").json()
    assert (body["object"], body["total"]) == ("list", 2)
    assert [row["slug"] for row in body["data"]] == [newer.slug, config.slug]
    assert "config" not in body["data"][0]
    assert len(ask("GET", "?page_size=1&current_page=1").json()["data"]) == 1


def test_an_update_makes_a_version_and_leaves_what_is_absent(ask: Ask, config: Config) -> None:
    first = str(config.current.pk)
    answer = ask("PUT", f"/{config.slug}", {"config": ONE}).json()
    row = Config.objects.get()
    assert answer == {"version_id": str(row.current.pk), "object": "config"}
    assert answer["version_id"] != first
    assert (row.name, row.status, json.loads(row.text)) == ("Ours", "active", ONE)
    again = ask("PUT", f"/{config.slug}", {"name": "Renamed", "status": "archived", "slug": "x"}).json()
    row.refresh_from_db()
    assert (row.name, row.status, row.slug) == ("Renamed", "archived", config.slug)
    assert again == answer


@pytest.mark.parametrize("member", ["name", "status", "config"])
def test_what_cannot_be_empty_is_not_cleared(member: str, ask: Ask, config: Config) -> None:
    answer = ask("PUT", f"/{config.slug}", {member: None})
    assert answer.status_code == 400
    row = Config.objects.get()
    assert (row.name, row.status, json.loads(row.text)) == ("Ours", "active", TWO)


def test_versions_are_listed_whole(ask: Ask, config: Config) -> None:
    ask("PUT", f"/{config.slug}", {"config": ONE})
    body = ask("GET", f"/{config.slug}/versions").json()
    assert (body["object"], body["total"]) == ("list", 2)
    assert [json.loads(row["config"]) for row in body["data"]] == [ONE, TWO]
    assert [row["updated_by"] for row in body["data"]] == ["Automation", "system"]
    assert {row["slug"] for row in body["data"]} == {config.slug}
    assert len({row["version_id"] for row in body["data"]}) == 2


def test_one_is_deleted_and_then_there_is_none(ask: Ask, config: Config) -> None:
    answer = ask("DELETE", f"/{config.slug}")
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer["content-type"] == "application/json"
    for method in ("GET", "PUT", "DELETE"):
        message(ask(method, f"/{config.slug}", {} if method == "PUT" else None), 404)


@pytest.mark.parametrize("spelling", ["is_default", "isDefault"])
@pytest.mark.parametrize("yes", [1, True])
def test_the_workspaces_default_is_said_by_a_flag(
    spelling: str, yes: object, ask: Ask, workspace: Workspace
) -> None:
    slug = ask("POST", body={"name": "First", "config": ONE, spelling: yes}).json()["slug"]
    workspace.refresh_from_db()
    assert workspace.default_config is not None
    assert workspace.default_config.slug == slug
    assert ask("GET", f"/{slug}").json()["is_default"] == 1
    assert ask("GET").json()["data"][0]["is_default"] == 1
    ask("PUT", f"/{slug}", {spelling: 0})
    assert ask("GET", f"/{slug}").json()["is_default"] == 0


def test_who_has_it_as_its_default_is_told_when_it_is_to_go(ask: Ask, config: Config) -> None:
    ask("PUT", f"/{config.slug}", {"is_default": 1})
    assert "workspace Default" in message(ask("DELETE", f"/{config.slug}"), 409)
    assert "workspace Default" in message(ask("PUT", f"/{config.slug}", {"status": "archived"}), 409)
    assert Config.objects.get().status == "active"


def test_a_wrong_config_is_told_with_every_place(ask: Ask, config: Config) -> None:
    wrong = {
        "strategy": {"mode": "falback"},
        "targets": [{"provider": "@openai", "retry": {"attempts": "3"}}, {"api_key": "sk-secret"}],
    }
    for answer in (
        ask("POST", body={"name": "Wrong", "config": wrong}),
        ask("PUT", f"/{config.slug}", {"config": wrong}),
    ):
        told = message(answer, 400)
        for place in ("strategy,mode", "targets,0,retry,attempts", "targets,1,api_key"):
            assert f"path: {place}, message: " in told
        assert "path: strategy,mode, message: Invalid 'mode' value." in " ".join(answer.json()["errors"])
        assert "sk-secret" not in answer.content.decode()
    assert Config.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        {"name": "x"},
        {"config": ONE},
        {"name": "", "config": ONE},
        {"name": " ", "config": ONE},
        {"name": 1, "config": ONE},
        {"name": "x" * 256, "config": ONE},
        {"name": "a\0b", "config": ONE},
        {"name": "\ud800", "config": ONE},
        {"name": "x", "config": None},
        {"name": "x", "config": 1},
        {"name": "x", "config": "no json"},
        {"name": "x", "config": []},
        {"name": "x", "config": ONE, "is_default": "yes"},
        {"name": "x", "config": ONE, "is_default": [1]},
        {"name": "x", "config": ONE, "workspace_id": 1},
    ],
)
def test_a_body_that_will_not_do_is_refused(body: Any, ask: Ask) -> None:
    message(ask("POST", body=body), 400)
    assert not Config.objects.exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"name": "x"}, "config: A config is a JSON object, or the text of one."),
        ({"name": "x", "config": 1}, "config: A config is a JSON object, or the text of one."),
        ({"config": ONE}, "name: A text that is not empty."),
        ({"name": "x" * 256, "config": ONE}, "name: Ensure this value has at most 255 characters"),
        ({"name": "x", "config": "no json"}, "Invalid config passed: config: This is no JSON: "),
        ({"name": "x", "config": "[]"}, "Invalid config passed: path: , message: Expected object"),
        ({"name": "x", "config": " " * 1_100_000}, "A config has at most 1,048,576 characters."),
    ],
)
def test_what_is_wrong_is_told_of_its_member(body: Any, told: str, ask: Ask) -> None:
    assert message(ask("POST", body=body), 400).startswith(told)


@pytest.mark.parametrize("body", [{}, {"slug": "x"}, {"nmae": "x"}, {"workspace_id": ""}])
def test_an_update_that_changes_nothing_is_refused(body: Any, ask: Ask, config: Config) -> None:
    told = message(ask("PUT", f"/{config.slug}", body), 400)
    assert "config, isDefault, is_default, name, status" in told


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [260, 500, 900, 980, 995, 1_010, 3_000, 100_000])
@pytest.mark.parametrize("spelled", ["object", "text"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_is_nested_deeply_is_kept_or_refused(
    levels: int, spelled: str, method: str, ask: Ask, config: Config
) -> None:
    told = f'{{"provider": "@openai", "override_params": {{"a": {nested(levels)}}}}}'
    path = f"/{config.slug}" if method == "PUT" else ""
    sent = f'{{"name": "Deep", "config": {told if spelled == "object" else json.dumps(told)}}}'
    answer = ask(method, path, raw=sent)
    if answer.status_code == 200:
        assert levels < 1_010
        slug = answer.json().get("slug", config.slug)
        assert json.loads(json.loads(ask("GET", f"/{slug}").content)["config"]) == json.loads(told)
    else:
        message(answer, 400)


def test_half_a_surrogate_pair_is_told_as_what_it_is_not(ask: Ask) -> None:
    told = message(ask("POST", body={"name": "x", "config": {**ONE, "\ud800": 1}}), 400)
    assert told == "Invalid config passed: path: ?, message: There is no member '?' here."


def test_a_body_nested_beyond_reason_is_refused(ask: Ask) -> None:
    message(ask("POST", raw="[" * 100_000), 400)
    message(ask("POST", raw='{"name": "x", "config": ' + nested(100_000) + "}"), 400)


def test_a_status_there_is_none_of_is_refused(ask: Ask, config: Config) -> None:
    assert "active, archived" in message(ask("PUT", f"/{config.slug}", {"status": "on"}), 400)


def test_both_versions_of_the_api_are_one(ask: Ask, config: Config) -> None:
    assert ask("GET", version="v2").json() == ask("GET").json()
    assert ask("GET", f"/{config.slug}/versions", version="v2").json()["total"] == 1


# Who may.

VERBS = {
    "list": ("GET", "", None),
    "create": ("POST", "", {"name": "x", "config": ONE}),
    "read": ("GET", "/{}", None),
    "update": ("PUT", "/{}", {"name": "x"}),
    "delete": ("DELETE", "/{}", None),
}
OBJECTS = {**VERBS, "versions": ("GET", "/{}/versions", None)}


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_needs_its_scope(verb: str, config: Config, workspace: Workspace) -> None:
    method, path, body = VERBS[verb]
    without = asking(token_of(workspace, *(set(ALL) - {f"configs.{verb}"}), "completions.write"))
    alone = asking(token_of(workspace, f"configs.{verb}"))
    message(without(method, path.format(config.slug), body), 403)
    assert alone(method, path.format(config.slug), body).status_code == 200


def test_versions_are_read_and_not_listed(config: Config, workspace: Workspace) -> None:
    message(asking(token_of(workspace, "configs.list"))("GET", f"/{config.slug}/versions"), 403)


@pytest.mark.parametrize("verb", OBJECTS)
@pytest.mark.parametrize("named", ["slug", "id"])
def test_another_workspaces_key_finds_nothing(
    verb: str, named: str, config: Config, other: Workspace
) -> None:
    method, path, body = OBJECTS[verb]
    name = config.slug if named == "slug" else str(config.pk)
    theirs = asking(token_of(other))
    answer = theirs(method, path.format(name), body)
    if "{" in path:
        message(answer, 404)
    elif verb == "list":
        assert answer.json()["data"] == []
    row = Config.objects.get(pk=config.pk)
    assert (row.name, row.status, row.number) == ("Ours", "active", 1)
    assert config.slug not in answer.content.decode()


@pytest.mark.parametrize("verb", OBJECTS)
def test_nor_by_naming_the_workspace(verb: str, config: Config, other: Workspace) -> None:
    method, path, body = OBJECTS[verb]
    theirs = asking(token_of(other))
    for workspace in (config.workspace.slug, str(config.workspace_id)):
        named = None if body is None else {**body, "workspace_id": workspace}
        query = f"?workspace_id={workspace}" if body is None else ""
        message(theirs(method, path.format(config.slug) + query, named), 403)
    assert Config.objects.count() == 1


def test_to_name_ones_own_workspace_changes_nothing(ask: Ask, config: Config) -> None:
    for name in (config.workspace.slug, str(config.workspace_id)):
        assert ask("GET", f"?workspace_id={name}").json()["total"] == 1


@pytest.mark.parametrize("by", ["slug", "pk"])
def test_an_organisations_key_names_a_workspace(by: str, other: Workspace, workspace: Workspace) -> None:
    ask, name = asking(token_of(None)), str(getattr(other, by))
    slug = ask("POST", body={"name": "Theirs", "config": ONE, "workspace_id": name}).json()["slug"]
    assert Config.objects.get().workspace == other
    query = f"?workspace_id={name}"
    assert ask("GET", query).json()["total"] == 1
    assert ask("GET", f"/{slug}{query}").json()["workspace_id"] == str(other.pk)
    assert ask("GET", f"/{slug}/versions{query}").json()["total"] == 1
    assert ask("PUT", f"/{slug}", {"name": "x", "workspace_id": name}).status_code == 200
    message(ask("GET", f"/{slug}"), 404)  # in the default workspace
    assert ask("DELETE", f"/{slug}{query}").json() == {}


@pytest.mark.parametrize("name", ["nobodys", "00000000-0000-4000-8000-000000000000"])
def test_a_workspace_there_is_none_of_is_not_found(name: str, workspace: Workspace) -> None:
    message(asking(token_of(None))("GET", f"?workspace_id={name}"), 404)


def test_nobody_without_a_key_gets_in(config: Config) -> None:
    for method, path, body in OBJECTS.values():
        message(asking("gh-" + "x" * 43)(method, path.format(config.slug), body), 401)


def test_another_method_is_refused_in_the_envelope(ask: Ask) -> None:
    answer = ask("PATCH")
    message(answer, 405)
    assert answer["allow"] == "GET, POST, HEAD, OPTIONS"
