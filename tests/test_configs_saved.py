"""Saved configs: made, changed, kept in versions, found by slug, and by whom they are a default."""

import json
import subprocess
import sys

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from audit import actors
from audit.models import AuditEvent
from configs import creation, saved
from configs.compiling import Invalid, NotJSON
from configs.creation import InUse, change_config, create_config, delete_config
from configs.lines import lines, lines_of
from configs.models import Config, ConfigVersion
from configs.tree import Fallback
from keys import callers, directory
from keys.changes import changing
from keys.creation import create_api_key
from keys.models import ApiKey, Change, Installation, Workspace
from tests.servers import ROOT

pytestmark = pytest.mark.django_db

ONE = {"provider": "@openai"}
TWO = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "@openai"}, {"provider": "@azure"}]}


def text(config: object) -> str:
    return json.dumps(config)


@pytest.fixture
def config(workspace: Workspace) -> Config:
    return create_config(workspace, "Fall back to Azure", text(TWO))


@pytest.fixture
def other(db: None) -> Workspace:
    return Workspace.objects.create(name="Other", slug="other")


def generation() -> int:
    return Installation.objects.current().generation


def look() -> None:
    """What was changed is known, as it is in a server within half a second."""
    directory.watcher.look()


# Making and changing.


def test_a_config_is_kept_readable_and_has_a_version(config: Config) -> None:
    assert config.text == json.dumps(TWO, indent=2)
    assert (config.number, config.current.text) == (1, config.text)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("Fallback gpt", "pc-fallba-"), ("A b", "pc-a-b-"), ("Émile", "pc-emile-"), ("日本", "pc-config-")],
)
def test_its_slug_is_made_of_its_name(name: str, begins: str, workspace: Workspace) -> None:
    slug = create_config(workspace, name, text(ONE)).slug
    assert slug.startswith(begins)
    assert len(slug) == len(begins) + 6


def test_a_slug_stays_when_the_name_changes(config: Config) -> None:
    slug = config.slug
    change_config(config, name="Renamed")
    assert Config.objects.get().slug == slug
    assert config.number == 1


def test_a_text_makes_a_version_and_the_same_text_makes_none(config: Config) -> None:
    change_config(config, text=text(ONE))
    change_config(config, text=json.dumps(ONE, indent=4))
    assert [each.number for each in config.versions.all()] == [2, 1]
    assert json.loads(config.current.text) == ONE
    assert json.loads(config.versions.get(number=1).text) == TWO


def test_who_made_it_and_who_changed_it_is_kept(workspace: Workspace) -> None:
    with actors.acting(actors.Actor("user", "1", "ada")):
        config = create_config(workspace, "Ours", text(ONE))
    with actors.acting(actors.Actor("user", "2", "grace")):
        change_config(config, text=text(TWO))
    assert (config.owner, config.updated_by) == ("ada", "grace")
    assert [each.author for each in config.versions.all()] == ["grace", "ada"]


@pytest.mark.parametrize(
    ("wrong", "raised"),
    [
        ("{", NotJSON),
        ("null", NotJSON),
        ("[]", Invalid),
        ("{}", Invalid),
        ('{"retry": {"attempts": 1}, "override_params": {"x": NaN}}', NotJSON),
        ('{"retry": {"attempts": 1}, "override_params": {"x": 1e400}}', NotJSON),
        ('{"provider": "openai", "api_key": "sk-1"}', Invalid),
        ('{"retry": {"attempts": 1}, "no_such_member": 1}', Invalid),
        ('{"retry": {"attempts": "1"}}', Invalid),
        ('{"a": ' + "[" * 100_000, NotJSON),
        ("x" * 1_100_000, ValidationError),
        (
            '{"provider": "@a", "override_params": {"x": [' + ",".join(["1"] * 200_000) + "]}}",
            ValidationError,
        ),
    ],
)
def test_what_is_no_config_is_not_kept(
    wrong: str, raised: type[Exception], config: Config, workspace: Workspace
) -> None:
    before = generation()
    with pytest.raises(raised):
        create_config(workspace, "Wrong", wrong)
    with pytest.raises(raised):
        change_config(config, text=wrong)
    assert generation() == before
    assert ConfigVersion.objects.count() == 1


@pytest.mark.parametrize("odd", ["é日🎉", "\ud800", "a\0b", "</script>", 2**60, 0.1, None, [True, {}, []]])
def test_any_json_can_be_in_it(odd: object, workspace: Workspace) -> None:
    told = {"provider": "@openai", "override_params": {"user": odd}}
    config = create_config(workspace, "Odd", text(told))
    assert json.loads(Config.objects.get().text) == told
    assert config.number == 1


def test_every_change_is_told_to_the_directory(config: Config) -> None:
    for change in ({"name": "x"}, {"text": text(ONE)}, {"status": "archived"}):
        before = generation()
        change_config(config, **change)
        assert generation() == before + 1
        assert Change.objects.filter(generation=before + 1, kind="config", object_id=str(config.pk)).exists()


def test_a_change_is_one_event_that_tells_the_text_before_and_after(config: Config) -> None:
    change_config(config, text=text(ONE))
    event = AuditEvent.objects.order_by("-id")[0]
    assert (event.action, event.object_kind, event.object_id) == ("update", "config", str(config.pk))
    assert event.changes["text"] == [json.dumps(TWO, indent=2), json.dumps(ONE, indent=2)]
    assert event.changes["number"] == [1, 2]
    assert event.workspace_id == config.workspace_id


def test_versions_are_numbered_once(config: Config) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ConfigVersion.objects.create(config=config, number=1, text="{}")


def test_a_change_is_made_to_the_row_as_it_is_now(config: Config) -> None:
    stale = Config.objects.get()
    change_config(config, text=text(ONE))
    change_config(stale, name="Renamed")
    row = Config.objects.get()
    assert (row.name, json.loads(row.text), row.number) == ("Renamed", ONE, 2)


# Defaults.


def token_of(workspace: Workspace, config: Config | None = None) -> str:
    key, token = create_api_key(workspace, "An app")
    if config is not None:
        with changing(key):
            key.default_config = config
            key.full_clean()
            key.save()
    return token


def test_a_call_without_a_config_has_the_keys_or_else_the_workspaces(
    config: Config, workspace: Workspace
) -> None:
    plain, own = token_of(workspace), token_of(workspace, create_config(workspace, "Own", text(ONE)))
    assert callers.find(plain).config == ""
    look()
    change_config(config, is_default=True)
    look()
    assert callers.find(plain).config == config.slug
    assert callers.find(own).config == Config.objects.get(name="Own").slug
    change_config(config, is_default=False)
    look()
    assert callers.find(plain).config == ""


def test_a_config_can_be_the_default_from_its_first_day(workspace: Workspace) -> None:
    first = create_config(workspace, "First", text(ONE), is_default=True)
    second = create_config(workspace, "Second", text(ONE), is_default=True)
    workspace.refresh_from_db()
    assert workspace.default_config == second
    change_config(first, is_default=False)  # it is none
    workspace.refresh_from_db()
    assert workspace.default_config == second


def test_nobody_has_a_default_of_another_workspace(config: Config, other: Workspace) -> None:
    key, _ = create_api_key(other, "Theirs")
    organisations = ApiKey(name="All", type="organisation-service")
    for row in (key, other, organisations):
        row.default_config = config
        with pytest.raises(ValidationError) as caught:
            row.clean()
        assert caught.value.message_dict["default_config"] == ["This config is of another workspace."]


def test_nor_one_that_is_archived(config: Config, workspace: Workspace) -> None:
    change_config(config, status="archived")
    workspace.default_config = config
    with pytest.raises(ValidationError, match="archived"):
        workspace.clean()


def test_a_default_is_neither_deleted_nor_archived(config: Config, workspace: Workspace) -> None:
    token_of(workspace, config)
    change_config(config, is_default=True)
    with pytest.raises(InUse, match="workspace Default, API key An app"):
        delete_config(config)
    with pytest.raises(ValidationError, match="workspace Default, API key An app"):
        change_config(config, status="archived")
    with pytest.raises(ProtectedError):
        Config.objects.all().delete()


def test_of_many_keys_some_are_named(config: Config, workspace: Workspace) -> None:
    for _ in range(7):
        token_of(workspace, config)
    assert config.default_of() == ["API key An app"] * 5 + ["others"]


def test_a_deleted_config_takes_its_versions_along(config: Config) -> None:
    delete_config(config)
    assert not ConfigVersion.objects.exists()
    assert AuditEvent.objects.order_by("-id")[0].action == "delete"


# Finding.


def test_a_config_is_found_compiled(config: Config) -> None:
    found = saved.find(str(config.workspace_id), config.slug)
    assert found is not None
    assert (found.id, found.slug, found.version) == (str(config.pk), config.slug, 1)
    assert found.version_id == str(config.current.pk)
    assert isinstance(found.tree.root, Fallback)
    assert (found.violations, found.problem) == ((), "")


def test_it_is_found_by_heart(config: Config, django_assert_num_queries: object) -> None:
    saved.find(str(config.workspace_id), config.slug)
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert saved.find(str(config.workspace_id), config.slug)


def test_it_is_read_in_one_question(config: Config, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert saved.find(str(config.workspace_id), config.slug)


@pytest.mark.parametrize("slug", ["", "pc-nobodys-000000", "a b", "a/b", "x" * 300, "pc\n"])
def test_what_there_is_not_is_not_found(slug: str, config: Config) -> None:
    assert saved.find(str(config.workspace_id), slug) is None
    assert saved.find("", config.slug) is None


def test_another_workspace_does_not_find_it(config: Config, other: Workspace) -> None:
    assert saved.find(str(other.pk), config.slug) is None


def test_a_change_is_seen_and_an_archived_one_is_gone(config: Config) -> None:
    place = str(config.workspace_id), config.slug
    saved.find(*place)
    look()
    change_config(config, text=text(ONE))
    look()
    found = saved.find(*place)
    assert found is not None
    assert (found.version, found.tree.mode) == (2, "single")
    change_config(config, status="archived")
    look()
    assert saved.find(*place) is None
    change_config(config, status="active")
    look()
    assert saved.find(*place) is not None


def test_a_text_that_is_no_config_any_more_says_so_and_breaks_nothing(config: Config) -> None:
    Config.objects.update(text='{"retry": {"attempts": "1"}}')
    found = saved.find(str(config.workspace_id), config.slug)
    assert found is not None
    assert [each.path for each in found.violations] == [("retry", "attempts")]
    assert found.problem == "path: retry,attempts, message: Expected number, received string"


EARLIER = [  # what could be saved under other rules, and whom it calls
    (
        {"strategy": {"mode": "fallback"}, "targets": [{"provider": "@openai/gpt-4o"}, ONE]},
        ("openai/gpt-4o", "openai"),
    ),
    ({"virtual_key": "openai/gpt-4o"}, ("openai/gpt-4o",)),
    ({"strategy": {"mode": "single"}, "targets": [ONE, ONE], "provider": "@azure"}, ("openai",)),
    ({**ONE, "retry": {"attempts": -1}, "request_timeout": 0}, ("openai",)),
    ({**ONE, "cache": {"mode": "simple", "max_age": 1}}, ("openai",)),
    ({"strategy": {"mode": "fallback"}, "targets": [ONE, {"retry": {"attempts": 1}}]}, ("openai",)),
    (
        {
            "strategy": {
                "mode": "conditional",
                "conditions": [{"query": {"params.a.b": {"$in": "x"}, "metadata.a": []}, "then": "a"}],
                "default": "a",
            },
            "targets": [{**ONE, "name": "a"}],
        },
        ("openai",),
    ),
]


@pytest.mark.parametrize("spaces", ["", " " * 20_000])
@pytest.mark.parametrize(("told", "slugs"), EARLIER)
def test_what_can_be_saved_no_longer_goes_on_as_it_was(
    told: object, slugs: tuple[str, ...], spaces: str, config: Config
) -> None:
    with pytest.raises(Invalid):
        change_config(config, text=text(told))
    Config.objects.update(text=text(told) + spaces)
    found = saved.find(str(config.workspace_id), config.slug)
    assert found is not None
    assert (found.violations, found.tree.slugs) == ((), slugs)
    change_config(config, name="Renamed")
    assert saved.find(str(config.workspace_id), config.slug) is not None


FLOODED = """
from gevent import monkey
monkey.patch_all()
import gevent, os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.settings"
django.setup()
from configs import compiling, saved
from configs.aside import aside

release = monkey.get_original("threading", "Event")()
flood = [gevent.spawn(aside, release.wait) for _ in range(20)]
gevent.sleep(0.1)
text = '{"provider": "@openai"' + " " * 2 * compiling.SHORT + "}"
tree, violations = saved.read(text)
print(tree.slugs, violations, sum(each.ready() for each in flood))
release.set()
gevent.joinall(flood)
"""


def test_a_flood_of_configs_in_requests_holds_up_no_saved_one() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FLOODED], capture_output=True, text=True, timeout=60, cwd=ROOT, check=False
    )
    assert told.stdout == "('openai',) () 0\n", told.stderr


# Places.

LINES = """{
  "a": "x, [{ \\" }]",
  "b": [

    {"c": 1,
     "requestTimeout": {"e": true}},
    []
  ], "f": {}
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("a",), 2),
        (("b",), 3),
        (("b", 0), 5),
        (("b", 0, "c"), 5),
        (("b", 0, "request_timeout", "e"), 6),
        (("b", 0, "requestTimeout", "e"), 6),
        (("b", 1), 7),
        (("f",), 8),
        (("b", 7, "x"), 3),
        (("nowhere",), 1),
    ],
)
def test_a_place_has_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert lines_of(LINES, [path, ()]) == [line, 1]


def test_a_place_is_found_in_a_text_that_is_nested_far_deeper() -> None:
    deep = '{"a":\n' + "[" * 300 + '{"x":\n1}' + "]" * 300 + ',\n"b": 1}'
    assert lines_of(deep, [("b",), ("a", 0), ("a", 1)]) == [4, 2, 2]


def test_a_place_costs_no_more_where_the_text_is_nested_deeper() -> None:
    longest = max(len(path) for path, _ in lines("[" * 900 + "]" * 900, 3))
    assert longest == 4


def test_what_is_checked_is_what_is_kept(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    monkeypatch.setattr(creation, "LARGEST", 40)
    assert creation.checked('{"provider":"@openai"}')
    with pytest.raises(ValidationError, match="at most"):
        creation.checked('{"provider":"@openai","retry":{"attempts":1}}')
