"""Configs in the admin: the form and what is wrong with a text, the drawing, dry runs, breakers, versions."""

import html
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from configs import admin_pages, breaker
from configs import differences as differences_module
from configs.breaker import Open
from configs.compiling import compiled
from configs.creation import change_config, create_config
from configs.differences import Line, differences
from configs.drawing import drawn
from configs.models import Config
from keys import tokens
from keys.changes import changing
from keys.creation import create_api_key, create_virtual_key
from keys.models import ApiKey, Change, VirtualKey, Workspace
from tests.test_keys_admin import filled

pytestmark = pytest.mark.django_db

LIST = "/admin/configs/config/"
ONE = {"provider": "@openai"}
TWO = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "@openai"}, {"provider": "@azure"}]}
BROKEN = {
    "strategy": {"mode": "fallback", "cb_config": {"failure_threshold": 5, "cooldown_interval": 60000}},
    "targets": TWO["targets"],
}
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
KEY, SLUG = HOSTILE.replace(".", ""), HOSTILE.replace("/", "")  # as a config may have them


def signed_in(**more: Any) -> Client:
    client = Client()
    client.force_login(User.objects.create(username=f"staff-{User.objects.count()}", is_staff=True, **more))
    return client


@pytest.fixture
def admin(db: None) -> Client:
    return signed_in(is_superuser=True)


@pytest.fixture
def viewer(db: None) -> Client:
    client = signed_in()
    user = User.objects.get(pk=client.session["_auth_user_id"])
    user.user_permissions.set(Permission.objects.filter(codename="view_config"))
    return client


@pytest.fixture
def config(workspace: Workspace) -> Config:
    return create_config(workspace, "Ours", json.dumps(TWO))


@pytest.fixture
def other(db: None) -> Workspace:
    return Workspace.objects.create(name="Other", slug="other")


def page(config: Config, name: str = "change") -> str:
    return f"{LIST}{config.pk}/{name}/"


def shown(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


# The list and the form.


def test_the_list_tells_where_each_is_used(admin: Client, config: Config, workspace: Workspace) -> None:
    change_config(config, is_default=True)
    for _ in range(2):
        key, _ = create_api_key(workspace, "App")
        with changing(key):
            key.default_config = config
            key.save()
    text = shown(admin.get(LIST))
    for told in ("Ours", config.slug, "Default", "its workspace and API keys", "Active"):
        assert told in text


def test_the_list_asks_as_often_for_many_as_for_one(
    admin: Client, config: Config, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        create_config(workspace, f"C{number}", json.dumps(ONE))
    with django_assert_max_num_queries(12):
        admin.get(LIST)


@pytest.mark.parametrize("asked", ["Ours", "our", "pc-ours", "in:default Ours", "in:default"])
def test_it_is_found_by_how_its_name_or_slug_begins(asked: str, admin: Client, config: Config) -> None:
    create_config(config.workspace, "Theirs", json.dumps(ONE))
    found = admin.get(LIST, {"q": asked}).context["cl"].result_list
    assert config in list(found)
    assert admin.get(LIST, {"q": "in:nobodys"}).context["cl"].result_count == 0


def test_a_config_is_made_in_the_admin(admin: Client, workspace: Workspace) -> None:
    url = f"{LIST}add/"
    sent = filled(admin, url, name="New", workspace=str(workspace.pk), text=json.dumps(TWO))
    assert admin.post(url, sent).status_code == 302
    row = Config.objects.get()
    assert (row.number, row.current.text, row.owner[:6]) == (1, json.dumps(TWO, indent=2), "staff-")
    assert row.slug.startswith("pc-new-")
    assert AuditEvent.objects.filter(object_kind="config", action="create").count() == 1


def test_the_only_workspace_is_chosen_from_the_beginning(admin: Client, workspace: Workspace) -> None:
    def chosen() -> Any:
        return admin.get(f"{LIST}add/").context["adminform"].form.initial.get("workspace")

    assert chosen() == workspace.pk
    Workspace.objects.create(name="Other", slug="other")
    assert chosen() is None


def test_the_search_tells_what_it_looks_at(admin: Client, config: Config) -> None:
    assert "How a name or slug begins." in shown(admin.get(LIST))


def test_what_the_form_suggests_is_a_config(admin: Client, workspace: Workspace) -> None:
    url = f"{LIST}add/"
    assert admin.post(url, filled(admin, url, name="New", workspace=str(workspace.pk))).status_code == 302


def test_a_changed_text_is_a_new_version_and_a_change(admin: Client, config: Config) -> None:
    sent = filled(admin, page(config), text=json.dumps(ONE))
    assert admin.post(page(config), sent).status_code == 302
    assert [each.number for each in config.versions.all()] == [2, 1]
    assert Change.objects.filter(kind="config", object_id=str(config.pk)).count() == 2
    event = AuditEvent.objects.order_by("-id")[0]
    assert event.changes["text"] == [json.dumps(TWO, indent=2), json.dumps(ONE, indent=2)]


def test_a_new_name_alone_is_no_new_version(admin: Client, config: Config) -> None:
    assert admin.post(page(config), filled(admin, page(config), name="Renamed")).status_code == 302
    config.refresh_from_db()
    assert (config.name, config.number) == ("Renamed", 1)


def test_slug_and_workspace_stay(admin: Client, config: Config, other: Workspace) -> None:
    sent = filled(admin, page(config), workspace=str(other.pk), slug="pc-other")
    assert admin.post(page(config), sent).status_code == 302
    row = Config.objects.get()
    assert (row.slug, row.workspace_id) == (config.slug, config.workspace_id)


WRONG = """{"strategy": {"mode": "falback"},
 "targets": [
   {"provider": "@openai"},
   {"passthrough": true, "retry": {
     "attempts": "3"}}
 ]}"""


def test_what_is_wrong_is_said_with_its_line_and_place(admin: Client, config: Config) -> None:
    answer = admin.post(page(config), filled(admin, page(config), text=WRONG))
    told = errors(answer)["text"]
    assert told[0].startswith("Line 1, strategy → mode: Invalid 'mode' value.")
    assert told[1] == "Line 5, targets → 1 → retry → attempts: Expected number, received string"
    assert "falback" in shown(answer)
    config.refresh_from_db()
    assert config.number == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a":\n}', "This is no JSON object: unexpected character, expected a JSON value: line 2 column 1"),
        ("null", "This is no JSON object: null."),
        ("[1]", "Line 1, the whole: Expected object, received array"),
        ("{" * 50_000, "This is no JSON object"),
        ("x" * 1_100_000, "A config has at most 1,048,576 characters."),
        ('{"provider": "openai", "api_key": "sk-x"}', "Line 1, api_key: A saved config keeps no credentials"),
    ],
)
def test_what_is_no_config_is_said_to_be_none(text: str, told: str, admin: Client, config: Config) -> None:
    answer = admin.post(page(config), filled(admin, page(config), text=text))
    assert errors(answer)["text"][0].startswith(told)


def test_nobodys_change_is_lost_to_who_opened_the_form_before(admin: Client, config: Config) -> None:
    sent = filled(admin, page(config), text=json.dumps(ONE))
    change_config(config, text=json.dumps(BROKEN))
    answer = admin.post(page(config), sent)
    assert "at version 2" in errors(answer)["__all__"][0]
    config.refresh_from_db()
    assert json.loads(config.text) == BROKEN


def test_a_text_that_later_rules_refuse_stays_while_nobody_touches_it(admin: Client, config: Config) -> None:
    text = json.dumps({"strategy": {"mode": "single"}, "targets": [ONE, ONE]}, indent=2)
    Config.objects.update(text=text)
    answer = admin.post(page(config), filled(admin, page(config), name="Renamed"))
    config.refresh_from_db()
    assert (answer.status_code, config.name, config.text, config.number) == (302, "Renamed", text, 1)
    assert "text" in errors(
        admin.post(page(config), filled(admin, page(config), text=text.replace("single", "x")))
    )


def test_a_default_is_not_archived_or_deleted_in_the_admin(admin: Client, config: Config) -> None:
    change_config(config, is_default=True)
    answer = admin.post(page(config), filled(admin, page(config), status="archived"))
    assert "workspace Default" in errors(answer)["status"][0]
    admin.post(page(config, "delete"), {"post": "yes"})
    admin.post(LIST, {"action": "delete_selected", "_selected_action": [str(config.pk)], "post": "yes"})
    assert Config.objects.exists()


@pytest.mark.parametrize("how", ["page", "action"])
def test_it_is_deleted_with_its_versions(how: str, admin: Client, config: Config) -> None:
    chosen = {"action": "delete_selected", "_selected_action": [str(config.pk)], "post": "yes"}
    sent = (page(config, "delete"), {"post": "yes"}) if how == "page" else (LIST, chosen)
    assert admin.post(*sent).status_code == 302
    assert not Config.objects.exists()
    assert Change.objects.filter(object_id=str(config.pk)).count() == 2


def test_who_may_only_look_sees_all_and_can_send_nothing(viewer: Client, config: Config) -> None:
    change_config(config, text=json.dumps(ONE))
    pages = [page(config), page(config, "versions") + "?version=1", page(config, "try")]
    text = "".join(shown(viewer.get(url)) for url in pages)
    assert "@openai" in text
    assert 'name="_save"' not in text
    assert "in force again" not in text
    for name, sent in (("change", {"name": "x"}), ("restore", {"version": "1"}), ("close", {"key": "x"})):
        assert viewer.post(page(config, name), sent).status_code == 403
    config.refresh_from_db()
    assert (config.number, config.name) == (2, "Ours")


@pytest.mark.parametrize("name", ["try", "versions", "restore", "close"])
def test_the_pages_of_no_config_are_not_there(name: str, admin: Client, config: Config) -> None:
    there = page(config, name)
    nowhere = there.replace(str(config.pk), "00000000-0000-0000-0000-000000000000")
    client = signed_in()
    for ask in (admin.get, admin.post):
        assert ask(nowhere).status_code in (404, 405)
    assert client.post(there).status_code == 403


def test_what_an_admin_wrote_is_shown_as_text(admin: Client, workspace: Workspace) -> None:
    told = {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {f"metadata.{KEY}": {"$regex": HOSTILE}}, "then": HOSTILE}],
            "default": HOSTILE,
        },
        "targets": [{"provider": f"@{SLUG}", "name": HOSTILE, "override_params": {HOSTILE: HOSTILE}}],
    }
    config = create_config(workspace, HOSTILE, json.dumps(told))
    change_config(config, text=json.dumps({**told, "retry": {"attempts": 1}}))
    sent = {
        "path": f"/v1/{HOSTILE}",
        "metadata": json.dumps({KEY: HOSTILE}),
        "body": json.dumps({"model": HOSTILE}),
    }
    for answer in (
        admin.get(LIST),
        admin.get(page(config)),
        admin.get(page(config, "versions")),
        admin.post(page(config, "try"), sent),
        admin.post(page(config, "try"), {**sent, "body": HOSTILE}),
    ):
        text = shown(answer)
        assert "<img src=x" not in text
        assert "<script>document" not in text
        assert "<img src=x" in html.unescape(text)


HALF = "\ud800"


def test_half_a_surrogate_pair_breaks_no_page(admin: Client, workspace: Workspace) -> None:
    told = {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {f"metadata.{HALF}": {"$in": [HALF]}}, "then": HALF}],
            "default": HALF,
        },
        "targets": [
            {
                "provider": f"@{HALF}",
                "name": HALF,
                "override_params": {HALF: HALF},
                "drop_params": [HALF],
                "forward_headers": [HALF],
            }
        ],
    }
    config = create_config(workspace, "Half", json.dumps(told))
    sent = {"path": "/v1", "metadata": json.dumps({HALF: HALF}), "body": json.dumps({"model": HALF})}
    for name in ("change", "versions", "try"):
        assert "/admin/" in shown(admin.get(page(config, name)))
    assert "holds" in shown(admin.post(page(config, "try"), sent))
    strategies = [{**told["strategy"], "default": f"x{HALF}"}, {"mode": HALF, HALF: 1}]  # type: ignore[dict-item]
    for strategy in strategies:
        broken = json.dumps({**told, "strategy": strategy, HALF: 1})
        assert errors(admin.post(page(config), filled(admin, page(config), text=broken)))["text"]
    like = {"mode": "conditional", "conditions": [{"query": {"params.a": {f"${HALF}": 1}}, "then": "a"}]}
    for odd in (like, {"mode": "conditional", "conditions": [], "default": f"x{HALF}"}, {"mode": HALF}):
        Config.objects.update(text=json.dumps({**told, "strategy": odd}))
        assert "/admin/" in shown(admin.post(page(config, "try"), sent))


# The drawing.


def drawing(admin: Client, told: object, workspace: Workspace) -> str:
    config = create_config(workspace, "Drawn", json.dumps(told))
    text = shown(admin.get(page(config)))
    return html.unescape(text[text.index('id="tree"') :])


def test_the_tree_is_drawn(admin: Client, workspace: Workspace) -> None:
    targets = [
        {
            "provider": "@openai",
            "weight": 7,
            "override_params": {"model": "gpt-4o"},
            "default_params": {"temperature": 0},
            "drop_params": ["tools[*].function.strict", "messages[0].name"],
            "request_timeout": 1500,
            "strict_open_ai_compliance": False,
        },
        {"virtual_key": "azure", "weight": 3, "cache": {"mode": "semantic"}},
    ]
    told = {
        "retry": {"attempts": 2, "on_status_codes": [503, 429], "use_retry_after_header": True},
        "cache": {"mode": "simple", "max_age": 7200},
        "strategy": {"mode": "loadbalance", "sticky": {"enabled": True, "hash_fields": ["metadata._user"]}},
        "targets": targets,
    }
    text = drawing(admin, told, workspace)
    for words in (
        "Load balance",
        "the same one for the same API key, metadata._user during 5 min",
        "70 %",
        "30 %",
        "@openai",
        "@azure",
        'model = "gpt-4o"',
        "temperature = 0",
        "tools[*].function.strict, messages[0].name",
        "2 more after 429, 503",
        "simple, 2 h",
        "semantic",
        "1.5 s",
        "config.targets[1]",
    ):
        assert words in text


def test_conditions_are_drawn_in_words(admin: Client, workspace: Workspace) -> None:
    told = {
        "strategy": {
            "mode": "conditional",
            "conditions": [
                {"query": {"metadata.plan": "paid", "params.n": {"$gte": 1, "$lt": 3}}, "then": "a"},
                {
                    "query": {"$or": [{"url.pathname": {"$regex": "^/v1/e"}}, {"metadata.x": {"$nin": [1]}}]},
                    "then": "a",
                },
                {"query": {}, "then": "b"},
            ],
            "default": "b",
        },
        "targets": [{**ONE, "name": "a"}, {**TWO, "name": "b"}, {**ONE, "name": "c"}],
    }
    text = drawing(admin, told, workspace)
    for words in (
        'if metadata.plan is "paid" and params.n is at least 1 and is below 3, '
        "or if (url.pathname matches /^/v1/e/ or metadata.x is none of [1])",
        "if always, or otherwise",
        "never: no condition leads here",
        "One after the other, until one answers with 2xx",
    ):
        assert words in text


def test_targets_are_drawn_in_the_order_of_the_conditions(admin: Client, workspace: Workspace) -> None:
    told = {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {"params.n": place}, "then": name} for place, name in enumerate("cbc")],
            "default": "a",
        },
        "targets": [{"provider": f"@key-{name}", "name": name} for name in ("nobodys", *"abc")],
    }
    config = create_config(workspace, "Drawn", json.dumps(told))
    box = drawn(compiled(config.text))
    assert [each.name for each in box.below] == ["c", "b", "a", "nobodys"]
    assert [each.way.split()[0] for each in box.below] == ["if", "if", "otherwise", "never:"]


def test_a_target_whose_key_is_not_there_is_marked(
    admin: Client, config: Config, virtual_key: VirtualKey, other: Workspace
) -> None:
    elsewhere = create_virtual_key(other, "Theirs", provider="openai", secret="sk-x", slug="theirs")
    named = [virtual_key.slug, elsewhere.slug, "nobodys", "\ud800"]
    told = {"strategy": {"mode": "fallback"}, "targets": [{"provider": f"@{slug}"} for slug in named]}
    change_config(config, text=json.dumps(told))
    assert shown(admin.get(page(config))).count("no such key") == 3
    with changing(virtual_key):
        virtual_key.active = False
        virtual_key.save()
    assert shown(admin.get(page(config))).count("no such key") == 4
    assert shown(admin.get(page(config, "try"))).count("no such key") == 4


def test_a_tree_of_any_depth_and_width_is_drawn(admin: Client, workspace: Workspace) -> None:
    wide: dict[str, Any] = {"strategy": {"mode": "loadbalance"}, "targets": [ONE] * 300}
    for _ in range(14):
        wide = {"strategy": {"mode": "fallback"}, "targets": [wide, ONE]}
    text = drawing(admin, wide, workspace)
    assert "and 200 more, which are not drawn" in text
    assert text.count(".targets[0].targets[99]<") == 1


def test_a_text_that_is_no_config_any_more_is_shown_with_what_is_wrong(admin: Client, config: Config) -> None:
    Config.objects.update(text='{"retry": {"attempts": "1"}}')
    for name in ("change", "try"):
        text = shown(admin.get(page(config, name)))
        assert "is no config for this version" in text
        assert "path: retry,attempts" in text
    assert admin.post(page(config, "try"), {"path": "/v1", "metadata": "", "body": ""}).status_code == 200


# Dry runs.


def tried(admin: Client, config: Config, **sent: Any) -> Any:
    told = {"path": "/v1/chat/completions", "metadata": "{}", "body": '{"model": "gpt-4o"}', **sent}
    answer = admin.post(page(config, "try"), told)
    assert answer.status_code == 200
    return answer


def test_a_dry_run_names_the_target_and_who_follows(admin: Client, config: Config) -> None:
    answer = tried(admin, config)
    (first,) = answer.context["run"].firsts
    assert (first.words, first.target.path, first.model) == ("@openai", "config.targets[0]", "gpt-4o")
    assert first.next == ("@azure (config.targets[1]), if what came before it answers with anything but 2xx",)
    assert "It goes to" in " ".join(shown(answer).split()) or "It goes" in shown(answer)
    assert Change.objects.filter(object_id=str(config.pk)).count() == 1


def test_a_dry_run_says_that_every_call_is_refused_where_a_key_is_missing(
    admin: Client, config: Config, virtual_key: VirtualKey
) -> None:
    secret = "sk-" + "x" * 60
    named = [virtual_key.slug, "nobodys", secret]
    told = {"strategy": {"mode": "fallback"}, "targets": [{"provider": f"@{slug}"} for slug in named]}
    change_config(config, text=json.dumps(told))
    answer = tried(admin, config)
    problem = f"Following keys are not valid: nobodys, {tokens.hint(secret)}"
    assert answer.context["run"].forbidden == problem
    assert f"400 {problem}" in html.unescape(shown(answer))
    change_config(config, text=json.dumps({"provider": f"@{virtual_key.slug}"}))
    answer = tried(admin, config)
    assert answer.context["run"].forbidden == ""
    assert "is refused" not in shown(answer)


def test_weights_are_told_as_chances(admin: Client, workspace: Workspace) -> None:
    inner = {"strategy": {"mode": "loadbalance"}, "targets": [{**ONE, "weight": 3}, {**ONE, "weight": 1}]}
    told = {
        "strategy": {"mode": "loadbalance"},
        "targets": [{**inner, "weight": 1}, ONE, {**ONE, "weight": 0}],
    }
    config = create_config(workspace, "Weights", json.dumps(told))
    answer = tried(admin, config)
    assert answer.context["run"].shares == {
        "config.targets[0].targets[0]": 0.375,
        "config.targets[0].targets[1]": 0.125,
        "config.targets[1]": 0.5,
    }
    assert "37.5 %" in shown(answer)


CONDITIONAL = {
    "strategy": {
        "mode": "conditional",
        "conditions": [
            {"query": {"metadata.plan": "paid"}, "then": "a"},
            {"query": {"params.temperature": {"$gt": 1}}, "then": "b"},
            {"query": {"url.pathname": "/v1/embeddings"}, "then": "b"},
        ],
        "default": "a",
    },
    "targets": [
        {**ONE, "name": "a"},
        {"provider": "@azure", "name": "b", "override_params": {"model": "gpt-5"}},
    ],
}


@pytest.mark.parametrize(
    ("sent", "place", "model", "held"),
    [
        ({"metadata": '{"plan": "paid"}'}, 0, "gpt-4o", [True, None, None]),
        ({"body": '{"temperature": 1.5}'}, 1, "gpt-5", [False, True, None]),
        ({"path": "/v1/embeddings"}, 1, "gpt-5", [False, False, True]),
        ({"metadata": ""}, 0, "gpt-4o", [False, False, False]),
    ],
)
def test_conditions_are_evaluated_one_by_one(
    sent: dict[str, str], place: int, model: str, held: list[bool | None], admin: Client, workspace: Workspace
) -> None:
    config = create_config(workspace, "Conditions", json.dumps(CONDITIONAL))
    run = tried(admin, config, **sent).context["run"]
    assert [(first.target.path, first.model) for first in run.firsts] == [(f"config.targets[{place}]", model)]
    assert [check.holds for check in run.steps[0].checks] == held


def test_what_would_be_refused_is_told(admin: Client, workspace: Workspace) -> None:
    """What the rules of saved configs forbid cannot be saved, so the row is written past them."""
    config = create_config(workspace, "Refused", json.dumps(CONDITIONAL))
    for strategy, problem in (
        ({"mode": "conditional"}, "No conditions passed in the query router"),
        ({"mode": "conditional", "conditions": []}, "Query router did not resolve to any valid target"),
        (
            {"mode": "conditional", "conditions": [], "default": "x"},
            "Invalid target name found in the query router: x",
        ),
        (
            {"mode": "conditional", "conditions": [{"query": {"params.a": {"$like": 1}}, "then": "a"}]},
            "Unsupported operator used in the query router: $like",
        ),
    ):
        Config.objects.update(text=json.dumps({**CONDITIONAL, "strategy": strategy}))
        answer = tried(admin, config)
        assert [each.message for each in answer.context["run"].refusals] == [problem]
        assert problem in html.unescape(shown(answer))


@pytest.mark.parametrize("wrong", [{"metadata": "{"}, {"metadata": "[]"}, {"body": "x"}, {"path": ""}])
def test_a_request_that_cannot_be_is_not_tried(wrong: dict[str, str], admin: Client, config: Config) -> None:
    answer = tried(admin, config, **wrong)
    assert answer.context["run"] is None
    assert answer.context["form"].errors.keys() == wrong.keys()


# Breakers.


@pytest.fixture
def broken(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A config whose first target is left alone, beside one of another workspace's."""
    config = create_config(workspace, "Broken", json.dumps(BROKEN))
    digest = compiled(config.text).digest[:16]
    now = timezone.now()
    keys = [f"{workspace.pk}:{config.slug}:{digest}:config.targets[0]", "elsewhere:pc-x:0:config.targets[1]"]
    opened = [Open(key, now, now + timedelta(minutes=1), 5) for key in keys]
    monkeypatch.setattr(breaker, "opened", lambda: opened)
    return config


def test_open_breakers_are_shown(admin: Client, broken: Config) -> None:
    text = shown(admin.get(page(broken)))
    assert "left alone: its breaker is open" in text
    assert text.count("Close now") == 1
    assert "elsewhere" not in text
    assert "Each worker has its own" in text


def test_of_very_many_open_breakers_some_are_listed(
    admin: Client, broken: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_pages, "MOST_OPEN", 3)
    one = breaker.opened()[0]
    monkeypatch.setattr(breaker, "opened", lambda: [one] * 5)
    text = shown(admin.get(page(broken)))
    assert text.count("Close now") == 3
    assert "And 2 more are open." in text


def test_it_is_told_when_they_are_shared(
    admin: Client, broken: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "scope", lambda: "shared")
    assert "All workers share them" in shown(admin.get(page(broken)))


def test_a_dry_run_leaves_out_what_a_call_would(admin: Client, broken: Config) -> None:
    run = tried(admin, broken).context["run"]
    assert list(run.shares) == ["config.targets[1]"]


def test_a_breaker_is_closed_and_only_ones_own(
    admin: Client, broken: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    monkeypatch.setattr(breaker, "reset", closed.append)
    mine, theirs = (each.key for each in breaker.opened())
    assert admin.post(page(broken, "close"), {"key": mine}).status_code == 302
    assert admin.post(page(broken, "close"), {"key": theirs}).status_code == 404
    assert closed == [mine]
    event = AuditEvent.objects.order_by("-id")[0]
    assert (event.action, event.object_id) == ("manage", str(broken.pk))
    assert event.changes == {"breaker of config.targets[0]": ["open", "closed"]}


def test_a_key_of_a_breaker_is_one_that_calls_make(broken: Config) -> None:
    from proxy.plan import Plan

    made = Plan.place(_planned(broken), "config.targets[0]")
    assert made == breaker.opened()[0].key
    assert made.startswith(admin_pages.place_of(broken))


def _planned(config: Config) -> Any:
    """What of a plan the key of a breaker is made of."""

    class Planned:
        class caller:
            workspace_id = str(config.workspace_id)

        class chosen:
            slug = config.slug

        tree = compiled(config.text)

    return Planned


def test_where_there_are_none_nothing_is_said_of_them(admin: Client, config: Config) -> None:
    assert 'id="breakers"' not in shown(admin.get(page(config)))


# Versions.


def test_a_version_shows_what_it_changed(admin: Client, config: Config) -> None:
    change_config(config, text=json.dumps({**TWO, "retry": {"attempts": 2}}))
    answer = admin.get(page(config, "versions"))
    marked = [line.text.strip() for line in answer.context["differences"] if line.mark == "+"]
    assert '"attempts": 2' in marked
    assert "Put it in force again" not in shown(answer)
    first = admin.get(page(config, "versions"), {"version": "1"})
    assert first.context["differences"] == []
    assert "Put it in force again" in shown(first)
    for nothing in ("3", "0", "-1", "x", "9" * 30):
        assert admin.get(page(config, "versions"), {"version": nothing}).status_code == (
            404 if nothing == "3" else 200
        )


def test_a_version_is_put_in_force_again_as_a_new_one(admin: Client, config: Config) -> None:
    change_config(config, text=json.dumps(ONE))
    answer = admin.post(page(config, "restore"), {"version": "1"}, follow=True)
    assert "Version 1 is in force again, as version 3." in shown(answer)
    config.refresh_from_db()
    assert (config.number, json.loads(config.text)) == (3, TWO)
    assert [each.number for each in config.versions.all()] == [3, 2, 1]
    assert admin.post(page(config, "restore"), {"version": "7"}).status_code == 404


def test_one_that_is_no_config_any_more_stays_what_it_was(admin: Client, config: Config) -> None:
    change_config(config, text=json.dumps(ONE))
    config.versions.filter(number=1).update(text='{"retry": {"attempts": "1"}}')
    answer = admin.post(page(config, "restore"), {"version": "1"}, follow=True)
    assert "It would be no config any more: path: retry,attempts" in shown(answer)
    config.refresh_from_db()
    assert config.number == 2


def test_of_many_versions_those_around_are_listed(
    admin: Client, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_pages, "SHOWN", 4)
    for number in range(10):
        change_config(config, text=json.dumps({**ONE, "override_params": {"n": number}}))
    listed = admin.get(page(config, "versions"), {"version": "5"}).context["versions"]
    assert [each.number for each in listed] == [6, 5, 4, 3]


def lines(text: str) -> str:
    return "\n".join(text)


@pytest.mark.parametrize(
    ("before", "after", "marks"),
    [
        ("abc", "abc", ""),
        ("", "a", "+"),
        ("abc", "axc", " -+ "),
        ("abcdefghij", "abcdeXghij", "…   -+   …"),
        ("0abcdefghijk1", "Xabcdefghijk2", "-+   …   -+"),
        ("ab", "abab", "  ++"),
    ],
)
def test_differences_are_lines_with_some_around_them(before: str, after: str, marks: str) -> None:
    told = differences(lines(before), lines(after))
    assert "".join(line.mark for line in told) == marks


def test_very_many_differences_are_not_compared_one_with_another() -> None:
    old, new = (lines([f"{name}{n}" for n in range(5_000)]) for name in "ab")  # type: ignore[arg-type]
    told = differences(old, new)
    assert len(told) == 2 * (differences_module.SHOWN + 1)
    rest = Line("…", "and 4,500 more, which are not shown")
    assert [told[0], told[500], told[501], told[-1]] == [Line("-", "a0"), rest, Line("+", "b0"), rest]


def test_of_a_very_long_line_the_beginning_is_shown() -> None:
    (went, came) = differences("x" * 5_000, "y")
    assert went == Line("-", "x" * 4_000 + " … and 1,000 more characters, which are not shown")
    assert came == Line("+", "y")


# Defaults, in the forms of keys and workspaces.


def test_a_keys_default_is_chosen_of_its_workspaces_configs(
    admin: Client, config: Config, other: Workspace, api_key: ApiKey
) -> None:
    theirs = create_config(other, "Ours too", json.dumps(ONE))
    url = f"/admin/keys/apikey/{api_key.pk}/change/"
    text = html.unescape(shown(admin.get(url)))
    assert f"/admin/autocomplete/?of_workspace={config.workspace_id}" in text
    asked = {"app_label": "keys", "model_name": "apikey", "field_name": "default_config", "term": "Our"}
    found = admin.get("/admin/autocomplete/", {**asked, "of_workspace": str(config.workspace_id)}).json()
    assert [each["id"] for each in found["results"]] == [str(config.pk)]
    assert admin.get("/admin/autocomplete/", {**asked, "of_workspace": "x"}).json()["results"] == []
    assert "default_config" in errors(admin.post(url, filled(admin, url, default_config=str(theirs.pk))))
    assert admin.post(url, filled(admin, url, default_config=str(config.pk))).status_code == 302
    api_key.refresh_from_db()
    assert api_key.default_config == config
    assert AuditEvent.objects.order_by("-id")[0].changes["default_config"] == [
        None,
        f"{config} ({config.pk})",
    ]


def test_a_new_keys_default_is_of_its_workspace(admin: Client, config: Config, other: Workspace) -> None:
    url = "/admin/keys/apikey/add/"
    sent = filled(admin, url, name="New", workspace=str(other.pk), default_config=str(config.pk))
    assert errors(admin.post(url, sent))["default_config"] == ["This config is of another workspace."]


def test_a_workspaces_default_is_one_of_its_own(admin: Client, config: Config, other: Workspace) -> None:
    theirs = create_config(other, "Theirs", json.dumps(ONE))
    url = f"/admin/keys/workspace/{config.workspace_id}/change/"
    assert "default_config" in errors(admin.post(url, filled(admin, url, default_config=str(theirs.pk))))
    assert admin.post(url, filled(admin, url, default_config=str(config.pk))).status_code == 302
    assert Workspace.objects.get(pk=config.workspace_id).default_config == config
    assert "default_config" not in admin.get("/admin/keys/workspace/add/").context["adminform"].form.fields
