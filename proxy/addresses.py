"""Where a call may go: what a host that a client names may look like, and which addresses may be reached.

A host named by a client must be public or trusted by name (TRUSTED_CUSTOM_HOSTS). A host named by an admin
may be private, but nobody reaches the metadata services of clouds, which hand out credentials.

The syntax of a name proves nothing about where it leads: `custom_host` judges a URL by the rules Portkey
publishes, and proxy/connections.py asks `check` about every address it is about to connect to.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from django.conf import settings

from providers.errors import Unreachable
from proxy.networks import forbidden, public

LONGEST = 2048
MOST_LABELS = 10
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
PATH = re.compile(r"[!$%&'()*+,./0-9:;=@A-Z_a-z~-]*")

METADATA_NAMES = {"metadata", "metadata.google.internal", "metadata.azure.com", "instance-data"}
# Names that only mean something inside a network, or are reserved never to mean anything.
INNER = ("local", "localdomain", "internal", "intranet", "lan", "home", "corp", "test", "invalid", "onion")
# Names that lead to whatever address stands in them, or always to this machine.
WILDCARD_DNS = (
    "localhost",
    "localtest.me",
    "lvh.me",
    "vcap.me",
    "nip.io",
    "sslip.io",
    "xip.io",
    "traefik.me",
)
# Where something other than a web server listens by custom.
SERVICE_PORTS = frozenset(
    {22, 23, 25, 53, 110, 111, 135, 139, 143, 389, 445, 465, 587, 636, 873, 993, 995, 1433, 1521, 2049, 2181}
    | {2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 5900, 5984, 6379, 6443, 9042, 9092, 9200, 9300}
    | {10250, 10255, 11211, 25672, 27017, 27018, 27019}
)


class Forbidden(Unreachable):
    """We would not go there. `status` is 400 if the client named the host."""

    code = "host_not_allowed"
    retryable = False


def custom_host(url: str) -> str:
    """The base URL that x-portkey-custom-host names, as it will be used: host in lower case and ASCII,
    an address in its usual spelling. Raises ValueError, saying what is wrong.

    A host listed in TRUSTED_CUSTOM_HOSTS need only be well-formed.
    """
    if len(url) > LONGEST:
        raise ValueError(f"it is longer than {LONGEST} characters")
    if any(char <= " " or char in "\\\x7f" for char in url):
        raise ValueError("it has spaces, control characters or backslashes")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("it must begin with http:// or https://")
    if "?" in url or "#" in url:
        raise ValueError("it must end with a path")
    if not PATH.fullmatch(parts.path):
        raise ValueError("its path has characters that must be quoted")
    name, port = _authority(parts.netloc)
    host = _host(name)
    if not trusted(host):
        _judge(host, port)
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}{f':{port}' if port else ''}{parts.path}"


def _authority(netloc: str) -> tuple[str, int]:
    """Host and port (0: the scheme's own)."""
    if "@" in netloc or "%" in netloc:
        raise ValueError("its host has characters that are not allowed there")
    if netloc.startswith("["):
        name, bracket, port = netloc.partition("]")
        name, port = name + bracket, port.removeprefix(":") if port.startswith(":") else port and "x"
    else:
        name, _, port = netloc.partition(":")
    if port and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ValueError("its port is not one")
    return name, int(port or 0)


def _host(name: str) -> str:
    """The host as it is looked up. An IPv4 address in any of its spellings comes back in the usual one."""
    if name.startswith("["):
        return str(IPv6Address(name[1:-1]))
    if len(name) > 253:
        raise ValueError("its host is too long")
    host = name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
    labels = host.split(".")
    if not all(map(LABEL.fullmatch, labels)):
        raise ValueError("its host is not a name")
    if len(labels) > MOST_LABELS:
        raise ValueError(f"its host has more than {MOST_LABELS} labels")
    return str(_ipv4(labels)) if NUMBER.fullmatch(labels[-1]) else host


def _ipv4(labels: list[str]) -> IPv4Address:
    """An address as inet_aton reads it: one to four numbers, decimal, octal or hexadecimal."""
    if len(labels) > 4:
        raise ValueError("its host is no address")
    *first, last = map(_number, labels)
    if any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        raise ValueError("its host is no address")
    return IPv4Address(sum(number << 24 - 8 * place for place, number in enumerate(first)) + last)


def _number(label: str) -> int:
    if not NUMBER.fullmatch(label):
        raise ValueError("its host is no address")
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if len(label) > 1 and label.startswith("0") else 10)


def _judge(host: str, port: int) -> None:
    if port in SERVICE_PORTS:
        raise ValueError(f"port {port} is not one of the web")
    if ":" in host or NUMBER.fullmatch(host.rpartition(".")[2]):
        address = ip_address(host)
        if forbidden(address) or not public(address):
            raise ValueError("its address is not public")
        return
    if host in METADATA_NAMES or "api.portkey" in host or "." not in host:
        raise ValueError("its host is not one of the internet")
    if any(host == end or host.endswith(f".{end}") for end in (*INNER, *WILDCARD_DNS)):
        raise ValueError("its host is not one of the internet")


def check(host: str, found: Iterable[str], *, named_by_client: bool) -> None:
    """Raises Forbidden unless every one of the addresses `found` for `host` may be reached."""
    guarded = named_by_client and not trusted(host)
    for text in found:
        address = ip_address(text.partition("%")[0])
        if forbidden(address) or (guarded and not public(address)):
            kind = "an address of a cloud's metadata service" if forbidden(address) else "not public"
            status = 400 if named_by_client else 502
            raise Forbidden(f"{host} may not be reached from here: it is {kind}.", status=status)


def trusted(host: str) -> bool:
    """Whether TRUSTED_CUSTOM_HOSTS lists `host` or a domain it belongs to."""
    host = host.lower().strip("[]")
    return any(
        host == name or host.endswith(f".{name}") for name in map(_plain, settings.TRUSTED_CUSTOM_HOSTS)
    )


def _plain(name: str) -> str:
    return name.lower().strip("[]").removeprefix("*.")
