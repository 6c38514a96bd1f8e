"""A streamed answer on its way to the client.

Nothing goes out before the first event that is worth something, so that an error can still be a status and
a fallback still happen. After that a failure is an error event, and no end marker. The call's record closes
before the last bytes leave, and everything else of the call when the stream is closed.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from providers.errors import Garbled, ProviderError, TimedOut
from providers.types import Problem, Reading
from proxy import errors, watch
from proxy.apart_child import Bytes
from proxy.record import Record, cap
from proxy.upstream import Reply

STOPPING = Problem("The gateway is shutting down; the answer is incomplete.", "interrupted")
BROKEN = "incomplete_response"
HELD = 16 * 1024 * 1024  # bytes held back at most


class Stream:
    """An iterable of bytes for WSGI, with `close`. `received`: the provider's own bytes where they differ."""

    def __init__(
        self, pieces: Iterator[bytes], reading: Reading, reply: Reply, record: Record, slug: str
    ) -> None:
        self.pieces, self.reading, self.reply, self.record, self.slug = pieces, reading, reply, record, slug
        self.held = b""
        self.kept: list[bytes] = []
        self.size = 0
        self.cap = cap()
        self.received: list[bytes] | None = None
        self.sent: Bytes | None = None
        self.problem: Problem | None = None
        self.ending = ExitStack()

    def hold(self, seconds: float) -> None:
        """Read until something is worth sending, the answer is over, or `seconds` have passed.

        An answer that failed before its first content leaves `problem`; it is an error like any other.
        """
        until = time.monotonic() + seconds
        self.reply.pause_at = until
        held, size = [], 0
        for piece in self.pieces:
            held.append(piece)
            self.advance(piece)
            size += len(piece)
            if size > HELD:
                raise Garbled(f"{self.slug} sent {HELD} bytes that say nothing.")
            if self.is_decided or time.monotonic() >= until:
                break
        else:
            if not self.reading.ended:
                self.problem = self.reading.problem or broken(self.slug)
        self.reply.pause_at = None
        self.held = b"".join(held)

    @property
    def is_decided(self) -> bool:
        """Whether it is known what becomes of the answer."""
        return self.reading.content or self.reading.ended

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self.passing()
        except watch.Stopping:
            yield self.ends("interrupted", STOPPING)
        except ProviderError as error:
            timed_out = isinstance(error, TimedOut | Garbled)
            yield self.ends("failed" if timed_out else "truncated", errors.problem_of(error, self.slug))

    def passing(self) -> Iterator[bytes]:
        """What was held, then what comes."""
        reading = self.reading
        if self.held:
            yield self.keep(self.held)
        if not reading.ended:
            for piece in self.pieces:
                if piece:
                    self.advance(piece)
                    yield self.keep(piece)
                if reading.ended:
                    break
        if reading.ended:
            self.reply.settle()
        elif reading.problem:
            yield self.ends("failed", reading.problem)
        else:
            yield self.ends("truncated", broken(self.slug))

    def advance(self, piece: bytes) -> None:
        """An event sets the clock between events back; a comment that keeps the connection alive does not."""
        if piece and not piece.startswith(b":"):
            self.reply.progress()

    def keep(self, piece: bytes) -> bytes:
        """Remember the piece for the record; the one that ends the answer closes it before it leaves."""
        if self.size < self.cap:
            self.kept.append(piece)
        self.size += len(piece)
        if self.reading.ended:
            self.finish("finished")
        return piece

    def ends(self, outcome: str, problem: Problem) -> bytes:
        """The error event that ends the stream."""
        self.finish(outcome, problem)
        return errors.event(problem, self.slug)

    def finish(self, outcome: str, problem: Problem | None = None) -> None:
        """Close the record, if it is not closed yet."""
        if not self.record.closed:
            sizes = {"response": self.size}
            self.record.finish(outcome, self.reply.status, self.reading, problem, self.bodies(), sizes)

    def bodies(self) -> dict[str, Bytes]:
        """What the record keeps of the exchange."""
        kept: dict[str, Bytes] = {"response": b"".join(self.kept)}
        if self.received is not None:
            kept["received"] = b"".join(self.received)
        if self.sent is not None:
            kept["sent"] = self.sent
        return kept

    def leave(self) -> None:
        """It is not what the client gets: the call goes on without it."""
        self.reply.close()

    def close(self) -> None:
        """End the call: WSGI calls this when all was sent, when a write failed, or when the client left."""
        thrown = self.record.watched.thrown
        if isinstance(thrown, watch.Stopping):
            self.finish("interrupted", STOPPING)
        else:
            self.finish("abandoned", Problem(str(thrown)) if isinstance(thrown, ProviderError) else None)
        self.reply.close()
        self.ending.close()


def broken(slug: str) -> Problem:
    return Problem(f"{slug} error: the answer broke off before its end.", BROKEN)
