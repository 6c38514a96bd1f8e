"""Secrets are sealed under the first credential key, opened by any, and a wrong key is found at the start."""

import pytest
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from keys import checks, crypto
from keys.models import Installation, Integration, VirtualKey

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@given(st.text())
def test_what_is_sealed_is_unsealed_unchanged(secret: str) -> None:
    assert crypto.unseal(crypto.seal(secret)) == secret


def test_a_sealed_secret_does_not_show_it() -> None:
    assert "sk-canary" not in crypto.seal("sk-canary")


def test_an_older_key_still_opens_what_it_sealed(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = [OLD]
    sealed = crypto.seal("secret")
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    assert crypto.unseal(sealed) == "secret"


def test_the_first_key_seals(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    sealed = crypto.seal("secret")
    settings.CREDENTIAL_KEYS = [NEW]
    assert crypto.unseal(sealed) == "secret"


@given(st.text(max_size=200))
def test_what_we_did_not_seal_is_unsealable(sealed: str) -> None:
    with pytest.raises(crypto.Unsealable):
        crypto.unseal(sealed)


BAD = ["", "short", "z" * 44, OLD + "A", OLD[:-1], "ä" + OLD[1:], OLD.replace("=", "")]


@pytest.mark.parametrize("key", BAD, ids=range(len(BAD)))
def test_a_key_that_will_not_do_stops_the_start_by_its_place(key: str, settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = [NEW, key]
    (found,) = run_checks(tags=["credentials"])
    assert found.id == "keys.E001"
    assert "key 2 of 2" in found.msg
    assert not key or key not in found.msg
    with pytest.raises(ImproperlyConfigured, match="key 2 of 2"):
        crypto.seal("secret")


def test_no_key_at_all_stops_the_start(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = []
    assert [found.id for found in run_checks(tags=["credentials"])] == ["keys.E001"]
    with pytest.raises(ImproperlyConfigured, match="holds no key"):
        crypto.key_id()


def test_a_key_that_opens_nothing_stops_the_start(db: None, settings: Settings) -> None:
    Installation.objects.current()
    assert run_checks(tags=["credentials"], databases=["default"]) == []
    settings.CREDENTIAL_KEYS = [NEW]
    assert [found.id for found in run_checks(tags=["credentials"], databases=["default"])] == ["keys.E002"]


def test_credentials_under_a_lost_key_are_warned_of(virtual_key: VirtualKey) -> None:
    Integration.objects.update(key_id=crypto.fingerprint(OLD))
    (found,) = checks.seal_problems()
    assert found.id == "keys.W001"
    assert found.msg.startswith("1 credential")


def test_the_fingerprint_of_a_key_is_no_part_of_it() -> None:
    assert crypto.fingerprint(OLD) not in OLD
    assert crypto.fingerprint(OLD) != crypto.fingerprint(NEW)


def test_there_is_one_installation_and_it_opens(db: None) -> None:
    one = Installation.objects.current()
    assert Installation.objects.current() == one
    assert one.opens()
    assert Installation.objects.count() == 1


def test_an_installation_that_was_wiped_is_made_again(db: None) -> None:
    Installation.objects.all().delete()
    assert Installation.objects.current().opens()
