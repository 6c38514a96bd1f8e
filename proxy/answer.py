"""The body of an answer, read from its connection as it arrives.

It can be interrupted wherever it waits, by a pause or by an exception thrown into its greenlet, and asked
again: nothing that came is lost. The connection goes back to its pool with the last byte.
"""

import ssl
import time
import zlib

from providers.errors import Garbled, Unreachable
from proxy.clocks import Clock
from proxy.compression import Inflating
from proxy.connections import AT_ONCE, Connection, Pool
from proxy.http1 import Framing, Head

SETTLE_SECONDS = 0.05


class Broken(Unreachable):
    """The answer ended before it was whole."""

    code = "incomplete_response"


class Answer:
    """An iterator over the body's bytes. `pause_at`: when to give b"" once, should nothing have come."""

    __slots__ = ("_clock", "_connection", "_data", "_decoder", "_framing", "_persistent", "_pool", "pause_at")

    def __init__(
        self, connection: Connection, pool: Pool, framing: Framing, head: Head, clock: Clock, data: bytes
    ) -> None:
        self._connection: Connection | None = connection
        self._pool, self._framing, self._clock, self._data = pool, framing, clock, data
        self._persistent = head.persistent and not connection.spent
        self._decoder = self._decompressor(head)
        self.pause_at: float | None = None
        if framing.ended:
            self._framing.rest = data
            self._release()

    def __iter__(self) -> "Answer":
        return self

    def __next__(self) -> bytes:
        while self._connection is not None:
            try:
                piece = self._piece(self._connection)
            except (ValueError, zlib.error) as error:
                self.close()
                raise Garbled(f"{self._pool.name} sent a body that cannot be read: {error}.") from error
            if piece is None:
                return b""
            if piece:
                return piece
        raise StopIteration

    def _piece(self, connection: Connection) -> bytes | None:
        """What comes next of the body, if anything; None for a pause."""
        if self._decoder and (self._decoder.more or self._framing.ended):
            connection.turn.offer()
            return self._inflated(self._decoder, b"")
        data = self._arrived(connection)
        return None if data is None else self._taken(data)

    def _arrived(self, connection: Connection) -> bytes | None:
        """The next bytes as they came; b"" if the connection has ended, None for a pause."""
        if self._data:
            data, self._data = self._data, b""
            return data
        connection.sock.settimeout(self._clock.timeout(self.pause_at))
        try:
            data = connection.receive(AT_ONCE)
        except TimeoutError:
            if self.pause_at is None or self._clock.overdue():
                self.close()
                raise self._clock.expired() from None
            self.pause_at = None
            return None
        except (OSError, ssl.SSLError) as error:
            self.close()
            raise self._broken() from error
        self._clock.arrives()
        return data

    def _taken(self, data: bytes) -> bytes:
        """What `data` adds to the body."""
        if data:
            piece = self._framing.feed(data)
        elif self._framing.closed():
            piece = b""
        else:
            self.close()
            raise self._broken()
        if self._decoder:
            return self._inflated(self._decoder, piece)
        if self._framing.ended:
            self._release()
        return piece

    def _inflated(self, decoder: Inflating, data: bytes) -> bytes:
        """A piece of what was compressed. The answer is whole where what was compressed is, too."""
        piece = decoder.feed(data)
        if self._framing.ended and not decoder.more:
            if decoder.whole:
                self._release()
            elif not piece:
                raise ValueError("its compressed body does not end")
        return piece

    def _broken(self) -> Broken:
        return Broken(f"{self._pool.name} broke off its answer.")

    def _decompressor(self, head: Head) -> Inflating | None:
        """What undoes a compression we asked not to be used."""
        coding = (head.headers.get("content-encoding") or "identity").strip().lower()
        if coding == "identity" or self._framing.ended:
            return None
        try:
            return Inflating(coding)
        except ValueError:
            self.close()
            raise

    def settle(self) -> None:
        """Keep the connection if the answer ends about now, else drop it."""
        by = self.pause_at = time.monotonic() + SETTLE_SECONDS
        try:
            while self._persistent and self._connection is not None and time.monotonic() < by:
                next(self, b"")
        except (Unreachable, Garbled):
            pass
        self.close()

    def _release(self) -> None:
        """The answer is whole: its connection can serve again, unless something came after it."""
        connection, self._connection = self._connection, None
        self._clock.stops()
        if connection is None:
            return
        if self._persistent and not self._framing.rest and not connection.pending():
            self._pool.give(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Drop the connection if the answer was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._clock.stops()
            connection.close()
