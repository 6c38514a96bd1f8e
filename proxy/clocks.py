"""The four clocks of an exchange: connect, first byte, between events, whole call.

They are ours and run through whatever arrives, so a provider that sends comments to keep a connection
alive gains no time by it. In a worker proxy/watch.py watches them; elsewhere they are the socket's timeout.
"""

import time

from django.conf import settings

from providers.errors import TimedOut
from proxy import watch


class Clock:
    """What time an exchange has left, and with what error it ends. `name` is the host's, for messages."""

    __slots__ = (
        "_by_events",
        "_deadline",
        "_error",
        "_first",
        "_name",
        "_patience",
        "_waiting",
        "_watched",
        "_whole",
    )

    def __init__(self, name: str, patience: float | None) -> None:
        now = time.monotonic()
        self._name, self._patience = name, patience
        self._watched = watch.current() if watch.watches() else None
        self._whole = (self._watched.began if self._watched else now) + settings.WHOLE_CALL_SECONDS
        self._first = now + min(settings.FIRST_BYTE_SECONDS, patience or settings.FIRST_BYTE_SECONDS)
        self._deadline = self._first
        self._error = TimedOut("")
        self._by_events = self._waiting = False

    def connects(self) -> None:
        """A connection is being made; it may take CONNECT_SECONDS."""
        by = time.monotonic() + settings.CONNECT_SECONDS
        if by > self._first:
            return self.answers()
        return self._set(by, f"{self._name} could not be connected to in {settings.CONNECT_SECONDS:g} s.")

    def answers(self) -> None:
        """The request is on its way; the answer's headers are waited for."""
        limit = min(settings.FIRST_BYTE_SECONDS, self._patience or settings.FIRST_BYTE_SECONDS)
        self._set(self._first, f"{self._name} did not answer in {limit:g} s.")

    def arrives(self) -> None:
        """Bytes of the body came: progress, unless whoever reads it tells events from keep-alives."""
        if not self._by_events:
            self._wait()

    def progress(self) -> None:
        """An event came; from now on only events count."""
        self._by_events = True
        self._wait()

    def _wait(self) -> None:
        seconds = settings.BETWEEN_EVENTS_SECONDS
        by = time.monotonic() + seconds
        if self._waiting and by <= self._whole:  # the usual case, once for each piece of a stream
            self._deadline = by
            if self._watched is not None:
                self._watched.until(by, self._error)
        else:
            self._set(by, f"{self._name} sent nothing for {seconds:g} s.")
            self._waiting = True

    def stops(self) -> None:
        """The exchange is over."""
        if self._watched is not None and self._watched.error is self._error:
            self._watched.clear()

    def _set(self, by: float, message: str) -> None:
        if by > self._whole:
            by, message = self._whole, f"The call took longer than {settings.WHOLE_CALL_SECONDS:g} s."
        self._deadline, self._error = by, TimedOut(message)
        if self._watched is not None:
            self._watched.until(by, self._error)

    def timeout(self, pause_at: float | None = None) -> float | None:
        """What to give a socket before it waits: seconds until the deadline or `pause_at`; None for ever."""
        if self._watched is not None and pause_at is None:
            return None
        until = self._deadline if self._watched is None else float("inf")
        return max(0.001, min(until, pause_at if pause_at is not None else until) - time.monotonic())

    def share(self, parts: int) -> float:
        """One of `parts` equal shares of the seconds left, for a socket that is being connected."""
        return max(0.001, (self._deadline - time.monotonic()) / parts)

    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._deadline

    def expired(self) -> TimedOut:
        """What to raise when a socket's timeout has passed."""
        return self._error
