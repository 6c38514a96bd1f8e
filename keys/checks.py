"""What would keep the gateway from using its credentials, found before it serves.

keys.E001  CREDENTIAL_KEYS is empty or holds something that is no key
keys.E002  CREDENTIAL_KEYS do not open what is stored
keys.W001  some credentials are sealed by a key that is not among CREDENTIAL_KEYS
"""

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from keys import crypto
from keys.models import Installation, Integration

HINT = "A key is 32 random bytes in URL-safe base64; cryptography's Fernet.generate_key() makes one."


@register(Tags.security, "credentials")
def credential_keys(**_: Any) -> list[CheckMessage]:
    return [Error(problem, hint=HINT, id="keys.E001") for problem in crypto.key_problems()]


@register(Tags.database, "credentials")
def stored_secrets(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Run by `check --database default` and by `migrate`, which may find no tables yet."""
    if "default" not in (databases or ()) or crypto.key_problems():
        return []
    if Installation._meta.db_table not in connections["default"].introspection.table_names():
        return []
    return seal_problems()


def seal_problems() -> list[CheckMessage]:
    """What the credential keys cannot open, asked of the database. Raises its errors."""
    found: list[CheckMessage] = []
    if not all(installation.opens() for installation in Installation.objects.all()):
        hint = "Put back the key that was in use; rotate_credentials replaces a key."
        found.append(Error("CREDENTIAL_KEYS do not open what is stored.", hint=hint, id="keys.E002"))
    if lost := Integration.objects.exclude(key_id__in=crypto.known_key_ids()).count():
        hint = "Put back that key and run rotate_credentials, or enter these secrets again."
        message = f"{lost} credential(s) are sealed by a key that is not among CREDENTIAL_KEYS."
        found.append(checks.Warning(message, hint=hint, id="keys.W001"))
    return found
