"""A new API key on its way to the one page that shows it, once: sealed, in the session of who made it.

It is in no address and in no message, and not in the session any more when it has been shown.
"""

import time
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase

from keys import crypto
from keys.models import ApiKey

SLOT = "new_api_key"
KEPT = 600  # seconds until a token nobody came for is not shown any more


def keep(session: SessionBase, key: ApiKey, token: str) -> None:
    session[SLOT] = {"id": str(key.pk), "token": crypto.seal(token), "until": time.time() + KEPT}


def take(session: SessionBase, pk: UUID) -> str:
    """The new token of this key; "" if there is none, or it was shown before."""
    kept = session.get(SLOT)
    if kept is None or kept["id"] != str(pk):
        return ""
    del session[SLOT]
    return crypto.unseal(kept["token"]) if kept["until"] > time.time() else ""
