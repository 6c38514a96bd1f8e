"""A REDIS_URL that cannot be meant stops the start; that Redis is away does not.

shared_state.E001  REDIS_URL is no URL of a Redis

Each worker asks it before it serves, so the library, whose import takes longer than the event loop may be
held, is there when the first call needs it.
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from shared_state.link import connection_pool

SCHEMES = ("redis://", "rediss://", "unix://")
HINT = "redis://user:password@host:6379/0; rediss:// for TLS, unix:///path/of/a/socket?db=0."


@register(Tags.security)
def redis_url(**_: Any) -> list[CheckMessage]:
    if problem := problem_of(settings.REDIS_URL):
        return [Error(problem, hint=HINT, id="shared_state.E001")]
    return []


def problem_of(url: str) -> str:
    """What is wrong with the URL, without a word of it, since a password may stand in it."""
    if not url:
        return ""
    if not url.startswith(SCHEMES):
        return f"REDIS_URL must begin with {', '.join(SCHEMES[:-1])} or {SCHEMES[-1]}."
    try:
        connection_pool(url).make_connection()  # type: ignore[no-untyped-call]  # opens nothing yet
    except (ValueError, TypeError):
        return "REDIS_URL cannot be understood: its host, port or options are no such thing."
    return ""
