"""Where a request came from, when proxies stand before us.

A proxy in TRUSTED_PROXIES is believed about whom it speaks for; whoever else sends X-Forwarded-For is not.
The scheme is gunicorn's business, which believes the same addresses.
"""

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def believing(application: Application, proxies: Iterable[str]) -> Application:
    """`application`, told the client's address as REMOTE_ADDR where it is one of `proxies` that connects."""
    networks = [ipaddress.ip_network(proxy) for proxy in proxies]
    if not networks:
        return application

    def told(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        peer, header = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        environ["REMOTE_ADDR"] = client(peer, header.split(","), networks)
        return application(environ, start_response)

    return told


def client(peer: str, hops: list[str], networks: list[Network]) -> str:
    """The nearest address that is no proxy of ours: each one named the hop before itself, at the end."""
    nearest = peer
    for hop in reversed(hops):
        if not is_in(nearest, networks) or not is_address(hop.strip()):
            break
        nearest = hop.strip()
    return nearest


def is_in(address: str, networks: list[Network]) -> bool:
    return is_address(address) and any(ipaddress.ip_address(address) in network for network in networks)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
