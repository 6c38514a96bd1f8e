"""`manage.py lift_pause`: whoever failed to sign in too often may try again at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actors import acting, of_command
from gateway_site import pauses


class Command(BaseCommand):
    help = "End the pause after failed sign-ins of a user name, an address, or both."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", nargs="?", help="a user name")
        parser.add_argument("--address", metavar="A", help="an address as the gateway sees it")

    def handle(self, *args: Any, **options: Any) -> None:
        name, address = options["name"], options["address"]
        if not name and not address:
            raise CommandError("Give a user name, or --address, or both.")
        lifted = [pauses.by_name(name)] if name else []
        lifted += [pauses.by_address(address)] if address else []
        named = " ".join(part for part in (name, address) if part)
        with acting(of_command()):
            gone = pauses.lift(lifted, named)
        self.stdout.write("Lifted." if gone else "There was nothing to lift.")
