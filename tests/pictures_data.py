"""Run by tests/pictures.py as a program: fills empty databases with what README's pictures show.

It prints an API key. All of it is done by the admin of the pictures, so that the audit log tells of somebody.
"""

import json
from datetime import timedelta

import django
from django.core.management import call_command

from tests.prepare import ADMIN, PASSWORD

FROM = "203.0.113.7"
# workspace, name, slug, provider; those without a server of the sandbox's are called by nobody
KEYS = (
    ("default", "OpenAI", "openai-prod", "openai"),
    ("default", "Anthropic", "claude", "anthropic"),
    ("default", "Mistral trial", "mistral-trial", "mistral-ai"),
    ("support", "OpenAI for support", "support", "openai"),
    ("research", "Open models", "open-models", "together-ai"),
)

CONFIG = {
    "strategy": {
        "mode": "conditional",
        "conditions": [{"query": {"metadata.plan": "paid"}, "then": "best"}],
        "default": "cheap",
    },
    "targets": [
        {
            "name": "best",
            "strategy": {"mode": "fallback", "on_status_codes": [429, 500, 503]},
            "retry": {"attempts": 2},
            "targets": [{"provider": "@claude"}, {"provider": "@openai-prod", "request_timeout": 20_000}],
        },
        {
            "name": "cheap",
            "strategy": {"mode": "loadbalance"},
            "targets": [
                {"provider": "@openai-prod", "weight": 95},
                {"provider": "@mistral-trial", "weight": 5, "cache": {"mode": "simple", "max_age": 3_600}},
            ],
        },
    ],
}


def main() -> None:
    django.setup()
    for alias in ("default", "logs"):
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    from django.contrib.auth import get_user_model

    from audit import actors

    admin = get_user_model().objects.create_superuser(ADMIN, password=PASSWORD)
    with actors.acting(actors.of_user(admin, FROM)):
        make_workspaces()
        make_virtual_keys()
        make_config()
        print(make_api_keys())


def make_workspaces() -> None:
    from keys.changes import changing
    from keys.models import Workspace

    Workspace.objects.default()
    for name, slug in (("Customer support", "support"), ("Research", "research")):
        workspace = Workspace(name=name, slug=slug)
        with changing(workspace):
            workspace.save()


def make_virtual_keys() -> None:
    from django.conf import settings
    from django.utils import timezone

    from keys.changes import changing
    from keys.creation import create_virtual_key
    from keys.models import VirtualKey, Workspace

    for slug_of_workspace, name, slug, provider in KEYS:
        workspace = Workspace.objects.get(slug=slug_of_workspace)
        host = f"sandbox://{provider}/v1" if provider in ("openai", "anthropic") else ""
        secret = settings.SANDBOX_KEY if host else "a-secret-of-no-provider"
        create_virtual_key(workspace, name, provider=provider, slug=slug, secret=secret, custom_host=host)
    trial = VirtualKey.objects.get(slug="mistral-trial")
    trial.expires_at = timezone.now() + timedelta(days=14)
    with changing(trial):
        trial.save()


def make_config() -> None:
    from configs.creation import create_config
    from keys.models import Workspace

    create_config(Workspace.objects.default(), "Paid plans first", json.dumps(CONFIG))


def make_api_keys() -> str:
    """The token of the one that calls."""
    from keys.creation import create_api_key, rotate_api_key
    from keys.models import Workspace

    _, token = create_api_key(Workspace.objects.default(), "Website")
    create_api_key(Workspace.objects.get(slug="support"), "Help desk")
    notebook, _ = create_api_key(Workspace.objects.get(slug="research"), "Notebook")
    rotate_api_key(notebook, timedelta(days=7))
    return token


if __name__ == "__main__":
    main()
