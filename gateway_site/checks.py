"""What would make the whole unsafe, found before it serves: a control that cannot work stops the start.

gatehouse.E001  SECRET_KEY can be guessed
gatehouse.W001  DEBUG, which shows settings and source, where others can reach it

Django runs them with its commands, `stop_if_unfit` in each worker.
"""

import ipaddress
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured

LEAST, LEAST_DIFFERENT = 40, 5  # characters of a SECRET_KEY
PLACEHOLDERS = ("changeme", "change-me", "change_me", "django-insecure", "insecure", "secret", "example")


@register(Tags.security)
def secret_key(**_: Any) -> list[CheckMessage]:
    key = settings.SECRET_KEY
    guessed = key.lower().startswith(PLACEHOLDERS)
    if settings.DEBUG or (len(key) >= LEAST and len(set(key)) >= LEAST_DIFFERENT and not guessed):
        return []
    hint = 'python -c "import secrets; print(secrets.token_urlsafe(48))" makes one.'
    problem = f"SECRET_KEY can be guessed: it is a placeholder, or has fewer than {LEAST} characters."
    return [checks.Error(problem, hint=hint, id="gatehouse.E001")]


@register(Tags.security)
def debug(**_: Any) -> list[CheckMessage]:
    if not settings.DEBUG or is_own_machine(settings.HOST):
        return []
    problem = f"DEBUG is on, and {settings.HOST or 'every address'} can be reached by others."
    return [checks.Warning(problem, hint="Its error pages show settings and source.", id="gatehouse.W001")]


def is_own_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def stop_if_unfit() -> None:
    """Raises ImproperlyConfigured for the errors among the security checks, ours and those of the apps."""
    if errors := [str(check.msg) for check in run_checks(tags=[Tags.security]) if check.is_serious()]:
        raise ImproperlyConfigured(" ".join(errors))
