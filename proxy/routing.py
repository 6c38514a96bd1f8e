"""From a call to the leaves to try, in order. No I/O: `walk` is a generator that is told what came of each.

A call without a config is a tree of one leaf. Which virtual key serves it goes by Portkey's precedence:
`x-portkey-provider: @slug`, `x-portkey-virtual-key`, `@slug/` before the model's name in the body, then in
the path or the query, then a plain provider id with the client's own credential.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

from keys import virtual_keys
from keys.authentication import client_credential
from keys.callers import Caller
from keys.virtual_keys import HeldKey
from providers.catalog import PROVIDERS
from providers.types import Credential, Provider
from proxy import addresses, paths, slugs
from proxy.call import Call, Headers
from proxy.errors import InvalidRequest
from proxy.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Leaf:
    """One provider to call, with one credential."""

    path: str
    provider: Provider
    credential: Credential
    model: str
    held: HeldKey | None = None
    named_by_client: bool = False  # the host came with the request, so it must be public
    timeout: float | None = None
    forward: tuple[str, ...] = field(default=())


Node = Leaf
Walk = Generator[Leaf, Outcome, Outcome]


def walk(node: Node) -> Walk:
    """Yields the leaves to try, is told what came of each, returns the outcome that counts."""
    return (yield node)


def tree(caller: Caller, call: Call, query: str) -> Node:
    """What this call is to try. Raises InvalidRequest for a provider or virtual key that is not there."""
    slug, model = chosen(call, query)
    if slug:
        return stored(caller, call, slug, model)
    return own(call, model)


def named(call: Call, query: str) -> bool:
    """Whether a list of models is asked of a provider, and not of the gateway."""
    if call.headers.get("x-portkey-fetch-integrated-models", "").lower() == "true":
        return False
    headers = ("x-portkey-provider", "x-portkey-virtual-key")
    return any(call.headers.get(name) for name in headers) or bool(slugs.in_query(query)[0])


def chosen(call: Call, query: str) -> tuple[str, str]:
    """The virtual key's slug, "" if the client brings its own credential; and the model's bare name."""
    in_body, model = slugs.split(call.model)
    named = call.headers.get("x-portkey-provider", "")
    if named.startswith("@"):
        return named[1:].partition("/")[0], model
    if held := call.headers.get("x-portkey-virtual-key", ""):
        return held, model
    return in_body or in_address(call, query), model


def in_address(call: Call, query: str) -> str:
    """The slug before a model in the address: in the query, and in a path that goes on."""
    return paths.named(call.headers.environ)[0] if call.path else slugs.in_query(query)[0]


def stored(caller: Caller, call: Call, slug: str, model: str) -> Leaf:
    """The leaf of a virtual key. Its credential goes to no host that came with the request."""
    if "x-portkey-custom-host" in call.headers:
        raise InvalidRequest("x-portkey-custom-host cannot be used with a virtual key.")
    held = virtual_keys.find(caller.workspace_id or "", slug)
    if held is None:
        raise InvalidRequest(f"Following keys are not valid: {slug}")
    return Leaf(
        path="config",
        provider=PROVIDERS[held.provider],
        credential=held.credential,
        model=model,
        held=held,
        timeout=call.timeout,
        forward=call.forward,
    )


def own(call: Call, model: str) -> Leaf:
    """The leaf of a provider named by its id, called with the client's own credential."""
    named = call.headers.get("x-portkey-provider", "")
    if not named:
        raise InvalidRequest("Either x-portkey-config or x-portkey-provider header is required")
    if named not in PROVIDERS:
        raise InvalidRequest("Invalid provider passed")
    provider = PROVIDERS[named]
    secret = client_credential(call.headers.environ, named)
    if not secret:
        raise InvalidRequest(
            f"x-portkey-provider: {named} needs {named}'s key in Authorization, "
            "with the gateway's in x-portkey-api-key, or a virtual key (x-portkey-virtual-key)."
        )
    host = custom_host(call.headers)
    return Leaf(
        path="config",
        provider=provider,
        credential=Credential(secret, settings(provider, call.headers), host),
        model=model,
        named_by_client=bool(host),
        timeout=call.timeout,
        forward=call.forward,
    )


def custom_host(headers: Headers) -> str:
    """The base URL the client asks for, checked by its syntax; its addresses are checked on connecting."""
    given = headers.get("x-portkey-custom-host", "")
    if not given:
        return ""
    try:
        return addresses.custom_host(given)
    except ValueError:
        raise InvalidRequest("Invalid custom host") from None


def settings(provider: Provider, headers: Headers) -> dict[str, str]:
    """The provider's settings from `x-portkey-…` headers. They never meet a stored credential."""
    found = {}
    for setting in provider.settings:
        if value := headers.get("x-portkey-" + setting.name.replace("_", "-")):
            found[setting.name] = value
    return found
