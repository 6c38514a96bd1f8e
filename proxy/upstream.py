"""The one door out: a request goes through here to a provider, and its answer comes back as it arrives.

Nothing else opens a socket to what a row, an admin or a client named. There are two sets of connections,
one for hosts that the catalogue or an admin named and one for hosts that a client named, and nothing is
shared between them. No redirect is followed, nothing is asked of the environment (proxies, .netrc), and
every request carries a mark by which this installation knows its own calls. Retries are the caller's.

Tests stand in for the world with `responses.RequestsMock(target="proxy.upstream.Adapter.send")`. What a
library raises ends here: callers know providers/errors.py alone.
"""

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from providers.errors import Garbled, ProviderError, TimedOut, Unreachable
from providers.types import WireRequest
from proxy.answer import Answer, Broken
from proxy.clocks import Clock
from proxy.transport import LOOP_HEADER, LOOP_MARK, Adapter, Request

FOR_ADMINS = Adapter(named_by_client=False)
FOR_CLIENTS = Adapter(named_by_client=True)


class Reply:
    """An answer whose headers have come. `body` gives its bytes as they arrive.

    `body` raises Broken when the answer ends before it is whole, TimedOut, or Garbled when it is no HTTP.
    Read to its end, the connection is kept for the next call; closed before, it is dropped.
    """

    __slots__ = ("_clock", "_raw", "body", "headers", "name", "status")

    def __init__(self, response: requests.Response, name: str, clock: Clock) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.name, self._clock, self._raw = name, clock, response.raw
        self.body: Iterator[bytes] = self._raw if isinstance(self._raw, Answer) else _pieces(self._raw)

    @property
    def pause_at(self) -> float | None:
        """When (time.monotonic) `body` is to give b"" once, if nothing has come until then."""
        return self._raw.pause_at if isinstance(self._raw, Answer) else None

    @pause_at.setter
    def pause_at(self, at: float | None) -> None:
        if isinstance(self._raw, Answer):
            self._raw.pause_at = at

    def progress(self) -> None:
        """An event came. Once told of events, the clock between events ignores everything else."""
        self._clock.progress()

    def read(self, limit: int) -> bytes | bytearray:
        """The whole body. Raises Garbled if it is longer than `limit` bytes."""
        whole: bytes | bytearray = b""
        for piece in self.body:
            if len(whole) + len(piece) > limit:
                self.close()
                raise Garbled(f"{self.name} sent an answer of more than {limit} bytes.")
            if not whole:
                whole = piece  # most often the only one
            else:
                whole = whole if isinstance(whole, bytearray) else bytearray(whole)
                whole += piece
        return whole

    def settle(self) -> None:
        """Nothing more is wanted: keep the connection if the answer ends here, else drop it."""
        if isinstance(self._raw, Answer):
            self._raw.settle()
        self._clock.stops()

    def close(self) -> None:
        """Drop what was not read. May be called again."""
        self._clock.stops()
        self._raw.close()


def send(wire: WireRequest, *, named_by_client: bool, patience: float | None = None) -> Reply:
    """The provider's answer to `wire`, its body not yet read.

    `patience`: seconds until the answer's headers must be there, if less than the first-byte clock.
    Raises Unreachable, TimedOut, Forbidden (an address we do not go to), Garbled.
    """
    adapter = FOR_CLIENTS if named_by_client else FOR_ADMINS
    request = Request(wire, patience)
    try:
        return Reply(adapter.send(request), request.name, request.clock)
    except BaseException as error:
        request.clock.stops()
        if isinstance(error, ProviderError):
            raise
        if isinstance(error, requests.RequestException | HTTPError | OSError | ValueError):
            raise explained(error, request) from error
        raise


def explained(error: BaseException, request: Request) -> ProviderError:
    """A library's failure in our terms. The message names the host, never the path or what was sent."""
    name = request.name
    match error:
        case requests.Timeout() | TimeoutError():
            expired = request.clock.expired()
            return expired if expired.message else TimedOut(f"{name} did not answer in time.")
        case socket.gaierror():
            return Unreachable(f"{name} could not be found: {error.strerror}.")
        case ssl.SSLCertVerificationError():
            return Unreachable(f"{name} has a certificate that was not accepted: {error.verify_message}.")
        case ssl.SSLError():
            return Unreachable(f"{name} could not be reached over TLS: {getattr(error, 'reason', error)}.")
        case ConnectionRefusedError():
            return Unreachable(f"{name} refused the connection.")
        case ConnectionError():
            return Unreachable(f"{name} closed the connection before it answered.")
        case OSError() if not isinstance(error, requests.RequestException):
            return Unreachable(f"{name} could not be reached: {error.strerror or error}.")
        case requests.RequestException() | HTTPError():
            return Unreachable(f"{name} could not be reached.")
    return Garbled(f"{name} could not be understood: {error}.")


def _pieces(raw: Any) -> Iterator[bytes]:
    """The body of a urllib3 answer, which is what a test stands in with."""
    while piece := raw.read1(65536):
        yield piece


__all__ = ["LOOP_HEADER", "LOOP_MARK", "Adapter", "Broken", "Reply", "send"]
