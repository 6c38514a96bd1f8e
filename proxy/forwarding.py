"""Which headers travel: the client's to the provider when it names them, the provider's to the client.

A header that could carry a gateway key, or that belongs to one connection, never travels.
"""

from collections.abc import Iterable, Mapping

from proxy.call import Headers

OWN = ("x-portkey-", "x-gatehouse-", "cf-", "x-forwarded-", "forwarded")
NEVER_SENT = {
    "authorization",
    "x-api-key",
    "api-key",
    "cookie",
    "proxy-authorization",
    "host",
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "metadata",
    "metadata-flavor",
    "x-google-metadata-request",
    "x-aws-ec2-metadata-token",
}
NEVER_ANSWERED = {
    "content-length",
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "trailer",
    "date",
    "server",
    "set-cookie",
    "location",
    "alt-svc",
    "strict-transport-security",
    "www-authenticate",
}


def add(wire: dict[str, str], headers: Headers, names: Iterable[str]) -> None:
    """Copy the client's headers of these names; they win over the row's, never over a credential."""
    for name in names:
        if name in NEVER_SENT or name.startswith(OWN):
            continue
        if (value := headers.get(name)) and "gh-" not in value:
            wire[name] = value


def answered(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers that the client gets to see."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in NEVER_ANSWERED and not name.lower().startswith("x-portkey-")
    }
