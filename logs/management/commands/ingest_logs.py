"""`manage.py ingest_logs`: bring the journal into the database. The workers start it themselves."""

import gc
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from logs.ingester import Ingester
from logs.lock import alone


class Command(BaseCommand):
    help = "Brings the journal of calls into the database, until nothing is left and nobody writes."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="bring in what is there, then end")
        parser.add_argument("--service", action="store_true", help="do not end when nothing is left")

    def handle(self, *args: Any, **options: Any) -> None:
        gc.freeze()  # what is loaded by now is not looked through again for what can go
        stop = threading.Event()
        folder = settings.DATA_DIR / "journal"
        with alone(folder) as is_alone:
            if not is_alone:
                if options["verbosity"]:  # workers that start it at the same time mean no harm
                    self.stderr.write("Another ingester is running.")
                return
            ingester = Ingester(folder, stop)
            if options["once"]:
                ingester.drain()
            else:
                for each in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(each, lambda *_: stop.set())
                ingester.run(service=options["service"])
            ingester.journal.close()
        connections.close_all()
