"""What a call is to try: its config's tree, and what each target of it comes to for this call."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from configs import breaker, places
from configs.compiling import targets_of
from configs.conditions import Facts
from configs.tree import Target, Tree
from keys.callers import Caller
from providers.errors import ProviderError
from proxy import targets
from proxy.call import MODELS, PASSTHROUGH, Call, metadata_given
from proxy.choosing import NO_PROVIDER, Chosen
from proxy.errors import InvalidRequest
from proxy.routing import Asking
from proxy.targets import Leaf

LOOKED_FOR = 1.0  # seconds that the conditions of one call may take
OWN_OF_PROVIDERS = ("/files", "/batches", "/fine_tuning")  # what one provider keeps, another does not know
TOO_MANY = "Invalid config provided. Maximum one target is allowed for batch/file/fine_tuning requests"


@dataclass(slots=True)
class Plan:
    """`only`: the leaf of a tree that has but one target, found before anything is tried."""

    chosen: Chosen
    call: Call
    caller: Caller
    query: str
    only: Leaf | None = None
    known: Facts | None = field(default=None)

    @classmethod
    def of(cls, chosen: Chosen, call: Call, caller: Caller) -> "Plan | None":
        """The plan of a call; None for a list of models that names no provider.

        Raises InvalidRequest, DirectoryAway.
        """
        tree, query = chosen.tree, call.headers.environ.get("QUERY_STRING", "")
        if call.fn == MODELS and is_for_us(tree, call, query):
            return None
        check(chosen, call, caller, query)
        plan = cls(chosen, call, caller, query)
        if tree.leaves > 1:
            targets.check(tree.slugs, caller)
        elif isinstance(tree.root, Target):
            plan.only = plan.first(tree.root)
        return plan

    @property
    def tree(self) -> Tree:
        return self.chosen.tree

    def first(self, target: Target) -> Leaf | None:
        """What the one target comes to; None where it cannot be asked, which becomes an outcome later."""
        try:
            return targets.leaf(target, self.call, self.caller, self.query)
        except ProviderError:
            return None

    def leaf(self, target: Target) -> Leaf:
        """What a target comes to. Raises InvalidRequest, ProviderError, DirectoryAway."""
        if self.only is not None:
            return self.only
        return targets.leaf(target, self.call, self.caller, self.query)

    def facts(self) -> Facts:
        """What conditions can ask of the call, before any override."""
        if self.known is None:
            call = self.call
            given = metadata_given(call.headers, self.caller.metadata)
            self.known = Facts(given, call.parameters, call.headers.environ["PATH_INFO"], LOOKED_FOR)
        return self.known

    def asking(self, skipped: list[str]) -> Asking:
        """What routing is told of the call."""
        is_open = self.is_open if self.tree.has_breakers else None
        return Asking(self.facts, is_open, skipped=skipped)

    def is_open(self, target: Target) -> bool:
        """Whether a target's breaker is open."""
        return target.breaker is not None and breaker.is_open(self.place(target.path), target.breaker)

    def lasting_place(self, path: str) -> str:
        """A node of this config, in any version of it."""
        return places.lasting(self.caller.workspace_id or "", self.chosen.slug, self.tree, path)

    def place(self, path: str) -> str:
        """A node of this config, in this version of it, among all workspaces'."""
        return places.place(self.caller.workspace_id or "", self.chosen.slug, self.tree, path)


def is_for_us(tree: Tree, call: Call, query: str) -> bool:
    """Whether a list of models is asked of the gateway, and not of a provider."""
    own = call.headers.get("x-portkey-fetch-integrated-models", "").lower() == "true"
    if own or tree.lists_own_models:
        return True
    return tree.bare and not targets.named(call.headers, query)


def check(chosen: Chosen, call: Call, caller: Caller, query: str) -> None:
    """Refuse what no target can be asked for. Raises InvalidRequest."""
    tree = chosen.tree
    if not call.model and call.fn not in (MODELS, PASSTHROUGH) and not gives_model(tree):
        raise InvalidRequest("No model was given: set `model` in the body.")
    if chosen.slug:
        check_named(tree, call, caller, query)
    if call.fn == PASSTHROUGH and tree.leaves > 1 and call.path.startswith(OWN_OF_PROVIDERS):
        raise InvalidRequest(TOO_MANY)


def check_named(tree: Tree, call: Call, caller: Caller, query: str) -> None:
    """Refuse a request that names a virtual key there is none of, though its config would not use it."""
    slug = targets.chosen(call, query)
    if slug and not tree.bare:
        targets.check([slug], caller)
    if tree.bare and not slug and "x-portkey-provider" not in call.headers:
        raise InvalidRequest(NO_PROVIDER)


def gives_model(tree: Tree) -> bool:
    """Whether a config names a model of its own."""
    told: Iterable[Target] = targets_of(tree.root)
    return any("model" in each.settings.override or "model" in each.settings.default for each in told)
