"""Which headers travel: the client's to the provider when it names them, the provider's to the client.

A header that could carry a gateway key, or that belongs to one connection, never travels.
"""

from collections.abc import Iterable, Mapping

from keys import tokens
from proxy.call import Headers

OWN = ("x-portkey-", "x-gatehouse-", "cf-", "x-forwarded-", "forwarded", "proxy-", "sec-")
COMMANDS = ("x-accel-", "x-portkey-", "x-gatehouse-", "access-control-", "proxy-")  # to what stands in front
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
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
}
OF_THE_BODY = ("content-type", "content-encoding")  # go with a body that passes through
OF_THE_WAY = (  # said by what stands between the client and us, of the client and of inner networks
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-",
    "true-client-ip",
    "fastly-",
    "x-envoy-",
    "x-aws-ec2-metadata-",
    "max-forwards",
    "http2-settings",
)
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
    "set-cookie2",
    "x-sendfile",
    "clear-site-data",
    "refresh",
    "service-worker-allowed",
    "nel",
    "report-to",
    "reporting-endpoints",
    "location",
    "alt-svc",
    "strict-transport-security",
    "www-authenticate",
}


def add(wire: dict[str, str], headers: Headers, names: Iterable[str], settings: Iterable[str]) -> None:
    """Copy the client's headers of these names; they win over the row's, never over a credential.

    `settings`: the headers that are an admin's to set, beside a stored credential.
    """
    for given in names:
        name = given.replace("_", "-")  # many servers take one for the other
        if name in NEVER_SENT or name in settings or name.startswith(OWN):
            continue
        if (value := headers.get(name)) and not tokens.FORM.search(value):
            wire[name] = value


def pass_on(wire: dict[str, str], headers: Headers, settings: Iterable[str]) -> None:
    """Copy all of the client's headers that may travel, for a call that passes through."""
    bound = {name.strip().lower() for name in headers.get("connection", "").split(",")}  # to our connection
    names = [name for name in headers if not (name in wire or name in bound or name.startswith(OF_THE_WAY))]
    add(wire, headers, names, settings)
    for name in OF_THE_BODY:
        if (value := headers.get(name)) and not tokens.FORM.search(value):
            wire[name] = value


def answered(headers: Mapping[str, str]) -> dict[str, str]:
    """The provider's headers that the client gets to see."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in NEVER_ANSWERED and not name.lower().startswith(COMMANDS)
    }
