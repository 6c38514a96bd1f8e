"""Passwords are hashed off the event loop, one at a time.

It is half a second of work, and anybody may ask for it at /admin/login/.
"""

from functools import partial

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from gateway_site.sqlite.base import off_the_loop


class OffTheLoop(PBKDF2PasswordHasher):
    """Django's own hasher, and so the same hashes."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return off_the_loop("hashing", partial(super().encode, password, salt, iterations))
