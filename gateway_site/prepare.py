"""The part of `make run` that needs Django: tables, and on the first start the first of everything.

The first start is the one that finds no user. It leaves what a newcomer needs in `secrets/first_run.txt`
for `run.py` to show, once the server answers, and to remove.
"""

import io
import json
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import Error as DatabaseError

from audit.actors import acting, of_command

SANDBOX = {"openai": "OpenAI's sandbox", "anthropic": "Anthropic's sandbox"}


def main() -> None:
    django.setup()
    call_command("check", stdout=io.StringIO())
    apply_migrations()
    call_command("check", databases=["default"], stdout=io.StringIO())

    from django.contrib.auth.models import User

    if not User.objects.exists():
        announcement = settings.DATA_DIR / "secrets" / "first_run.txt"
        keep_private(announcement, first_of_everything())


def apply_migrations() -> None:
    from gateway_site.health import unapplied

    for alias in settings.DATABASES:
        if unapplied(alias):
            call_command("migrate", database=alias, interactive=False, verbosity=0)


def first_of_everything() -> str:
    """Make it, and say what a newcomer needs to know of it."""
    from keys.creation import create_api_key
    from keys.models import Workspace

    slugs = [*sandbox_keys(), *keys_at_hand()]
    _, token = create_api_key(Workspace.objects.default(), "First key")
    return newcomers_page(password=first_admin(), token=token, slugs=slugs)


def sandbox_keys() -> Iterator[str]:
    """Virtual keys of the pretend provider, in both its languages."""
    if settings.SANDBOX:
        for provider, name in SANDBOX.items():
            host = f"sandbox://{provider}/v1"
            yield virtual_key(
                name, provider, settings.SANDBOX_KEY, slug=f"{provider}-sandbox", custom_host=host
            )


def keys_at_hand() -> Iterator[str]:
    """Virtual keys of those providers whose usual variable, `OPENAI_API_KEY` for one, holds a key."""
    from providers.catalog import PROVIDERS

    for slug, provider in PROVIDERS.items():
        variable = provider.variable or f"{slug.upper().replace('-', '_')}_API_KEY"
        if secret := os.environ.get(variable, "").strip():
            yield virtual_key(provider.name, slug, secret, slug=slug)


def virtual_key(name: str, provider: str, secret: str, *, slug: str, custom_host: str = "") -> str:
    from keys.creation import create_virtual_key
    from keys.models import Workspace

    workspace = Workspace.objects.default()
    key = create_virtual_key(
        workspace, name, provider=provider, secret=secret, slug=slug, custom_host=custom_host
    )
    return str(key.slug)


def first_admin() -> str:
    """The password of `admin`. Made last: with a user there, the first start is over."""
    from django.contrib.auth.models import User

    password = secrets.token_urlsafe(12)
    User.objects.create_superuser("admin", password=password)
    return password


def newcomers_page(*, password: str, token: str, slugs: list[str]) -> str:
    """What someone needs who sees Gatehouse for the first time, ending in a call that works as pasted."""
    site = settings.SITE
    model = f"@{(slugs or ['your-key'])[0]}/gpt-4o-mini"
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    return f"""
This is shown once:

  admin         {site}/admin/   user admin, password {password}
  API key       {token}
  virtual keys  {", ".join(slugs) or "none yet: add one in the admin"}

Try it:

  curl {site}/v1/chat/completions \\
    -H 'content-type: application/json' \\
    -H 'x-portkey-api-key: {token}' \\
    -d '{json.dumps(body)}'
"""


def keep_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.settings")
    try:
        with acting(of_command()):
            main()
    except ValidationError as error:
        sys.exit(" ".join(error.messages))
    except (ImproperlyConfigured, CommandError) as error:
        sys.exit(str(error))
    except DatabaseError as error:
        sys.exit(f"The database cannot be used: {str(error).strip()}")
