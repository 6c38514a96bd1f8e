"""What /healthz and /readyz say, and when; and what every other address answers."""

import threading
import time

import pytest
from cryptography.fernet import Fernet
from django.db import OperationalError

from gateway_site import health, urls
from keys.models import Installation

# Not every test here needs the databases, but a page asks whether a connection is to be closed.
pytestmark = pytest.mark.django_db(databases=["default", "logs"])


class Database:
    """Stands in for the look at the database: fails as long as it has a problem."""

    def __init__(self, problem=None):
        self.problem = problem
        self.looks = 0

    def look(self):
        self.looks += 1
        if self.problem:
            raise self.problem


@pytest.fixture
def database(monkeypatch):
    """A process that has not looked yet, and looks afresh at each probe."""
    database = Database()
    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    monkeypatch.setattr(health, "READINESS", health.Readiness(database.look, look_again=database.look))
    return database


def test_a_living_process_says_so_whatever_its_database_does(client, database):
    database.problem = OperationalError("away")
    assert client.get("/healthz").status_code == 200


def test_a_process_that_has_seen_its_database_is_ready(client, database):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "here"})


def test_before_the_first_good_look_a_database_that_is_away_means_not_ready(client, database):
    database.problem = OperationalError("password of postgres://user:hush@host")
    answer = client.get("/readyz")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json() == {"why": "the database does not answer"}


def test_it_becomes_ready_when_the_database_comes(client, database):
    database.problem = OperationalError("away")
    assert client.get("/readyz").status_code == 503
    database.problem = None
    assert client.get("/readyz").status_code == 200


def test_once_ready_a_database_that_is_away_is_told_and_no_more(client, database):
    client.get("/readyz")
    database.problem = OperationalError("away")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"database": "away"})


def test_what_the_look_does_not_expect_is_not_ready_either(database):
    def look():
        raise health.NotReady("2 migrations are not applied")

    answer = health.Readiness(look, look_again=look).answer()
    assert answer.status_code == 503
    assert b"2 migrations are not applied" in answer.content


def test_many_probes_are_one_look(client, database, monkeypatch):
    monkeypatch.setattr(health, "FRESH_SECONDS", 60)
    assert {client.get("/readyz").status_code for _ in range(50)} == {200}
    assert database.looks == 1


def test_a_database_that_hangs_holds_no_probe_and_gets_no_second_look(monkeypatch):
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(health, "FRESH_SECONDS", 0)
    hangs, looks = threading.Event(), []

    def look():
        looks.append(1)
        assert hangs.wait(10)

    readiness = health.Readiness(look, look_again=look)
    began = time.monotonic()
    assert {readiness.answer().status_code for _ in range(20)} == {503}
    assert time.monotonic() - began < 5
    assert len(looks) == 1
    looking = readiness.looking
    hangs.set()
    looking.join(10)
    assert readiness.answer().status_code == 200


def test_a_probe_may_ask_by_any_host_name(client, database):
    assert client.get("/readyz", headers={"host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/", headers={"host": "10.1.2.3:8000"}).status_code == 400


def test_the_real_look_finds_nothing_amiss_here():
    Installation.objects.current()
    health.look()
    health.ping()


def test_a_migration_that_waits_is_named(monkeypatch):
    expected = health.on_disk() | {("keys", "9999_of_tomorrow")}
    monkeypatch.setattr(health, "on_disk", lambda: expected)
    with pytest.raises(health.NotReady, match=r"1 migrations of 'default' .* keys\.9999_of_tomorrow"):
        health.look()


def test_credential_keys_that_do_not_fit_are_not_ready(settings):
    Installation.objects.current()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(health.NotReady, match="CREDENTIAL_KEYS do not open what is stored"):
        health.look()


@pytest.mark.parametrize("path", ["/metrics", "/nope", "/v3/chat/completions", "/index.html", "/docs/nope"])
def test_an_unknown_address_is_answered_in_json(client, path):
    answer = client.get(path)
    told = answer.json()
    assert "/v1" in told.pop("hint")
    assert (answer.status_code, told) == (404, {"message": "Not Found", "ok": False})


def test_an_unknown_page_of_the_admin_is_a_page(admin_client):
    answer = admin_client.get("/admin/nope/")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(("path", "kind"), [("/sandbox/", "application/json"), ("/admin/", "text/html")])
def test_our_own_failure_is_a_page_in_the_admin_and_json_elsewhere(rf, path, kind):
    answer = urls.failed(rf.get(path))
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith(kind)


def test_the_front_says_where_things_are(client):
    said = client.get("/").content.decode()
    assert all(path in said for path in ("/v1/", "/docs/", "/admin/"))


@pytest.mark.parametrize("path", ["/admin", "/docs"])
def test_a_forgotten_slash_is_forgiven_where_people_type(client, path):
    assert client.get(path)["Location"] == f"{path}/"
