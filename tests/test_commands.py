"""The commands of keys/: what they print, what they say when they cannot, and that processes hear of it."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command, get_commands
from django.core.management.base import CommandError
from pytest_django import Settings

from keys import callers, checks, crypto, tokens, virtual_keys
from keys.creation import create_virtual_key
from keys.management.commands import rotate_credentials
from keys.models import ApiKey, Installation, Integration, VirtualKey, Workspace
from tests.servers import KINDS, Yard

ROOT = Path(__file__).resolve().parent.parent
NEW = Fernet.generate_key().decode()


def said(command: str, *arguments: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=err)
    assert command == "rotate_credentials" or not err.getvalue()
    return out.getvalue()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives a text on standard input."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def generation() -> int:
    return Installation.objects.current().generation


def test_a_new_key_is_printed_alone(db: None) -> None:
    printed = said("create_api_key", "An app")
    token = printed.removesuffix("\n")
    assert tokens.is_token(token)
    assert callers.find(token).may("completions.write")
    assert callers.find(token).workspace_slug == "default"


def test_a_key_gets_the_scopes_and_the_workspace_it_is_given(db: None) -> None:
    Workspace.objects.create(name="Other", slug="other")
    token = said(
        "create_api_key", "x", "--workspace", "other", "--scope", "logs.view", "--scope", "logs.write"
    ).strip()
    caller = callers.find(token)
    assert (caller.workspace_slug, caller.scopes) == ("other", {"logs.view", "logs.write"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create_api_key", "x", "--workspace", "nowhere"], "no workspace nowhere"),
        (["create_api_key", "x", "--scope", "everything"], "scopes: A list of scopes"),
        (["create_api_key", ""], "name: "),
        (["create_virtual_key", "x", "--provider", "nobody"], "no provider nobody"),
        (["create_virtual_key", "x", "--provider", "openai", "--slug", "a/b"], "slug: "),
        (["create_virtual_key", "x", "--provider", "openai", "--workspace", "nowhere"], "no workspace"),
        (["create_virtual_key", "x", "--provider", "openai", "--key-env", "NOT_SET"], "NOT_SET is not set"),
        (["create_virtual_key", "x", "--provider", "openai", "--setting", "a"], "name=value"),
        (["create_virtual_key", "x", "--provider", "openai", "--setting", "a=b"], "no setting a"),
        (["create_virtual_key", "x", "--provider", "openai", "--custom-host", "ftp://x"], "custom_host: "),
    ],
)
def test_what_cannot_be_made_is_said_and_nothing_is_made(
    arguments: list[str], message: str, db: None, given: Callable[[str], None]
) -> None:
    given("sk-a-secret-of-the-tests")
    before = generation()
    with pytest.raises(CommandError) as caught:
        said(*arguments)
    assert message in str(caught.value)
    assert "sk-a-secret" not in str(caught.value)
    assert (generation(), ApiKey.objects.count(), VirtualKey.objects.count()) == (before, 0, 0)


def test_a_virtual_key_takes_its_secret_from_standard_input(
    workspace: Workspace, given: Callable[[str], None]
) -> None:
    given("sk-a-secret-of-the-tests\n")
    slug = said("create_virtual_key", "Open AI key", "--provider", "openai").removesuffix("\n")
    found = virtual_keys.find(str(workspace.pk), slug)
    assert found is not None
    assert found.credential.secret == "sk-a-secret-of-the-tests"


def test_a_virtual_key_takes_its_secret_from_a_variable(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "sk-from-the-environment")
    arguments = ["--slug", "mine", "--key-env", "A_SECRET", "--custom-host", "http://10.0.0.1/v1"]
    assert said("create_virtual_key", "x", "--provider", "openai", *arguments) == "mine\n"
    found = virtual_keys.find(str(workspace.pk), "mine")
    assert found is not None
    assert found.credential.secret == "sk-from-the-environment"
    assert found.credential.base_url == "http://10.0.0.1/v1"


def test_a_server_that_asks_for_no_key_gets_none(
    workspace: Workspace, given: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    given("\n")
    monkeypatch.setenv("EMPTY", "")
    for slug, more in {"typed": [], "named": ["--key-env", "EMPTY"]}.items():
        host = ["--slug", slug, "--custom-host", "http://10.0.0.1/v1", *more]
        assert said("create_virtual_key", "x", "--provider", "openai", *host) == f"{slug}\n"
        found = virtual_keys.find(str(workspace.pk), slug)
        assert found is not None
        assert found.credential.secret == ""


def test_a_secret_in_two_lines_is_refused(db: None, given: Callable[[str], None]) -> None:
    given("sk-first-half\nsecond-half\n")
    with pytest.raises(CommandError, match="secret: A key is printable ASCII") as caught:
        said("create_virtual_key", "x", "--provider", "openai")
    assert "half" not in str(caught.value)


def test_a_setting_of_the_provider_is_given_on_the_command_line(yard: Yard) -> None:
    """By `manage.py` itself, whose own option --settings is near."""
    with yard.made(KINDS["sqlite-1-worker"]) as site:
        site.environment["A_SECRET"] = "sk-of-a-project"
        more = ["--slug", "mine", "--key-env", "A_SECRET", "--setting", "openai_project=proj_1"]
        more += ["--setting", "openai_organization=org-1"]
        assert site.manage("create_virtual_key", "x", "--provider", "openai", *more) == "mine"
        told = "from keys.models import Integration; print(Integration.objects.get(slug='mine').settings)"
        assert site.python(told) == "{'openai_project': 'proj_1', 'openai_organization': 'org-1'}"


def test_a_database_made_by_migrate_is_for_its_owner_alone(tmp_path: Path) -> None:
    given = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "ENV_FILE": ""}
    given |= {"CREDENTIAL_KEYS": NEW, "SECRET_KEY": token_urlsafe(48)}
    run = [sys.executable, "manage.py", "migrate", "contenttypes"]
    subprocess.run(run, cwd=ROOT, env=given, capture_output=True, timeout=60, check=True, umask=0o022)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes.pop("gatehouse.sqlite3") == 0o600
    assert set(modes.values()) <= {0o600}


def test_no_secret_is_no_virtual_key(db: None, given: Callable[[str], None]) -> None:
    given(" \n")
    with pytest.raises(CommandError, match="No key came"):
        said("create_virtual_key", "x", "--provider", "openai")


@pytest.fixture
def sealed(workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Five virtual keys under an old credential key, with a new one in front of it; batches of two."""
    for number in range(5):
        create_virtual_key(workspace, "x", provider="openai", slug=f"k{number}", secret=f"sk-secret-{number}")
    monkeypatch.setattr(rotate_credentials, "BATCH", 2)
    settings.CREDENTIAL_KEYS = [NEW, *settings.CREDENTIAL_KEYS]
    return [f"k{number}" for number in range(5)]


def secrets(workspace: Workspace, slugs: list[str]) -> list[str]:
    found = [virtual_keys.find(str(workspace.pk), slug) for slug in slugs]
    return [held.credential.secret for held in found if held is not None]


def test_after_a_rotation_the_old_key_can_be_taken_away(
    sealed: list[str], workspace: Workspace, settings: Settings
) -> None:
    err = io.StringIO()
    call_command("rotate_credentials", stderr=err)
    settings.CREDENTIAL_KEYS = [NEW]
    assert secrets(workspace, sealed) == [f"sk-secret-{number}" for number in range(5)]
    assert checks.seal_problems() == []
    progress = err.getvalue().splitlines()
    assert progress[:3] == ["2 of 5", "4 of 5", "5 of 5"]
    assert NEW not in err.getvalue()


def test_a_rotation_that_was_broken_off_goes_on(
    sealed: list[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, batches = rotate_credentials.reseal, iter([True])

    def once(batch: list[Integration]) -> list[Integration]:
        if next(batches, False):
            return real(batch)
        raise KeyboardInterrupt

    monkeypatch.setattr(rotate_credentials, "reseal", once)
    with pytest.raises(KeyboardInterrupt):
        said("rotate_credentials")
    assert Integration.objects.sealed_before().count() == 3
    assert Installation.objects.current().opens()
    monkeypatch.setattr(rotate_credentials, "reseal", real)
    err = io.StringIO()
    call_command("rotate_credentials", stderr=err)
    assert err.getvalue().startswith("2 of 3")
    settings.CREDENTIAL_KEYS = [NEW]
    assert checks.seal_problems() == []


def test_a_rotation_does_not_finish_while_a_row_cannot_be_unsealed(
    sealed: list[str], settings: Settings
) -> None:
    lost = Integration.objects.get(slug="k1")
    foreign = Fernet(Fernet.generate_key()).encrypt(b"sk-lost").decode()
    Integration.objects.filter(pk=lost.pk).update(sealed_secret=foreign, key_id="elsewhere")
    with pytest.raises(CommandError) as caught:
        said("rotate_credentials")
    assert f"{lost.pk} k1" in str(caught.value)
    assert foreign not in str(caught.value)
    assert list(Integration.objects.sealed_before()) == [lost]
    settings.CREDENTIAL_KEYS = [NEW]
    assert "keys.E002" in [problem.id for problem in checks.seal_problems()]  # the old key is still needed


def test_a_rotation_does_not_finish_over_what_was_added_meanwhile(
    sealed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rotate_credentials.seal_canary

    def late() -> None:
        Integration.objects.filter(slug="k0").update(key_id="elsewhere")
        real()

    monkeypatch.setattr(rotate_credentials, "seal_canary", late)
    with pytest.raises(CommandError, match="run this again"):
        said("rotate_credentials")


ARGUMENTS = {
    "create_api_key": ["x"],
    "create_virtual_key": ["x", "--provider", "openai"],
    "rotate_credentials": [],
}


def test_every_command_of_keys_is_walked_below() -> None:
    assert {name for name, app in get_commands().items() if app == "keys"} == set(ARGUMENTS)


@pytest.mark.parametrize("command", ARGUMENTS)
def test_every_command_that_changes_keys_raises_the_generation(
    command: str, virtual_key: VirtualKey, given: Callable[[str], None], settings: Settings
) -> None:
    settings.CREDENTIAL_KEYS = [NEW, *settings.CREDENTIAL_KEYS]
    given("sk-1234")
    before = generation()
    said(command, *ARGUMENTS[command])
    assert generation() > before


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["create_api_key", "x"], {}, "Has `migrate` been run?"),
        (["create_api_key", "x"], {"CREDENTIAL_KEYS": "no-key"}, "CREDENTIAL_KEYS: key 1 of 1"),
        (["rotate_credentials"], {"CREDENTIAL_KEYS": "no-key"}, "CREDENTIAL_KEYS: key 1 of 1"),
    ],
)
def test_from_a_shell_an_error_is_a_sentence_and_no_traceback(
    arguments: list[str], environment: dict[str, str], message: str, tmp_path: Path
) -> None:
    given = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    given |= {"DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "gateway_site.settings"}
    given |= {"CREDENTIAL_KEYS": NEW, "SECRET_KEY": token_urlsafe(48), "ENV_FILE": ""} | environment
    run = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(run, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "no-key" not in done.stderr


def test_the_names_of_credential_keys_are_kept_beside_rows(virtual_key: VirtualKey) -> None:
    assert virtual_key.integration.key_id == crypto.key_id()
