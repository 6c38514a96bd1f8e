"""A control that cannot work stops the start, by name; and whose word counts about where a call came from."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway_site.checks import debug, stop_if_unfit
from gateway_site.forwarded import believing

ROOT = Path(__file__).resolve().parent.parent


def test_what_the_tests_run_on_is_fit():
    stop_if_unfit()


@pytest.mark.parametrize(
    "key", ["short", "a" * 60, "changeme-" + "0123456789" * 5, "django-insecure-" + "x1y2z3" * 9]
)
def test_a_secret_that_can_be_guessed_stops_the_start(settings, key):
    settings.SECRET_KEY = key
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY can be guessed"):
        stop_if_unfit()


def test_while_debugging_any_secret_will_do(settings):
    settings.SECRET_KEY, settings.DEBUG = "short", True
    stop_if_unfit()


def test_a_credential_key_that_is_none_stops_the_start(settings):
    settings.CREDENTIAL_KEYS = ["not a key"]
    with pytest.raises(ImproperlyConfigured, match="CREDENTIAL_KEYS"):
        stop_if_unfit()


@pytest.mark.parametrize(
    ("host", "warned"), [("127.0.0.1", 0), ("::1", 0), ("localhost", 0), ("0.0.0.0", 1), ("", 1)]
)
def test_debugging_where_others_can_reach_it_is_warned_of(settings, host, warned):
    settings.DEBUG, settings.HOST = True, host
    assert len(debug()) == warned


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "10.0.0.1, nginx"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("CA_BUNDLE", "/nowhere/ca.pem"),
        ("LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "mysql://gatehouse:hush@db/gatehouse"),
        ("LOG_DATABASE_URL", "gatehouse"),
        ("PORT", "0"),
        ("DEBUG", "perhaps"),
    ],
)
def test_a_setting_that_will_not_do_stops_the_start_by_name(name, value):
    done = subprocess.run(
        [sys.executable, "-c", "import tests.settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], name: value},
        capture_output=True,
        text=True,
    )
    assert done.returncode
    assert done.stderr.splitlines()[-1].startswith(f"django.core.exceptions.ImproperlyConfigured: {name}")
    assert "hush" not in done.stderr.splitlines()[-1]


def address_seen(peer: str, header: str | None, proxies: list[str]) -> str:
    seen = []
    application = believing(lambda environ, start: seen.append(environ["REMOTE_ADDR"]) or [], proxies)
    environ = {"REMOTE_ADDR": peer} | ({} if header is None else {"HTTP_X_FORWARDED_FOR": header})
    application(environ, None)
    return seen[0]


@pytest.mark.parametrize(
    ("peer", "header", "proxies", "client"),
    [
        ("203.0.113.5", "198.51.100.1", [], "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", ["10.0.0.0/8"], "203.0.113.5"),
        ("10.0.0.2", "198.51.100.1", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.2", "198.51.100.1, 10.0.0.9", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.2", "192.0.2.66, 198.51.100.1", ["10.0.0.0/8"], "198.51.100.1"),
        ("10.0.0.2", "2001:db8::7", ["10.0.0.0/8", "::1"], "2001:db8::7"),
        ("10.0.0.2", "<script>, 10.0.0.9", ["10.0.0.0/8"], "10.0.0.9"),
        ("10.0.0.2", "", ["10.0.0.0/8"], "10.0.0.2"),
        ("10.0.0.2", None, ["10.0.0.0/8"], "10.0.0.2"),
        ("", "198.51.100.1", ["10.0.0.0/8"], ""),
    ],
)
def test_only_our_own_proxies_are_believed_about_the_client(peer, header, proxies, client):
    assert address_seen(peer, header, proxies) == client
