"""The call of a dry run: what it asks for, and why one target or another could not be asked for that.

A call with a JSON body, by POST, and without headers that name a provider. A real call is refused in proxy/
(plan.py, targets.py), of which nothing is known here: tests/test_configs_dry_run.py puts the same to both.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from configs import hints
from configs.compiling import targets_of
from configs.conditions import Facts
from configs.parameters import NOT_A_MODEL, laid_over
from configs.patterns import speakable
from configs.tree import Target, Tree
from keys import slugs
from providers.catalog import PROVIDERS
from providers.errors import NotSupported

PASSTHROUGH = "proxy"
FNS = {"/v1/chat/completions": "chatComplete", "/v1/completions": "complete", "/v1/embeddings": "embed"}
OWN_OF_PROVIDERS = ("/v1/files", "/v1/batches", "/v1/fine_tuning")
SLASHES = re.compile(r"/{2,}")
AGAIN = re.compile(r"^(?:/v1/(?:v1|proxy)(?=/))+")
TOLD_AT_MOST = 5  # slugs, as in the answer to a call

NO_TEXT = "`model` must be a text."
NO_MODEL = "No model was given: set `model` in the body."
NO_PROVIDER = (
    "Either x-portkey-provider needs to be passed. Or the x-portkey-config header should have a valid "
    "config with provider details in it."
)
NO_HEADER = "Either x-portkey-config or x-portkey-provider header is required"
NO_HOST = "custom_host cannot be used with a virtual key."
NO_KEY = "{0} error: {0} needs a key here: `virtual_key`, or `provider` with `api_key`."
TOO_MANY = "Invalid config provided. Maximum one target is allowed for batch/file/fine_tuning requests"
NOT_VALID = "Following keys are not valid: {}"
EXPIRED = "Portkey Virtual Key {} Expired"
FORBIDDEN = "The virtual key {} allows the gateway's own calls only, and POST {} is none."


@dataclass(frozen=True, slots=True)
class Key:
    """A usable virtual key."""

    provider: str
    passthrough: bool = True
    is_expired: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a target is not asked, in the words of the answer. `is_final`: no fallback goes on from it."""

    status: int
    message: str
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a target comes to: the slug of its virtual key, if it has one, the model, and what forbids it."""

    slug: str
    model: str
    fault: Fault | None


@dataclass(frozen=True)
class Call:
    """`facts`: what conditions ask of it, its body and its path among that; `query`: of its address.

    `keys`: those of the workspace that can be used, by slug; None where nothing is known of them.
    """

    facts: Facts
    query: str = ""
    keys: Mapping[str, Key] | None = None

    @cached_property
    def path(self) -> str:
        """As it is looked up: with single slashes, and `/v1` said once."""
        return AGAIN.sub("/v1", SLASHES.sub("/", self.facts.pathname))

    @cached_property
    def fn(self) -> str:
        return FNS.get(self.path, PASSTHROUGH)

    @cached_property
    def model(self) -> str:
        """As the body names it, `@slug/` included, or the address of what passes through; "" for none."""
        told = self.facts.params.get("model")
        if self.fn != PASSTHROUGH:
            return told if isinstance(told, str) and told != NOT_A_MODEL else ""
        return told if isinstance(told, str) and told else in_query(self.query)[1]

    @cached_property
    def slug(self) -> str:
        """The virtual key that the request names; "" for none."""
        return slugs.split(self.model)[0] or in_query(self.query)[0]

    def misses(self, slug: str) -> bool:
        """Whether it is known that there is no such virtual key."""
        return self.keys is not None and slug not in self.keys

    def asked(self, target: Target) -> Asked:
        """What it comes to at a target."""
        slug = self.slug if target.asked else target.virtual_key
        model = slugs.split(self.told_model(target))[1]
        return Asked(slug, model, self.fault(target, slug, model))

    def told_model(self, target: Target) -> str:
        """The model that the target is asked for, `@slug/` included."""
        given, settings = self.facts.params, target.settings
        default, body, override = map(only_model, (settings.default, given, settings.override))
        told = laid_over(body, default, override, settings.drop).get("model")
        if isinstance(told, str):
            return told
        # One that is dropped goes out all the same where it has a place of its own.
        is_lost = self.fn == PASSTHROUGH and "model" in given and not slugs.split(self.model)[0]
        return "" if is_lost else self.model

    def fault(self, target: Target, slug: str, model: str) -> Fault | None:
        """Why the target cannot be asked, if it cannot. A key of the config's that is missing is no reason:
        that is told of all of them.
        """
        if target.asked and not slug:
            return Fault(400, NO_HEADER)
        if not slug:
            return self.fault_of_provider(target, model)
        if target.settings.custom_host:
            return Fault(400, NO_HOST)
        if self.misses(slug):
            return Fault(400, not_valid([slug])) if target.asked else None
        return self.fault_of_key(slug, model)

    def fault_of_key(self, slug: str, model: str) -> Fault | None:
        if self.lacks(model):
            return Fault(400, NO_MODEL)
        if (key := (self.keys or {}).get(slug)) is None:
            return None
        if key.is_expired:
            return Fault(401, EXPIRED.format(slug))
        if self.fn == PASSTHROUGH:
            return None if key.passthrough else Fault(403, FORBIDDEN.format(slug, self.path))
        return self.not_offered(key.provider, model)

    def fault_of_provider(self, target: Target, model: str) -> Fault | None:
        named = target.provider
        if named not in PROVIDERS:
            return Fault(500, f"Provider {named} not found", is_final=True)
        if not target.api_key:
            return Fault(401, NO_KEY.format(named))
        if self.lacks(model):
            return Fault(400, f"{named} error: {NO_MODEL}")
        return self.not_offered(named, model)

    def lacks(self, model: str) -> bool:
        return self.fn != PASSTHROUGH and model in ("", NOT_A_MODEL)

    def not_offered(self, provider: str, model: str) -> Fault | None:
        """That the provider does no such thing."""
        if self.fn == PASSTHROUGH:
            return None
        try:
            PROVIDERS[provider].operation(self.fn, model)
        except NotSupported as error:
            return Fault(error.status, error.message, is_final=True)
        return None


def refused(tree: Tree, call: Call) -> str:
    """What the call is told if it is refused with 400 before any target is looked at; "" as a rule."""
    told = call.facts.params.get("model")
    if call.fn != PASSTHROUGH and not isinstance(told, str | None):
        return NO_TEXT
    if call.fn != PASSTHROUGH and not (call.model or gives_model(tree)):
        return NO_MODEL
    if tree.bare and not call.slug:
        return NO_PROVIDER
    if call.slug and not tree.bare and call.misses(call.slug):
        return not_valid([call.slug])
    return TOO_MANY if tree.leaves > 1 and call.path.startswith(OWN_OF_PROVIDERS) else ""


def gives_model(tree: Tree) -> bool:
    """Whether a config names a model of its own."""
    settings = (target.settings for target in targets_of(tree.root))
    return any("model" in each.override or "model" in each.default for each in settings)


def not_valid(missing: Iterable[str]) -> str:
    """What a call is told of virtual keys there are none of; "" if it is none."""
    shown = ", ".join(map(hints.slug, islice(missing, TOLD_AT_MOST)))
    return speakable(NOT_VALID.format(shown)) if shown else ""


def only_model(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The one parameter that is asked about."""
    return {"model": parameters["model"]} if "model" in parameters else {}


def in_query(query: str) -> tuple[str, str]:
    """The parts of `?model=@slug/model`; the model is "" where a second slug stands before it."""
    slug, model = slugs.in_query(query)
    return slug, "" if slugs.split(model)[0] else model
