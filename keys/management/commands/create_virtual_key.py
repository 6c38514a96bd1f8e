"""`manage.py create_virtual_key`: a provider's credential under a slug that apps can name."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actors import acting, of_command
from keys.creation import create_virtual_key
from keys.management.telling import plainly, workspace


class Command(BaseCommand):
    help = (
        "Keep a provider's key, taken from a variable or standard input, and print the slug to call it by. "
        "With --custom-host the key may be empty (< /dev/null)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what it is called in the admin")
        parser.add_argument("--provider", metavar="P", required=True, help="openai, anthropic …")
        parser.add_argument(
            "--slug", metavar="S", default="", help="what apps call it (default: made of NAME)"
        )
        parser.add_argument("--workspace", metavar="SLUG", help="whose it is (default: default)")
        parser.add_argument("--key-env", metavar="VAR", help="the variable that holds the provider's key")
        parser.add_argument(
            "--custom-host", metavar="URL", default="", help="a base URL other than the provider's"
        )
        parser.add_argument(
            "--setting",
            metavar="name=value",
            action="append",
            dest="provider_settings",  # `settings` is where Django keeps its own --settings
            help="a setting of the provider; may be given several times",
        )

        parser.add_argument(
            "--no-passthrough",
            action="store_false",
            dest="passthrough",
            help="refuse paths the gateway does not know, instead of passing them to the provider",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), acting(of_command()):
            key = create_virtual_key(
                workspace(options["workspace"]),
                options["name"],
                provider=options["provider"],
                secret=secret(options["key_env"], needed=not options["custom_host"]),
                slug=options["slug"],
                custom_host=options["custom_host"],
                settings=settings(options["provider_settings"] or ()),
                passthrough=options["passthrough"],
            )
        self.stdout.write(key.slug)


def secret(variable: str | None, *, needed: bool) -> str:
    """The provider's key, which is never an argument: arguments are seen by every user of the machine.

    "" if none came and none is `needed`; a variable that is named but not there is a mistake all the same.
    """
    found = os.environ.get(variable) if variable else sys.stdin.read()
    if found is None or (needed and not found.strip()):
        raise CommandError(f"{variable} is not set." if variable else "No key came on standard input.")
    return found.strip()


def settings(given: Iterable[str]) -> dict[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise CommandError(f"--setting takes name=value, not {each}.")
        found[name] = value
    return found
