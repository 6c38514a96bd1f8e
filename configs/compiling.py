"""From a config's text to the tree that is followed (configs/tree.py), made once and found again by its text.

What is inherited is worked out here (gateway-behaviour §3.3): a child's parameters are laid over its
parent's; retry, cache, timeout, host, headers and strictness are a child's own or else its parent's; who is
called is never inherited. Trees are kept in a bounded map; one that is wrong is not kept.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from configs import fields, schema
from configs.aside import BROUGHT, aside, native_lock
from configs.conditions import query
from configs.masking import masked
from configs.tree import (
    NO_SETTINGS,
    BreakerRule,
    CacheRule,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    Retry,
    Settings,
    Single,
    Sticky,
    Target,
    Tree,
)
from configs.violations import Violation
from configs.weighing import weight
from providers.json_text import dumps, loads_strictly

KEPT, KEPT_BYTES = 2_000, 32 << 20  # trees, and what they come to
HEAVIEST = KEPT_BYTES // 2  # of a tree that is kept: it is not to take everybody's place
SHORT = 8 * 1024  # characters of a config that is read in a few milliseconds
LONGEST = 2 * 1024 * 1024  # characters of a config
MOST_ATTEMPTS = 5  # as hosted: Portkey's source has no bound
RETRY_CODES = frozenset((429, 500, 502, 503, 504, 529))
STICKY_SECONDS = 300
LEAST_COOLDOWN = 30.0  # seconds
PART = re.compile(r"([^.\[\]]+)|\[([0-9]{1,9}|\*)\]")


class NotJSON(ValueError):
    """The text is no JSON, or null."""


class Legacy(NotJSON):
    """A config of the form that had `options`."""


class Invalid(ValueError):
    """The config breaks rules: `violations`."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(map(str, violations)))
        self.violations = violations


class Kept:
    """Trees by their text, the least recently used of them go."""

    def __init__(self) -> None:
        self.trees: OrderedDict[str, tuple[Tree, int]] = OrderedDict()
        self.bytes = 0
        self.lock = native_lock()  # trees are made in several threads

    def find(self, text: str) -> Tree | None:
        with self.lock:
            if (known := self.trees.get(text)) is None:
                return None
            self.trees.move_to_end(text)
            return known[0]

    def keep(self, text: str, tree: Tree) -> None:
        if (heavy := weight(text, tree)) > HEAVIEST:
            return
        with self.lock:
            if text in self.trees:
                return
            self.trees[text] = tree, heavy
            self.bytes += heavy
            while len(self.trees) > KEPT or self.bytes > KEPT_BYTES:
                self.bytes -= self.trees.popitem(last=False)[1][1]


kept = Kept()


def compiled(text: str, *, saved: bool = False, whose: str = BROUGHT, of: str = "") -> Tree:
    """The tree of a config. `saved`: by the stricter rules of saved ones; `whose`: the threads for long ones,
    of which each workspace, `of`, has a share.

    Raises NotJSON, Legacy, Invalid.
    """
    if not saved and (known := kept.find(text)) is not None:
        return known
    if len(text) > LONGEST:
        raise Invalid([Violation((), f"A config may have {LONGEST} characters.")])
    if len(text) <= SHORT:
        return made(text, saved=saved)
    return aside(lambda: made(text, saved=saved), whose, of)


def made(text: str, *, saved: bool) -> Tree:
    """The tree of a text, which is kept from now on. Raises as `compiled` does."""
    told = read(text)
    if wrong := schema.violations(told, saved=saved):
        raise Invalid(wrong)
    if "options" in told:
        raise Legacy("options")
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    tree = replace(planted(fields.spelled(told), digest), shown=masked(told))
    kept.keep(text, tree)
    return tree


def read(text: str) -> Any:
    """The value in the text. Raises NotJSON."""
    try:
        told = loads_strictly(text.encode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise NotJSON(str(error)) from None
    if told is None:
        raise NotJSON("null")
    return told


def planted(root: Mapping[str, Any], digest: str) -> Tree:
    """The tree of a config that keeps to the schema."""
    if "targets" not in root and not names_provider(root):
        target = Target(name=root.get("name", ""), asked=True, settings=settings(root, NO_SETTINGS))
        return Tree(target, digest, lists_own_models=root.get("fetch_integrated_models", False))
    node = planted_node(root, "config", NO_SETTINGS, None)
    leaves = list(targets_of(node))
    slugs = dict.fromkeys(leaf.virtual_key for leaf in leaves if leaf.virtual_key)
    return Tree(
        node,
        digest,
        slugs=tuple(slugs),
        leaves=len(leaves),
        has_breakers=any(leaf.breaker for leaf in leaves),
        lists_own_models=root.get("fetch_integrated_models", False),
    )


def names_provider(node: Mapping[str, Any]) -> bool:
    """Whether a node says whom to call."""
    return bool(node.get("provider") or node.get("virtual_key") or schema.slug_of_model(node))


def targets_of(node: Node) -> list[Target]:
    """The leaves below a node, in order."""
    if isinstance(node, Target):
        return [node]
    return [leaf for child in node.targets for leaf in targets_of(child)]


def planted_node(
    node: Mapping[str, Any], path: str, inherited: Settings, breaker: BreakerRule | None
) -> Node:
    effective, strategy = settings(node, inherited), node.get("strategy")
    if not isinstance(strategy, Mapping) or "targets" not in node:
        return leaf(node, path, effective, breaker)
    mode = strategy["mode"]
    # A breaker below a conditional strategy would take away what a condition names.
    own = None if mode == "conditional" else breaker_rule(strategy) or breaker
    below = tuple(
        planted_node(child, f"{path}.targets[{index}]", effective, own)
        for index, child in enumerate(node["targets"])
    )
    return STRATEGIES[mode](path, below, node)


def leaf(node: Mapping[str, Any], path: str, effective: Settings, breaker: BreakerRule | None) -> Target:
    """A target that is called. Which of its words names the provider goes by §1.8."""
    provider, slug = node.get("provider", ""), node.get("virtual_key", "")
    if provider.startswith("@"):
        provider, slug = "", schema.slug_of(provider)
    elif not slug and (in_model := schema.slug_of_model(node)):
        provider, slug = "", in_model
    told = {name: as_text(value) for name, value in node.items() if fields.is_setting(name)}
    return Target(
        path=path,
        name=node.get("name", ""),
        provider="" if slug else provider,
        virtual_key=slug,
        api_key=node.get("api_key", ""),
        provider_settings=told,
        asked=bool(node.get("passthrough")) and not (slug or provider),
        settings=effective,
        breaker=breaker,
    )


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def settings(node: Mapping[str, Any], inherited: Settings) -> Settings:
    """The node's settings over its parent's."""
    effective = inherited
    if node.get("override_params"):
        effective = replace(effective, override={**inherited.override, **node["override_params"]})
    if node.get("default_params"):
        effective = replace(effective, default={**inherited.default, **node["default_params"]})
    if "drop_params" in node:
        effective = replace(effective, drop=tuple(parts(path) for path in node["drop_params"]))
    if "retry" in node:
        effective = replace(effective, retry=retry(node["retry"]))
    if "cache" in node:
        effective = replace(effective, cache=CacheRule(node["cache"]["mode"], max_age(node["cache"])))
    if node.get("request_timeout"):
        effective = replace(effective, timeout=max(0.001, node["request_timeout"] / 1000))
    if node.get("custom_host"):
        effective = replace(effective, custom_host=node["custom_host"])
    if "forward_headers" in node:
        names = (name.strip().lower() for name in node["forward_headers"])
        effective = replace(effective, forward=tuple(name for name in names if name))
    if "strict_open_ai_compliance" in node:
        effective = replace(effective, strict=node["strict_open_ai_compliance"])
    return effective


def parts(path: str) -> tuple[str | int, ...]:
    """`tools[*].function.strict` → its steps; `*` for every element."""
    found = PART.findall(path)
    return tuple(name or (int(index) if index.isdecimal() else index) for name, index in found)


def retry(told: Mapping[str, Any]) -> Retry | None:
    attempts = min(int(told["attempts"]), MOST_ATTEMPTS)
    if attempts <= 0:
        return None
    heeds = told.get("use_retry_after_header", told.get("use_retry_after_headers", False))
    codes = told.get("on_status_codes")
    return Retry(attempts, RETRY_CODES if codes is None else frozenset(codes), heeds)


def max_age(told: Mapping[str, Any]) -> int | None:
    return int(told["max_age"]) if "max_age" in told else None


def breaker_rule(strategy: Mapping[str, Any]) -> BreakerRule | None:
    """Active where an interval and one of the thresholds are given."""
    told = strategy.get("cb_config", {})
    failures, percentage = told.get("failure_threshold"), told.get("failure_threshold_percentage")
    if not told.get("cooldown_interval") or not (failures or percentage):
        return None
    codes = told.get("failure_status_codes")
    return BreakerRule(
        cooldown=max(LEAST_COOLDOWN, told["cooldown_interval"] / 1000),
        failures=int(failures) if failures else None,
        percentage=percentage or None,
        least=int(told.get("minimum_requests", 5)),
        codes=None if codes is None else frozenset(codes),
    )


def single(path: str, below: tuple[Node, ...], node: Mapping[str, Any]) -> Single:
    return Single(path, below, node.get("name", ""))


def fallback(path: str, below: tuple[Node, ...], node: Mapping[str, Any]) -> Fallback:
    codes = node["strategy"].get("on_status_codes")
    return Fallback(path, below, None if codes is None else frozenset(codes), node.get("name", ""))


def load_balance(path: str, below: tuple[Node, ...], node: Mapping[str, Any]) -> LoadBalance:
    weights = tuple(float(child.get("weight", 1)) for child in node["targets"])
    return LoadBalance(path, below, weights, sticky(node["strategy"].get("sticky")), node.get("name", ""))


def sticky(told: Mapping[str, Any] | None) -> Sticky | None:
    if not told or not told["enabled"]:
        return None
    named = (field.partition(".") for field in told.get("hash_fields", ()))
    return Sticky(
        tuple((where, name) for where, _, name in named), max(1, int(told.get("ttl", STICKY_SECONDS)))
    )


def conditional(path: str, below: tuple[Node, ...], node: Mapping[str, Any]) -> Conditional:
    told = node["strategy"].get("conditions")
    conditions = None if told is None else tuple((query(each["query"]), each["then"]) for each in told)
    return Conditional(path, below, conditions, node["strategy"].get("default", ""), node.get("name", ""))


STRATEGIES: dict[str, Callable[[str, tuple[Node, ...], Mapping[str, Any]], Node]] = {
    "single": single,
    "fallback": fallback,
    "loadbalance": load_balance,
    "conditional": conditional,
}
