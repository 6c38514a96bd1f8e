"""The environment: how values are read, and that .env.example tells the whole of it, and the truth."""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from gateway_site import env

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
READERS = {
    name
    for name, found in vars(env).items()
    if inspect.isfunction(found) and next(iter(inspect.signature(found).parameters), "") == "name"
}
READ_IN = [ROOT / "gunicorn.conf.py", *(ROOT / "gateway_site").rglob("*.py")]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv("THING", raising=False)
    monkeypatch.delenv("THING_FILE", raising=False)


def test_a_value_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("THING", " value ")
    assert env.text("THING") == "value"


def test_a_value_comes_from_the_file_its_variable_names(monkeypatch, tmp_path):
    (tmp_path / "thing").write_text("sealed\n")
    monkeypatch.setenv("THING_FILE", str(tmp_path / "thing"))
    assert env.text("THING", "default") == "sealed"


def test_a_file_that_cannot_be_read_stops_the_start_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("THING_FILE", str(tmp_path / "missing"))
    with pytest.raises(ImproperlyConfigured, match=r"^THING_FILE: .*missing cannot be read"):
        env.text("THING", "default")


def test_what_has_no_default_stops_the_start_by_name():
    with pytest.raises(ImproperlyConfigured, match=r"^THING is not set"):
        env.text("THING")


@given(st.floats(min_value=0, max_value=1e9))
def test_numbers_are_read_as_written(value):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THING", repr(value))
        assert env.number("THING", 7) == value


@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf", "1e999", "0x10", "1 2"])
def test_a_number_that_is_none_or_too_small_stops_the_start_by_name(monkeypatch, value):
    monkeypatch.setenv("THING", value)
    with pytest.raises(ImproperlyConfigured, match=r"^THING must be"):
        env.number("THING", 7)


def test_half_a_port_stops_the_start(monkeypatch):
    monkeypatch.setenv("THING", "80.5")
    with pytest.raises(ImproperlyConfigured, match=r"^THING must be a whole number"):
        env.whole("THING", 80)


@pytest.mark.parametrize("value", ["1", "true", "Yes", "ON"])
def test_yes_in_its_spellings(monkeypatch, value):
    monkeypatch.setenv("THING", value)
    assert env.flag("THING") is True


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
def test_no_in_its_spellings_goes_before_a_default_of_yes(monkeypatch, value):
    monkeypatch.setenv("THING", value)
    assert env.flag("THING", default=True) is False


@pytest.mark.parametrize("default", [True, False])
def test_an_empty_flag_is_its_default(monkeypatch, default):
    monkeypatch.setenv("THING", "")
    assert env.flag("THING", default=default) is default


def test_maybe_stops_the_start_by_name(monkeypatch):
    monkeypatch.setenv("THING", "maybe")
    with pytest.raises(ImproperlyConfigured, match=r"^THING must be true or false"):
        env.flag("THING")


def test_a_list_is_cut_at_commas_and_trimmed(monkeypatch):
    monkeypatch.setenv("THING", " a, b ,,c")
    assert env.names("THING") == ["a", "b", "c"]


def test_a_secret_is_taken_from_the_file_kept_for_it(tmp_path):
    (tmp_path / "kept").write_text("made before\n")
    assert env.secret("THING", tmp_path / "kept") == "made before"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_or_empty_secret_stops_the_start_by_name(tmp_path, content):
    if content is not None:
        (tmp_path / "kept").write_text(content)
    with pytest.raises(ImproperlyConfigured, match=r"^THING is not set"):
        env.secret("THING", tmp_path / "kept")


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("gateway.local", "http://gateway.local:80"),
    ],
)
def test_where_a_server_is_found_from_its_own_machine(host, site):
    assert env.site(host, 80) == site


@pytest.mark.parametrize(("own", "read"), [({}, "from the file"), ({"THING": "own"}, "own")])
def test_a_dotenv_file_fills_in_what_the_environment_does_not_name(tmp_path, own, read):
    (tmp_path / "env").write_text("# a comment\nTHING='from the file'\n")
    program = "from gateway_site import env; print(env.text('THING'))"
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": str(tmp_path / "env"), **own}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == read


def reads() -> dict[str, str]:
    """The variables that the code asks for, with the default as it would stand in a file; "" if none."""
    found: dict[str, str] = {}
    for path in READ_IN:
        for call in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(call, ast.Call)
                and named(call) in READERS
                and isinstance(call.args[0], ast.Constant)
            ):
                found[call.args[0].value] = found.get(call.args[0].value) or default_of(call)
    return found


def named(call: ast.Call) -> str:
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def default_of(call: ast.Call) -> str:
    given = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "default")]
    if named(call) == "flag" and not given:
        return "false"
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def test_the_example_names_every_variable_that_is_read_and_no_other():
    assert EXAMPLE.keys() == reads().keys()


def test_the_example_states_the_defaults():
    assert {name: default for name, default in reads().items() if default} == {
        name: value for name, value in EXAMPLE.items() if value
    }


def test_the_example_as_it_stands_changes_nothing():
    active = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and line[0] != "#"]
    assert active == []
