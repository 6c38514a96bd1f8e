"""What an IP address is to us: public, private, or a cloud's metadata service.

An IPv4 address hidden in an IPv6 one counts as itself. Nothing here knows of hosts or settings;
addresses.py says who may go where.

Sources: the IANA special-purpose address registries (RFC 6890 and later), RFC 6052 (NAT64), RFC 4380
(Teredo), RFC 3056 (6to4), RFC 5214 (ISATAP), and the clouds' own pages for their metadata addresses.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(IPv6Network(net) if ":" in net else IPv4Network(net) for net in text.split())


METADATA = _networks(
    "169.254.0.0/16 fe80::/10 "  # link-local: AWS, Azure, GCP, Oracle, DigitalOcean, ECS (169.254.170.2) …
    "fd00:ec2::/32 fd20:ce::/64 fd00:42::/64 "  # AWS, GCP and Scaleway over IPv6
    "100.100.100.200/32 192.0.0.192/32 168.63.129.16/32"  # Alibaba, Oracle's older, Azure's platform
)
NOT_PUBLIC = _networks(
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 "
    "2001::/23 2001:db8::/32 3fff::/20"
)
GLOBAL_UNICAST = IPv6Network("2000::/3")

# Where the last 32 bits are an IPv4 address and the rest says nothing more: mapped, translated, NAT64,
# and the long abandoned compatible addresses.
CARRIERS = _networks("::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 ::/96")
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
SIX_TO_FOUR, TEREDO = IPv6Network("2002::/16"), IPv6Network("2001::/32")
ISATAP = 0x5EFE


def forbidden(address: Address) -> bool:
    """Whether nobody may go there, an admin's host included."""
    return any(_within(one, METADATA) for one in (address, *hidden(address)))


def public(address: Address) -> bool:
    """Whether the address, and any IPv4 address hidden in it, is one of the open internet."""
    inner = tuple(hidden(address))
    if inner and _within(address, CARRIERS):
        return all(map(public, inner))
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not _within(address, NOT_PUBLIC) and all(map(public, inner))


def hidden(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that packets to an IPv6 address may end at."""
    if isinstance(address, IPv4Address):
        return
    bits = int(address)
    low = IPv4Address(bits & 0xFFFFFFFF)
    if _within(address, CARRIERS):
        if bits > 1:  # :: and ::1 are themselves
            yield low
    elif address in LOCAL_NAT64:
        yield low
        yield IPv4Address((bits >> 64 & 0xFFFF) << 16 | bits >> 40 & 0xFFFF)  # RFC 6052: /48, byte 8 empty
    elif address in SIX_TO_FOUR:
        yield IPv4Address(bits >> 80 & 0xFFFFFFFF)
    elif address in TEREDO:
        yield IPv4Address(bits >> 64 & 0xFFFFFFFF)  # its server
        yield IPv4Address(~bits & 0xFFFFFFFF)
    if bits >> 32 & 0xFDFFFFFF == ISATAP:
        yield low


def _within(address: Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)
