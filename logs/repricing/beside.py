"""Prices past calls anew in the ingester, where that is asked for: a little between two looks at the journal.

What was done, and how far, is written in the request's row together with the calls that changed, so whoever
goes on after a kill goes on from there.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connections, transaction

from logs.models import Repricing
from logs.repricing import requests as repricings
from logs.repricing.calls import Outcome, Scope, reprice, windows
from logs.routing import ALIAS
from prices.book import NotRead, PriceBook

TURN_SECONDS = 0.25
AGAIN_SECONDS = 5.0  # after the database was away

logger = logging.getLogger(__name__)


class Repricer:
    """Works off the requests in the journal's `folder`, by the ingester's prices."""

    def __init__(self, folder: Path, prices: PriceBook) -> None:
        self.folder, self.prices = folder, prices
        self.repricing: Repricing | None = None
        self.windows: Iterator[tuple[UUID, UUID]] = iter(())
        self.next_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether the next turn has something to do."""
        return time.monotonic() >= self.next_at and repricings.is_asked(self.folder)

    def turn(self) -> None:
        """Price for a moment, if anything is to be priced. What cannot be done is tried again later."""
        if not self.is_busy:
            return
        try:
            self.repricing = self.repricing or self.begun()
            if self.repricing is not None:
                self.go_on(self.repricing)
        except (DatabaseError, InterfaceError, OSError, NotRead) as error:
            logger.warning("Past calls wait to be priced anew: %s", error)
            self.repricing, self.next_at = None, time.monotonic() + AGAIN_SECONDS
            connections.close_all()

    def begun(self) -> Repricing | None:
        """The request that is next; prices are looked up anew, for it may follow on one."""
        repricing = next(repricings.asked(self.folder), None)
        if repricing is not None:
            self.prices.look(at_once=True)
            self.windows = windows(scope(repricing), repricing.reached)
            repricing.state = Repricing.State.RUNNING
            repricing.save()
        return repricing

    def go_on(self, repricing: Repricing) -> None:
        until = time.monotonic() + TURN_SECONDS
        for window in self.windows:
            with transaction.atomic(using=ALIAS):
                add(repricing, reprice(scope(repricing), window, self.prices.price))
                repricing.reached = window[1]
                repricing.save()
            if time.monotonic() >= until:
                return
        repricings.end(repricing, self.folder)
        self.repricing = None


def scope(repricing: Repricing) -> Scope:
    return Scope(
        repricing.since, repricing.until, repricing.provider, repricing.model, repricing.only_unpriced
    )


def add(repricing: Repricing, outcome: Outcome) -> None:
    """Count what came of some more of its calls."""
    repricing.looked += outcome.looked
    repricing.changed += outcome.changed
    repricing.cost_before += outcome.before
    repricing.cost_after += outcome.after
