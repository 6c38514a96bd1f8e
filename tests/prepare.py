"""Run by tests/servers.py as a program: fills empty databases and prints the keys it made, as JSON.

Sandbox keys and the ordinary API key are made as a user would make them, by the management commands; all in
one process, since each start costs a second.
"""

import io
import json
import os
import sys

import django
from django.core.management import call_command

ADMIN, PASSWORD = "admin", "a long password of the tests"


def main(own_provider: str, own_secret: str) -> None:
    django.setup()
    for alias in ("default", "logs"):
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    from django.conf import settings
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_superuser(ADMIN, password=PASSWORD)
    made = {
        "api_key": command("create_api_key", "tests"),
        "reading_key": command("create_api_key", "reading", scope=["logs.read"]),
        "organisation_key": organisation_key(),
        "others_key": others(settings.SANDBOX_KEY),
    }
    for provider in ("openai", "anthropic"):
        virtual_key(f"{provider}-sandbox", provider, settings.SANDBOX_KEY, f"sandbox://{provider}/v1")
        virtual_key(f"{provider}-own", provider, own_secret, f"{own_provider}/v1")
    print(json.dumps(made))


def virtual_key(slug: str, provider: str, secret: str, host: str, **options: str) -> None:
    os.environ["TEST_SECRET"] = secret
    options |= {"provider": provider, "slug": slug, "key_env": "TEST_SECRET", "custom_host": host}
    assert command("create_virtual_key", slug, **options) == slug


def others(secret: str) -> str:
    """A workspace beside the default one, with a virtual key; its API key."""
    from keys.changes import changing
    from keys.models import Workspace

    workspace = Workspace(name="Others", slug="others")
    with changing(workspace):
        workspace.save()
    virtual_key("others-sandbox", "openai", secret, "sandbox://openai/v1", workspace="others")
    return command("create_api_key", "theirs", workspace="others")


def organisation_key() -> str:
    from keys.changes import changing
    from keys.models import ApiKey

    key = ApiKey(name="organisation", type="organisation-service")
    token = key.assign_token()
    with changing(key):
        key.save()
    return token


def command(name: str, *arguments: str, **options: str | list[str]) -> str:
    """What the command prints on standard output."""
    said = io.StringIO()
    call_command(name, *arguments, stdout=said, **options)
    return said.getvalue().strip()


if __name__ == "__main__":
    main(*sys.argv[1:])
