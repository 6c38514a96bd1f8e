"""The part of `make run` that needs Django: tables, and on the first start the first of everything.

The first start is the one that finds no user. It leaves what a newcomer needs in `secrets/first_run.txt`
for `run.py` to show, once the server answers, and to remove.
"""

import io
import json
import os
import secrets
import sys
import textwrap
from collections.abc import Iterator

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError

SANDBOX = ("openai", "anthropic")


def main() -> None:
    django.setup()
    call_command("check", fail_level="ERROR", stdout=io.StringIO())
    apply_migrations()

    from django.contrib.auth.models import User

    if not User.objects.exists():
        announce(password=first_admin(), token=first_api_key(), slugs=[*sandbox_keys(), *keys_at_hand()])


def apply_migrations() -> None:
    from gateway_site.health import unapplied

    for alias in settings.DATABASES:
        if unapplied(alias):
            call_command("migrate", database=alias, interactive=False, verbosity=0)


def first_admin() -> str:
    from django.contrib.auth.models import User

    password = secrets.token_urlsafe(12)
    User.objects.create_superuser("admin", password=password)
    return password


def first_api_key() -> str:
    return said_by("create_api_key", "First key")


def sandbox_keys() -> Iterator[str]:
    """Virtual keys of the pretend provider, in both its languages."""
    if not settings.SANDBOX:
        return
    os.environ["SANDBOX_KEY"] = settings.SANDBOX_KEY
    for provider in SANDBOX:
        yield said_by(
            "create_virtual_key",
            f"{provider} sandbox",
            provider=provider,
            slug=f"{provider}-sandbox",
            key_env="SANDBOX_KEY",
            custom_host=f"sandbox://{provider}/v1",
        )


def keys_at_hand() -> Iterator[str]:
    """Virtual keys of those providers whose usual variable, `OPENAI_API_KEY` for one, holds a key."""
    from providers.catalog import PROVIDERS

    for provider in PROVIDERS:
        variable = provider.upper().replace("-", "_") + "_API_KEY"
        if os.environ.get(variable):
            yield said_by("create_virtual_key", provider, provider=provider, slug=provider, key_env=variable)


def said_by(command: str, *args: str, **options: str) -> str:
    said = io.StringIO()
    call_command(command, *args, stdout=said, **options)
    return said.getvalue().strip()


def announce(*, password: str, token: str, slugs: list[str]) -> None:
    path = settings.DATA_DIR / "secrets" / "first_run.txt"
    path.touch(mode=0o600)
    path.write_text(newcomers(password, token, slugs))


def newcomers(password: str, token: str, slugs: list[str]) -> str:
    """What someone needs who sees Gatehouse for the first time, ending in a call that works as pasted."""
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    site = f"http://{'127.0.0.1' if settings.HOST in settings.ANY_ADDRESS else host}:{settings.PORT}"
    body = (
        {"model": f"@{slugs[0]}/gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
        if slugs
        else {}
    )
    return textwrap.dedent(
        f"""
        Shown this once:

          admin         {site}/admin/   user admin, password {password}
          API key       {token}
          virtual keys  {", ".join(slugs)}
          the API       {site}/docs/

        Try it:

          curl {site}/v1/chat/completions \\
            -H 'content-type: application/json' \\
            -H 'x-portkey-api-key: {token}' \\
            -d '{json.dumps(body)}'
        """
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.settings")
    try:
        main()
    except (ImproperlyConfigured, CommandError, SystemCheckError) as error:
        sys.exit(str(error))
