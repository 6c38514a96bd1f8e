"""Connections to providers: urllib3's, which connect to nothing that was not checked; and their pools.

A name is resolved, every address it has is checked (addresses.py), and one of those is connected to, so no
second look-up can lead elsewhere. What TLS checks, the name and its certificate, stays urllib3's business.

With OUTBOUND_PROXY the proxy connects, and resolves for itself. Then the host of a client is resolved and
checked here before its name is handed on, and one that cannot be resolved here is refused; an admin's host
is checked only where it is an address.
"""

import select
import socket
import ssl
import time
from collections import OrderedDict, deque
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from certifi import where
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url, make_headers, parse_url

from proxy import addresses, names
from proxy.clocks import Clock
from proxy.turns import Turn
from proxy.watch import system_poll

IDLE_SECONDS = 30.0
IDLE_CONNECTIONS = 2000  # for each host
HOSTS = 1000  # with a pool; those least used lose theirs
AT_ONCE = 16 * 1024  # bytes that are taken from a connection before others have their turn
WAITED = 0.0005  # seconds; what took longer has waited, and then others had their turn
STALE = select.POLLIN | select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Connection(HTTPConnection):
    """To one host. `target`: the host to check; `clock`: what time connecting may take.

    `spent`: it was left in the middle of a request, and no other can follow.
    """

    target = ""
    named_by_client = False
    clock: Clock
    idle_since = 0.0
    reused = spent = False
    poll: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.turn = Turn()

    def _new_conn(self) -> socket.socket:
        found = names.addresses_of(
            self._dns_host, self.port, self.clock, named_by_client=self.named_by_client
        )
        if self.proxy is None:
            addresses.check(
                self.target, (str(entry[4][0]) for entry in found), named_by_client=self.named_by_client
            )
        return _connected(found, self.clock)

    def connect(self) -> None:
        super().connect()
        self.poll = system_poll()
        self.poll.register(self.sock.fileno(), STALE)

    def receive(self, size: int) -> bytes:
        """At most `size` bytes that came. A sender that is always ahead of us holds nobody else up."""
        self.turn.offer()
        begun = time.monotonic()
        data: bytes = self.sock.recv(size)
        if time.monotonic() - begun > WAITED:
            self.turn.taken()
        return data

    def pending(self) -> int:
        """Bytes that came and that the system's poll does not see."""
        return 0

    def silent(self) -> bool:
        """Whether the idle connection is still open and owes us nothing: one system call."""
        return not self.poll.poll(0)


class SecureConnection(Connection, HTTPSConnection):
    """The same over TLS."""

    def pending(self) -> int:
        return self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0


def _connected(found: list[Any], clock: Clock) -> socket.socket:
    """A socket to the first of the addresses that accepts one; each gets its share of the time."""
    failure: OSError = OSError("it has no address")
    for left, (family, kind, protocol, _, address) in zip(range(len(found), 0, -1), found, strict=True):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(clock.share(left))
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            sock.settimeout(clock.share(1))
            return sock
    raise failure


class Pool:
    """The idle connections to one origin (scheme, host and port), and how to make another."""

    def __init__(self, origin: str, *, named_by_client: bool) -> None:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ValueError("its address must begin with http:// or https:// and a host")
        if not origin.isascii():
            raise ValueError("its host must be written in ASCII (punycode)")
        self.scheme, self.name, self.host = parts.scheme, parts.netloc, parts.hostname
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.named_by_client = named_by_client
        self.idle: deque[Connection] = deque()
        self.proxy = outbound_proxy()
        self.prefix = origin if self.proxy and self.scheme == "http" else ""  # a proxy wants the whole URL

    def take(self) -> Connection | None:
        """An idle connection that still stands."""
        while self.idle:
            connection = self.idle.pop()
            if time.monotonic() - connection.idle_since < IDLE_SECONDS and connection.silent():
                connection.reused = True
                return connection
            connection.close()
        return None

    def give(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        connection.idle_since = time.monotonic()
        self.idle.append(connection)
        self.prune()

    def prune(self) -> None:
        """Close what has been idle too long, and what is too many."""
        oldest = time.monotonic() - IDLE_SECONDS
        while self.idle and (self.idle[0].idle_since <= oldest or len(self.idle) > IDLE_CONNECTIONS):
            self.idle.popleft().close()

    def connect(self, clock: Clock) -> Connection:
        """A new connection, to a checked address. Raises Forbidden, OSError."""
        connection = self._made()
        connection.target, connection.named_by_client, connection.clock = (
            self.host,
            self.named_by_client,
            clock,
        )
        clock.connects()
        try:
            if self.proxy:
                self._check_name(clock)
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def _made(self) -> Connection:
        if self.proxy is None:
            if self.scheme == "http":
                return Connection(self.host, self.port)
            return SecureConnection(self.host, self.port, ssl_context=tls())
        host, port = self.proxy.host or "", self.proxy.port or 3128
        if self.scheme == "http":
            return Connection(host, port, proxy=self.proxy)
        connection = SecureConnection(host, port, proxy=self.proxy, ssl_context=tls())
        connection.set_tunnel(self.host, self.port, headers=proxy_headers())
        return connection

    def _check_name(self, clock: Clock) -> None:
        """What can be checked of a host that the proxy will resolve."""
        try:
            found = [str(ip_address(self.host))]
        except ValueError:
            if not self.named_by_client:
                return
            entries = names.addresses_of(self.host, self.port, clock, named_by_client=True)
            found = [str(entry[4][0]) for entry in entries]
        addresses.check(self.host, found, named_by_client=self.named_by_client)

    def close(self) -> None:
        while self.idle:
            self.idle.pop().close()


class Pools:
    """The pools of one kind of hosts: those a client named, or those the catalogue or an admin named."""

    def __init__(self, *, named_by_client: bool) -> None:
        self.named_by_client = named_by_client
        self.pools: OrderedDict[str, Pool] = OrderedDict()
        self.next_look = 0.0

    def pool(self, origin: str) -> Pool:
        """The pool of an origin. Raises ValueError for what is none."""
        if time.monotonic() > self.next_look:
            self.look()
        pool = self.pools.get(origin)
        if pool is None:
            pool = self.pools[origin] = Pool(origin, named_by_client=self.named_by_client)
            if len(self.pools) > HOSTS:
                self.pools.popitem(last=False)[1].close()
        else:
            self.pools.move_to_end(origin)
        return pool

    def look(self) -> None:
        """Nobody calls some hosts again: their connections are closed too."""
        self.next_look = time.monotonic() + IDLE_SECONDS
        for pool in self.pools.values():
            pool.prune()

    def close(self) -> None:
        """Let go of every idle connection."""
        while self.pools:
            self.pools.popitem()[1].close()


@cache
def tls() -> ssl.SSLContext:
    """How servers are verified: against CA_BUNDLE, else certifi's bundle; read once."""
    return ssl.create_default_context(cafile=settings.CA_BUNDLE or where())


@cache
def outbound_proxy() -> Url | None:
    """OUTBOUND_PROXY, read once."""
    if not settings.OUTBOUND_PROXY:
        return None
    proxy = parse_url(settings.OUTBOUND_PROXY)
    if proxy.scheme != "http" or not proxy.host:
        raise ImproperlyConfigured("OUTBOUND_PROXY must be an http:// URL.")
    return proxy


@cache
def proxy_headers() -> dict[str, str]:
    """What the proxy is told of who we are, if its URL has a user."""
    proxy = outbound_proxy()
    return dict(make_headers(proxy_basic_auth=unquote(proxy.auth))) if proxy and proxy.auth else {}
