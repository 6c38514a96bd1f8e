"""Which header holds a key of ours, whose it is, and why it is refused."""

import logging
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from keys import authentication, callers, directory, refusals, seldom, tokens
from keys.authentication import client_credential, presented
from keys.changes import change_all, changing
from keys.errors import DirectoryAway, KeyRefused
from keys.models import ApiKey, Installation, Workspace

OURS = "gh-" + "Zz09_-" * 7 + "q"


def meta(**headers: str) -> dict[str, Any]:
    return {f"HTTP_{name.upper()}": value for name, value in headers.items()} | {"REMOTE_ADDR": "192.0.2.7"}


def refused(**headers: str) -> KeyRefused:
    with pytest.raises(KeyRefused) as caught:
        authentication.caller(meta(**headers))
    return caught.value


@pytest.mark.parametrize(
    "headers",
    [
        {"x_portkey_api_key": OURS},
        {"x_portkey_api_key": OURS, "authorization": "Bearer sk-theirs"},
        {"x_portkey_api_key": OURS, "authorization": "Bearer OPENAI_API_KEY"},
        {"authorization": f"Bearer {OURS}"},
        {"authorization": f"bearer   {OURS} "},
        {"authorization": f"Bearer {OURS}", "x_api_key": "sk-theirs"},
        {"x_api_key": OURS},
        {"x_api_key": OURS, "authorization": "Bearer OPENAI_API_KEY"},
        {"x_api_key": OURS, "authorization": "Bearer DUMMY-KEY"},
        {"x_api_key": OURS, "authorization": "Basic dXNlcjpwYXNz"},
        {"x_api_key": OURS, "x_portkey_api_key": " "},
    ],
)
def test_our_key_is_found_where_it_stands(headers: dict[str, str]) -> None:
    assert presented(meta(**headers)) == OURS


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer OPENAI_API_KEY"}, {"authorization": "Bearer"}]
)
def test_placeholders_are_no_keys(headers: dict[str, str]) -> None:
    assert presented(meta(**headers)) == ""


@pytest.mark.parametrize(
    ("headers", "provider", "found"),
    [
        ({"x_portkey_api_key": OURS, "authorization": "Bearer sk-theirs"}, "openai", "sk-theirs"),
        ({"x_portkey_api_key": OURS, "authorization": "Bearer OPENAI_API_KEY"}, "openai", ""),
        ({"x_portkey_api_key": OURS, "authorization": "Bearer DUMMY-KEY"}, "openai", ""),
        ({"x_portkey_api_key": OURS, "authorization": f"Bearer {OURS}"}, "openai", ""),
        ({"x_portkey_api_key": OURS, "authorization": f"Bearer {tokens.new()}"}, "openai", ""),
        ({"x_portkey_api_key": OURS, "x_api_key": "sk-ant"}, "anthropic", "sk-ant"),
        ({"x_portkey_api_key": OURS, "x_api_key": "sk-ant"}, "openai", ""),
        ({"x_portkey_api_key": OURS, "x_api_key": OURS}, "anthropic", ""),
        ({"authorization": f"Bearer {OURS}"}, "openai", ""),
        ({"authorization": "Bearer sk-theirs", "x_api_key": OURS}, "openai", ""),
    ],
)
def test_the_clients_own_credential_is_never_a_key_of_ours(
    headers: dict[str, str], provider: str, found: str
) -> None:
    assert client_credential(meta(**headers), provider) == found


@given(st.text(), st.text(), st.text())
def test_no_header_is_too_odd_to_be_read(own: str, bearer: str, third: str) -> None:
    sent = meta(x_portkey_api_key=own, authorization=bearer, x_api_key=third)
    assert isinstance(presented(sent), str)
    assert not client_credential(sent).startswith(tokens.PREFIX)


def test_a_known_key_is_its_caller(api_key: ApiKey, token: str, workspace: Workspace) -> None:
    caller = authentication.caller(meta(x_portkey_api_key=token))
    assert (caller.id, caller.name) == (str(api_key.pk), "An app")
    assert (caller.workspace_id, caller.workspace_slug) == (str(workspace.pk), "default")
    assert caller.organisation_id == str(Installation.objects.current().pk)
    assert caller.may("completions.write")
    assert not caller.may("virtual_keys.delete")


def test_a_known_key_costs_no_question_an_unknown_one_a_single_one(
    token: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        callers.find(token)
    with django_assert_num_queries(0):
        callers.find(token)
    with django_assert_num_queries(1):
        for _ in range(2):
            with pytest.raises(KeyRefused):
                callers.find(OURS)


@pytest.mark.parametrize(
    "token", ["", "gh-", "sk-" + "a" * 43, OURS[:-1], OURS + "a", "gh-" + "é" * 43, "gh-" + "a" * 42 + "\n"]
)
def test_what_has_not_our_form_never_reaches_the_database(token: str) -> None:
    with pytest.raises(KeyRefused):  # without the fixture db, a question would be an error of another kind
        callers.find(token)


def test_an_unknown_key_is_refused_in_portkeys_words(db: None) -> None:
    error = refused(x_portkey_api_key=OURS)
    assert (error.status_code, error.code) == (401, "03")
    assert error.message == "Portkey Error: Invalid API Key. Error Code: 03"


def test_no_key_is_refused_like_a_wrong_one() -> None:
    assert refused().message == "Portkey Error: Invalid API Key. Error Code: 03"


def test_an_expired_key_says_so(api_key: ApiKey, token: str) -> None:
    change_all(ApiKey.objects.all(), expires_at=timezone.now() - timedelta(seconds=1))
    error = refused(x_portkey_api_key=token)
    assert (error.status_code, error.code) == (401, "01")
    assert error.message == "Portkey Error: Portkey API Key Expired. Error Code: 01"


class Later(datetime):
    """A clock that is an hour ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + timedelta(hours=1)


def test_a_key_expires_while_it_is_known(
    api_key: ApiKey, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_all(ApiKey.objects.all(), expires_at=timezone.now() + timedelta(minutes=30))
    callers.find(token)
    monkeypatch.setattr(callers, "datetime", Later)
    assert refused(x_portkey_api_key=token).code == "01"


def test_a_revoked_key_is_unknown(token: str) -> None:
    directory.watcher.look()
    callers.find(token)
    change_all(ApiKey.objects.all(), revoked_at=timezone.now())
    directory.watcher.look()
    assert refused(x_portkey_api_key=token).code == "03"


def test_a_rotated_key_works_with_both_tokens_until_the_first_ends(
    api_key: ApiKey, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with changing(api_key):
        new = api_key.rotate(timezone.now() + timedelta(minutes=30))
        api_key.save()
    assert callers.find(new).id == callers.find(token).id
    monkeypatch.setattr(callers, "datetime", Later)
    assert refused(x_portkey_api_key=token).code == "03"
    assert callers.find(new)


def test_a_token_that_was_rotated_out_long_ago_is_unknown(api_key: ApiKey, token: str) -> None:
    with changing(api_key):
        api_key.rotate(timezone.now() - timedelta(seconds=1))
        api_key.save()
    assert refused(x_portkey_api_key=token).code == "03"


def test_an_organisations_key_can_make_no_call(db: None) -> None:
    key = ApiKey(name="admin", type="organisation-service", scopes=["completions.write", "workspaces.list"])
    token = key.assign_token()
    with changing(key):
        key.save()
    caller = callers.find(token)
    assert (caller.workspace_id, caller.workspace_slug) == (None, "")
    assert caller.scopes == {"workspaces.list"}


def test_a_change_of_the_workspace_reaches_its_keys(workspace: Workspace, token: str) -> None:
    directory.watcher.look()
    assert callers.find(token).log_bodies
    change_all(Workspace.objects.all(), log_bodies=False)
    directory.watcher.look()
    assert not callers.find(token).log_bodies


def test_a_database_that_is_away_is_no_refusal(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.watcher.look()
    callers.find(token)

    def away(self: object, digest: str) -> None:
        raise OperationalError("away")

    change_all(ApiKey.objects.all(), description="changed")
    directory.watcher.look()
    monkeypatch.setattr("keys.models.api_key.ApiKeyQuerySet.for_digest", away)
    monkeypatch.setattr(ApiKey.objects, "for_digest", away.__get__(object()), raising=False)
    assert callers.find(token)
    with pytest.raises(DirectoryAway) as caught:
        callers.find(OURS)
    assert (caught.value.status_code, caught.value.retry_after > 0) == (503, True)


def test_refusals_are_logged_once_a_minute_for_each_address(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "seldom", seldom.Seldom(60))
    caplog.set_level(logging.WARNING)
    secret = "sk-somebodys-secret"
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        with pytest.raises(KeyRefused):
            authentication.caller({"HTTP_X_PORTKEY_API_KEY": secret, "REMOTE_ADDR": address})
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split()[3] for line in lines] == ["192.0.2.1", "192.0.2.2"]
    assert secret not in "".join(lines)


def test_the_addresses_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seldom, "AT_MOST", 2)
    some = seldom.Seldom(60)
    assert [some.now(name) for name in "aabcca"] == [True, False, True, True, False, True]
