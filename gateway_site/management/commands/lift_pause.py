"""`manage.py lift_pause`: whoever failed to sign in too often may try again at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.actors import of_command
from audit.models import Action
from audit.trail import event
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
        if not pauses.lift(lifted):
            self.stdout.write("There was nothing to lift.")
            return
        named = " ".join(part for part in (name, address) if part)
        event(Action.MANAGE, kind="pause", id="", name=named, actor=of_command()).save()
        self.stdout.write("Lifted.")
