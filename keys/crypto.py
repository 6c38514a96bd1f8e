"""Sealing what must be read back: the secrets that the gateway presents to providers.

`CREDENTIAL_KEYS` holds Fernet keys (32 bytes in URL-safe base64). The first one seals, any of them unseals,
so a new key is put in front, `manage.py rotate_credentials` is run, and the old one is taken away. No key and
no secret is ever part of a message.
"""

import base64
import binascii
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

KEY_BYTES = 32
CANARY = "gatehouse"


class Unsealable(Exception):
    """None of the credential keys opens this secret."""


def seal(secret: str) -> str:
    """`secret` under the first credential key, as text."""
    return ring(tuple(settings.CREDENTIAL_KEYS)).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret in `sealed`. Raises Unsealable."""
    try:
        return ring(tuple(settings.CREDENTIAL_KEYS)).decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeError):
        raise Unsealable("None of CREDENTIAL_KEYS opens this secret.") from None


def key_id() -> str:
    """The name of the key that seals now, kept beside what it sealed."""
    ring(tuple(settings.CREDENTIAL_KEYS))  # which refuses what is no key
    return fingerprint(settings.CREDENTIAL_KEYS[0])


def known_key_ids() -> list[str]:
    """The names of all keys that unseal."""
    return [fingerprint(key) for key in settings.CREDENTIAL_KEYS]


def fingerprint(key: str) -> str:
    """A short name of a credential key that does not give it away."""
    return hashlib.sha256(b"gatehouse credential key " + key.encode()).hexdigest()[:12]


def key_problems() -> list[str]:
    """What is wrong with CREDENTIAL_KEYS, each key told by its place."""
    keys = settings.CREDENTIAL_KEYS
    if not keys:
        return ["CREDENTIAL_KEYS holds no key."]
    places = [place for place, key in enumerate(keys, start=1) if not is_key(key)]
    return [
        f"CREDENTIAL_KEYS: key {place} of {len(keys)} is not {KEY_BYTES} bytes in URL-safe base64."
        for place in places
    ]


def is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key.encode(), altchars=b"-_", validate=True)) == KEY_BYTES
    except (binascii.Error, ValueError):
        return False


@lru_cache(maxsize=4)
def ring(keys: tuple[str, ...]) -> MultiFernet:
    """The keys, ready to seal and unseal. Raises ImproperlyConfigured if one of them will not do."""
    if problems := key_problems():
        raise ImproperlyConfigured(" ".join(problems))
    return MultiFernet([Fernet(key) for key in keys])
