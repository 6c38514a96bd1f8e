"""From a target to a leaf: the provider to call, its credential, and the call as it goes there.

A target of a config names a virtual key, or a provider with a key of the client's. One that names nobody
because there is no config, or one of settings alone, is whom the request names, by Portkey's precedence:
`x-portkey-provider: @slug`, `x-portkey-virtual-key`, `@slug/` before the model's name in the body, then in
the path or the query, then a plain provider id with the client's own credential.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from itertools import islice

from configs import hints
from configs.parameters import NOT_A_MODEL
from configs.tree import CacheRule, Retry, Target
from keys import slugs, virtual_keys
from keys.authentication import client_credential
from keys.callers import Caller
from keys.virtual_keys import HeldKey
from providers.catalog import PROVIDERS
from providers.errors import NotSupported, Unrenderable
from providers.types import Credential, Provider
from providers.values import made_often
from proxy import addresses, params, paths
from proxy.call import MODELS, PASSTHROUGH, Call, Headers
from proxy.errors import InvalidRequest

LONGEST_SECRET = 8 * 1024  # characters of a client's own credential: it is looked for in every answer
HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs, which JSON can name and nobody can send
TOLD_AT_MOST = 5  # unknown slugs, each of which costs a look into the database


@made_often(frozen=True, slots=True)
class Leaf:
    """One provider to call, with one credential, and the call in the parameters that hold for it."""

    path: str
    provider: Provider
    credential: Credential
    model: str
    call: Call
    held: HeldKey | None = None
    named_by_client: bool = False  # the host came with the request, so it must be public
    timeout: float | None = None
    forward: tuple[str, ...] = field(default=())
    retry: Retry | None = None
    cache: CacheRule | None = None


def leaf(target: Target, call: Call, caller: Caller, query: str) -> Leaf:
    """The leaf of a target. Raises InvalidRequest, NotSupported, Unrenderable, DirectoryAway."""
    came, call = call, params.applied(call, target.settings)
    _, model = slugs.split(call.model)
    if target.asked:
        slug = chosen(came, query)
        return stored(target, call, caller, slug, model) if slug else own(target, call, model)
    if target.virtual_key:
        return stored(target, call, caller, target.virtual_key, model)
    return brought(target, call, model)


def named(headers: Headers, query: str) -> bool:
    """Whether a request says beside its body whom to call."""
    given = ("x-portkey-provider", "x-portkey-virtual-key")
    return any(headers.get(name) for name in given) or bool(slugs.in_query(query)[0])


def chosen(call: Call, query: str) -> str:
    """The slug of the virtual key that a request names; "" if the client brings its own credential."""
    provider = call.headers.get("x-portkey-provider", "")
    if provider.startswith("@"):
        return provider[1:].partition("/")[0]
    if held := call.headers.get("x-portkey-virtual-key", ""):
        return held
    return slugs.split(call.model)[0] or in_address(call, query)


def in_address(call: Call, query: str) -> str:
    """The slug before a model in the address: in the query, and in a path that goes on."""
    return paths.named(call.headers.environ)[0] if call.path else slugs.in_query(query)[0]


def stored(target: Target, call: Call, caller: Caller, slug: str, model: str) -> Leaf:
    """The leaf of a virtual key. Its credential goes to no host that a request or a config names."""
    if "x-portkey-custom-host" in call.headers or target.settings.custom_host:
        name = "custom_host" if target.settings.custom_host else "x-portkey-custom-host"
        raise InvalidRequest(f"{name} cannot be used with a virtual key.")
    held = virtual_keys.find(caller.workspace_id or "", slug)
    if held is None:
        raise unknown(slug)
    return made(target, call, model, held=held)


def unknown(*names: str) -> InvalidRequest:
    """What looks like a secret in the wrong place is only hinted at."""
    return InvalidRequest(f"Following keys are not valid: {', '.join(map(hints.slug, names))}")


def check(names: Iterable[str], caller: Caller) -> None:
    """Refuse a config that names virtual keys there are none of. Raises InvalidRequest, DirectoryAway."""
    workspace = caller.workspace_id or ""
    missing = (slug for slug in names if virtual_keys.find(workspace, slug) is None)
    if told := list(islice(missing, TOLD_AT_MOST)):
        raise unknown(*told)


def own(target: Target, call: Call, model: str) -> Leaf:
    """The leaf of a provider that the request names by its id, with the client's own credential."""
    provider = call.headers.get("x-portkey-provider", "")
    if not provider:
        raise InvalidRequest("Either x-portkey-config or x-portkey-provider header is required")
    if provider not in PROVIDERS:
        raise InvalidRequest("Invalid provider passed")
    secret = client_credential(call.headers.environ, provider)
    if not secret:
        raise InvalidRequest(
            f"x-portkey-provider: {provider} needs {provider}'s key in Authorization, "
            "with the gateway's in x-portkey-api-key, or a virtual key (x-portkey-virtual-key)."
        )
    row = PROVIDERS[provider]
    return by_client(target, call, model, row, secret, settings(row, call.headers))


def brought(target: Target, call: Call, model: str) -> Leaf:
    """The leaf of a provider that the config names, with the key that it holds."""
    if target.provider not in PROVIDERS:
        raise NotSupported(f"Provider {target.provider} not found")
    if not target.api_key:
        message = f"{target.provider} needs a key here: `virtual_key`, or `provider` with `api_key`."
        raise Unrenderable(message, status=401)
    row = PROVIDERS[target.provider]
    told = {setting.name: target.provider_settings.get(setting.name, "") for setting in row.settings}
    settings = {name: value for name, value in told.items() if value}
    return by_client(target, call, model, row, target.api_key, settings)


def by_client(
    target: Target, call: Call, model: str, provider: Provider, secret: str, settings: Mapping[str, str]
) -> Leaf:
    if len(secret) > LONGEST_SECRET or HALVES.search(secret):
        told = (
            f"A key for {provider.slug} has at most {LONGEST_SECRET} characters, none of them half of a pair."
        )
        raise InvalidRequest(told)
    host = custom_host(call.headers.get("x-portkey-custom-host", "") or target.settings.custom_host)
    return made(target, call, model, provider, Credential(secret, settings, host))


def made(
    target: Target,
    call: Call,
    model: str,
    provider: Provider | None = None,
    credential: Credential | None = None,
    held: HeldKey | None = None,
) -> Leaf:
    """The leaf of a virtual key, or else of a provider and a credential."""
    if model in ("", NOT_A_MODEL) and call.fn not in (PASSTHROUGH, MODELS):
        raise Unrenderable("No model was given: set `model` in the body.")
    if held is not None:
        provider, credential = PROVIDERS[held.provider], held.credential
    assert provider is not None
    assert credential is not None
    settings = target.settings
    return Leaf(
        path=target.path,
        provider=provider,
        credential=credential,
        model=model,
        call=call,
        held=held,
        named_by_client=held is None and bool(credential.base_url),
        timeout=call.timeout or settings.timeout,
        forward=call.forward or settings.forward or (),
        retry=settings.retry,
        cache=settings.cache,
    )


def custom_host(given: str) -> str:
    """The base URL the client asks for, checked by its syntax; its addresses are checked on connecting."""
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
