"""Signing in to the admin: failures slow it, owners still get in, cookies are kept safe."""

import contextlib
import http.client
import re
import runpy
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from gateway_site import pauses, signing_in
from gateway_site.models import Tries
from tests.servers import ROOT, Gatehouse

pytestmark = pytest.mark.django_db(databases=["default", "logs"])
RIGHT, WRONG = "the right password", "a wrong password"


@pytest.fixture(autouse=True)
def quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def admin(quick_hashes: None) -> User:
    return User.objects.create_superuser("Ada", password=RIGHT)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it to let time pass."""
    start, passed = timezone.now(), [timedelta()]
    monkeypatch.setattr(pauses.timezone, "now", lambda: start + passed[0])

    def wait(seconds: float) -> None:
        passed[0] += timedelta(seconds=seconds)

    return wait


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """The failures an address has before its first pause; really 20."""
    monkeypatch.setattr(pauses, "OF_AN_ADDRESS", 6)
    return 6


def ask(client: Client, name: str = "Ada", password: str = WRONG, address: str = "192.0.2.1") -> Any:
    body = {"username": name, "password": password}
    return client.post("/admin/login/?next=/admin/", body, REMOTE_ADDR=address)


def fail(times: int, name: str = "Ada", address: str = "192.0.2.{}") -> None:
    """Each from an address of its own, unless `address` is one."""
    for number in range(times):
        assert ask(Client(), name, WRONG, address.format(number)).status_code == 200


def told(answer: Any) -> str:
    found = re.search(r"(Try again in|The next attempt is possible in) [^.]*\.", answer.content.decode())
    return found[0] if found else ""


def test_the_right_password_gets_in_and_the_session_is_a_new_one(client, admin):
    client.get("/admin/login/")
    client.session["before"] = "signing in"
    client.session.save()
    before = client.session.session_key
    answer = ask(client, password=RIGHT)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert client.session.session_key != before
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("name", ["Ada", "nobody"])
def test_after_five_failures_a_name_waits_whether_it_exists_or_not(client, admin, clock, name):
    fail(4, name)
    assert told(last := ask(client, name)) == "The next attempt is possible in 30 seconds."
    assert last.status_code == 200
    answer = ask(client, name, RIGHT)
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert told(answer) == "Try again in 30 seconds."
    assert "Please enter the correct" not in answer.content.decode()


@pytest.mark.parametrize("name", ["Ada", "nobody"])
def test_a_name_that_does_not_exist_takes_as_much_hashing(client, admin, monkeypatch, name):
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *given: hashed.append(given[1]) or encode(*given))
    ask(client, name)
    assert hashed == [WRONG]


def test_the_right_password_gets_in_when_the_pause_is_over(client, admin, clock):
    fail(5)
    clock(29)
    assert told(ask(client, password=RIGHT)) == "Try again in 1 second."
    clock(1)
    assert ask(client, password=RIGHT).status_code == 302
    fail(4)


def test_no_password_is_hashed_during_a_pause(client, admin, clock, monkeypatch):
    fail(5)
    monkeypatch.setattr(signing_in.AuthenticationForm, "clean", lambda form: pytest.fail("It was looked at."))
    assert ask(client, password=RIGHT).status_code == 429


def test_pauses_double_up_to_a_quarter_of_an_hour(client, admin, clock):
    fail(5)
    waited = []
    for _ in range(7):
        clock(3600)
        waited.append(told(ask(client)).removeprefix("The next attempt is possible in "))
    assert waited == [
        "1 minute.",
        "2 minutes.",
        "4 minutes.",
        "8 minutes.",
        "15 minutes.",
        "15 minutes.",
        "15 minutes.",
    ]


def test_spellings_of_a_name_count_together_and_other_names_do_not(admin, clock):
    for name in ("Ada", "ada", " ADA ", "\uff21da", "aDa"):
        assert ask(Client(), name).status_code == 200
    assert ask(Client(), "ADA").status_code == 429
    assert ask(Client(), "Ida").status_code == 200


@pytest.mark.parametrize(
    "first, neighbour, stranger",
    [
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"),
    ],
)
def test_an_address_waits_after_many_failures_under_any_names(admin, clock, few, first, neighbour, stranger):
    for number in range(few):
        assert ask(Client(), f"name {number}", address=first).status_code == 200
    assert ask(Client(), "Ada", RIGHT, neighbour).status_code == 429
    assert ask(Client(), "Ada", RIGHT, stranger).status_code == 302


def test_a_success_takes_nothing_off_an_address_but_its_own_try(admin, clock, few):
    for number in range(few - 1):
        ask(Client(), f"name {number}")
    assert ask(Client(), password=RIGHT).status_code == 302
    assert ask(Client(), "another").status_code == 200
    assert ask(Client(), password=RIGHT).status_code == 429


def test_who_signed_in_before_gets_in_whatever_others_try_from_afar_or_beside(client, admin, clock):
    assert ask(client, password=RIGHT).status_code == 302
    client.post("/admin/logout/")
    assert client.get("/admin/").status_code == 302
    fail(5, "Ada", "192.0.2.1")
    assert ask(Client(), password=RIGHT).status_code == 429
    assert ask(client, password=RIGHT).status_code == 302


def test_a_known_browser_waits_for_its_own_failures_and_is_known_for_one_name(client, admin, clock):
    User.objects.create_superuser("Bea", password=RIGHT)
    ask(client, password=RIGHT)
    for _ in range(5):
        ask(client)
    assert ask(client, password=RIGHT).status_code == 429
    assert ask(Client(), password=RIGHT).status_code == 302
    fail(5, "Bea")
    assert ask(client, "Bea", RIGHT).status_code == 429


def test_a_forged_cookie_makes_no_browser_known(client, admin, clock):
    ask(client, password=RIGHT)
    forged = client.cookies["gatehouse_browser"].value[:-2] + "xx"
    fail(5)
    stranger = Client()
    stranger.cookies["gatehouse_browser"] = forged
    assert ask(stranger, password=RIGHT).status_code == 429


def test_a_try_without_a_password_counts_for_nothing_and_clears_nothing(client, admin, clock):
    fail(4)
    assert ask(client, password="").status_code == 200
    ask(client)
    assert ask(client, password=RIGHT).status_code == 429


def test_who_is_no_staff_fails_like_anybody_else(client, clock):
    User.objects.create_user("Eve", password=RIGHT)
    for _ in range(5):
        assert ask(client, "Eve", RIGHT).status_code == 200
    assert ask(client, "Eve", RIGHT).status_code == 429


def test_neither_names_nor_addresses_are_kept_in_the_clear(client, admin):
    ask(client)
    kept = [row.bucket for row in Tries.objects.all()]
    assert len(kept) == 2
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in kept)


def test_old_rows_go_and_their_number_is_bounded(client, admin, clock, monkeypatch):
    ask(client, "of yesterday")
    clock(25 * 3600)
    monkeypatch.setattr(pauses, "MOST_ROWS", 4)
    for number in range(6):
        clock(1)
        ask(client, f"name {number}")
    kept = set(Tries.objects.values_list("bucket", flat=True))
    assert kept >= {pauses.by_name(f"name {number}").key for number in (3, 4, 5)}
    assert len(kept) <= 5


def test_a_pause_is_lifted_by_a_command(client, admin, clock, few, capsys):
    fail(5)
    call_command("lift_pause", "ada")
    assert ask(client, password=RIGHT).status_code == 302
    for number in range(few):
        ask(Client(), f"name {number}")
    call_command("lift_pause", "--address", "192.0.2.1")
    assert ask(Client(), password=RIGHT).status_code == 302
    call_command("lift_pause", "nobody")
    assert capsys.readouterr().out.splitlines() == ["Lifted.", "Lifted.", "There was nothing to lift."]
    told = AuditEvent.objects.filter(object_kind="pause").values_list("actor_kind", "action", "object")
    assert list(told) == [("command", "lift", "192.0.2.1"), ("command", "lift", "ada")]
    with pytest.raises(CommandError):
        call_command("lift_pause")


# One's own password, changed by somebody who is signed in.

NEW = "a password that is new"


@pytest.fixture
def signed_in(client: Client, admin: User) -> Client:
    client.force_login(admin)
    return client


def change(client: Client, old: str, again: str = NEW) -> Any:
    body = {"old_password": old, "new_password1": NEW, "new_password2": again}
    return client.post("/admin/password_change/", body)


def test_the_page_for_ones_own_password_is_the_admins(signed_in):
    shown = signed_in.get("/admin/password_change/")
    assert shown.status_code == 200
    assert "unfold/helpers/field.html" in [used.name for used in shown.templates]
    answer = change(signed_in, RIGHT)
    assert (answer.status_code, answer["Location"]) == (302, "/admin/password_change/done/")
    assert signed_in.get("/admin/").status_code == 200
    assert User.objects.get().check_password(NEW)
    assert Client().get("/admin/password_change/").status_code == 302


def test_a_stolen_session_does_not_guess_the_password(signed_in, clock):
    for _ in range(4):
        assert change(signed_in, WRONG).status_code == 200
    assert told(change(signed_in, WRONG)) == "The next attempt is possible in 30 seconds."
    answer = change(signed_in, RIGHT)
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert told(answer) == "Try again in 30 seconds."
    assert User.objects.get().check_password(RIGHT)
    clock(30)
    assert change(signed_in, RIGHT).status_code == 302


def test_in_a_pause_no_old_password_is_hashed(signed_in, clock, monkeypatch):
    for _ in range(5):
        change(signed_in, WRONG)
    monkeypatch.setattr(User, "check_password", lambda *_: pytest.fail("It was looked at."))
    assert change(signed_in, RIGHT).status_code == 429


def test_the_owner_of_a_stolen_session_is_not_kept_out(signed_in, clock):
    for _ in range(6):
        change(signed_in, WRONG)
    owner = Client()
    assert ask(owner, password=RIGHT).status_code == 302
    assert change(owner, RIGHT).status_code == 302
    assert signed_in.get("/admin/").status_code == 302


def test_new_passwords_that_differ_count_for_nothing(signed_in, clock):
    for _ in range(6):
        assert change(signed_in, RIGHT, "something else").status_code == 200
    assert change(signed_in, RIGHT).status_code == 302


@pytest.mark.parametrize("https", [True, False])
def test_cookies_are_for_this_site_alone_and_behind_tls_for_tls_alone(client, admin, settings, https):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = https
    client.get("/admin/login/")
    ask(client, password=RIGHT)
    cookies = client.cookies
    assert set(cookies) == {"gatehouse_session", "gatehouse_csrf", "gatehouse_browser"}
    for cookie in cookies.values():
        assert cookie["httponly"]
        assert bool(cookie["secure"]) is https
    assert [cookies[f"gatehouse_{name}"]["samesite"] for name in ("session", "csrf", "browser")] == [
        "Lax",
        "Lax",
        "Strict",
    ]
    assert cookies["gatehouse_browser"]["path"] == "/admin/login/"
    assert cookies["gatehouse_session"]["max-age"] == 12 * 3600


def test_pages_of_the_admin_keep_to_themselves(client):
    answer = client.get("/admin/login/")
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "environment, seconds",
    [
        ({}, 0),
        ({"TRUSTED_PROXIES": "10.0.0.1"}, 2_592_000),
        ({"TRUSTED_PROXIES": "10.0.0.1", "HTTPS": "no"}, 0),
    ],
)
def test_browsers_are_told_to_keep_to_tls_where_it_is_on(environment, seconds, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    fresh = runpy.run_path(str(ROOT / "gateway_site" / "settings.py"))
    assert fresh["SECURE_HSTS_SECONDS"] == seconds
    assert fresh["SESSION_COOKIE_SECURE"] is fresh["CSRF_COOKIE_SECURE"] is bool(seconds)


@pytest.mark.parametrize("secure", [True, False])
def test_only_an_answer_over_tls_says_so(settings, secure):
    settings.SECURE_HSTS_SECONDS = 60
    answer = Client().get("/admin/login/", secure=secure)
    assert answer.get("Strict-Transport-Security") == ("max-age=60" if secure else None)


@pytest.mark.server
@pytest.mark.timed
def test_tries_made_at_once_on_all_workers_count_before_they_fail(gatehouse):
    name = f"burst-{uuid.uuid4().hex}"
    try:
        with ThreadPoolExecutor(12) as pool:
            statuses = sorted(pool.map(lambda _: posted(gatehouse, name), range(12)))
        assert statuses == [200] * 5 + [429] * 7
    finally:
        gatehouse.manage("lift_pause", name, "--address", "127.0.0.1")


def posted(gatehouse: Gatehouse, name: str) -> int:
    """The status that a wrong password is answered with, forged token and all."""
    token = "a" * 32
    body = urlencode({"username": name, "password": WRONG, "csrfmiddlewaretoken": token})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"gatehouse_csrf={token}"}
    connection = http.client.HTTPConnection("127.0.0.1", gatehouse.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("POST", "/admin/login/", body, headers)
        return connection.getresponse().status
