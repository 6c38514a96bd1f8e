"""Which host an admin may send a stored credential to, judged by its text.

A private address is allowed, since models run there; a cloud's metadata address never is. The address a name
resolves to is checked on every connection, by the door through which calls leave.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

SANDBOX = re.compile(r"sandbox://(openai|anthropic)/v1")
NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?")
METADATA_NAMES = {"metadata", "metadata.google.internal", "metadata.azure.com", "instance-data"}
METADATA_NETWORKS = [
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local: AWS, Google, Azure, ECS
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.192/32",  # Oracle
        "fe80::/10",
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
    )
]
IPV4_AT_THE_END = [ipaddress.ip_network(prefix) for prefix in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")]


def base_url(custom_host: str) -> str:
    """The URL to send to: `sandbox://…` stands for wherever the sandbox is served now."""
    if SANDBOX.fullmatch(custom_host):
        return settings.SANDBOX_URL.rstrip("/") + "/" + custom_host.removeprefix("sandbox://")
    return custom_host


def check(custom_host: str) -> None:
    """Raises ValidationError unless `custom_host` is an address an admin may choose."""
    if SANDBOX.fullmatch(custom_host):
        return
    if not custom_host.isascii() or not custom_host.isprintable() or " " in custom_host:
        raise ValidationError("A custom host is written in printable ASCII without spaces.")
    try:
        parts = urlsplit(custom_host)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValidationError("This is not a URL.") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ValidationError("A custom host begins with http:// or https:// and names a host.")
    if "@" in parts.netloc or "\\" in custom_host or parts.query or parts.fragment:
        raise ValidationError("A custom host has no user, query or fragment.")
    if is_metadata(host):
        raise ValidationError("This is the address of a cloud's metadata service.")


def is_metadata(host: str) -> bool:
    """Whether `host` (lower case, without brackets) means a metadata service. Raises ValidationError."""
    host = host.rstrip(".")
    if (address := as_address(host)) is None:
        if not NAME.fullmatch(host):
            raise ValidationError("The host has characters that no host name has.")
        return host in METADATA_NAMES
    return any(hidden in network for hidden in meanings(address) for network in METADATA_NETWORKS)


def as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address `host` is, in any of the spellings a resolver takes: short, hexadecimal, octal too."""
    try:
        if ":" in host:
            return ipaddress.IPv6Address(host)
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except ipaddress.AddressValueError:
        raise ValidationError("This is not an IPv6 address.") from None
    except OSError:
        return None


def meanings(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """The address, and any IPv4 address hidden in it (mapped, 6to4, Teredo, NAT64, compatible)."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    hidden = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in prefix for prefix in IPV4_AT_THE_END):
        hidden.append(ipaddress.IPv4Address(address.packed[12:]))
    return [address, *(found for found in hidden if found is not None)]
