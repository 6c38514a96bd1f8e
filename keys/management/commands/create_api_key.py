"""`manage.py create_api_key`: a key for an app, printed once and alone."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit.actors import acting, of_command
from keys.creation import create_api_key
from keys.management.telling import plainly, workspace
from keys.scopes import DEFAULT


class Command(BaseCommand):
    help = "Make an API key and print it. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what the key is for")
        parser.add_argument("--workspace", metavar="SLUG", help="whose it is (default: default)")
        parser.add_argument(
            "--scope",
            metavar="S",
            action="append",
            dest="scopes",
            help=f"what it may do; may be given several times (default: {' '.join(DEFAULT)})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with plainly(), acting(of_command()):
            owner = workspace(options["workspace"])
            _, token = create_api_key(owner, options["name"], options["scopes"] or DEFAULT)
        self.stdout.write(token)
