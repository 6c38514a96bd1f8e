"""What a config may say: every way in which one is wrong, each with its place (gateway-behaviour §3.2).

The rules that hold for every config come first; those of a saved one are stricter, so that a slip is seen
when it is made and no secret is kept in the clear. Messages are Portkey's where it has one, and the standard
texts of its validator for a wrong kind of value.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from configs import fields
from configs.conditions import OPERATORS
from configs.patterns import pattern
from providers.catalog import PROVIDERS

DEEPEST, MOST = 16, 1_000  # levels of a tree, and its targets
MOST_PARAMETERS = 50_000  # of all targets together: each has a copy of what it inherits
MOST_STEPS = 32  # of a path to a parameter
SHOWN = 50  # violations told of one config
MOST_SLOW = 10  # patterns that the quick engine cannot read
SHORTEST_COOLDOWN = 30_000  # ms
HUGE = 1e15

RULE = (
    "Invalid configuration. It must have either 'provider' and 'api_key', or 'strategy' and 'targets', "
    "or 'cache', or 'retry', or 'request_timeout'"
)
NOT_BUILT = "Guardrails and prompts in configs are not built yet."
STICKY_FIELDS = ("metadata.", "params.", "headers.")
CREDENTIAL = 'keep it as a virtual key, and name that by `virtual_key` or as `provider`: "@slug"'

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong, and where."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"path: {','.join(map(str, self.path))}, message: {self.message}"


Found: TypeAlias = Iterator[Violation]


def violations(value: object, *, saved: bool = False) -> list[Violation]:
    """What is wrong with a config, SHOWN at most; `value` as it was read. `saved`: by the stricter rules."""
    value = fields.spelled(value) if nested_within(value, 4 * DEEPEST) else value
    if not isinstance(value, Mapping):
        return [kind((), "object", value)]
    if (too_large := size(value)) is not None:
        return [too_large]
    found = Nodes(saved=saved).of(value, ())
    told = [violation for _, violation in zip(range(SHOWN), found, strict=False)]
    return sorted(told, key=lambda each: [str(part) for part in each.path])


def nested_within(value: object, depth: int) -> bool:
    """Whether what is in the ways of a config is nested no deeper; parameters are not looked into."""
    if depth < 0:
        return False
    if isinstance(value, list):
        return all(nested_within(each, depth - 1) for each in value)
    if isinstance(value, Mapping):
        inner = (each for name, each in value.items() if name not in ("override_params", "overrideParams"))
        return all(nested_within(each, depth - 1) for each in inner)
    return True


def size(root: Mapping[str, Any]) -> Violation | None:
    """Whether the tree has too many levels or targets. Nothing else is looked at before that is known."""
    if not nested_within(root, 4 * DEEPEST):
        return Violation((), f"A config may be nested {DEEPEST} levels deep.")
    level, depth, count, laid = [(root, parameters(root))], 0, 0, 0
    while level := [(each, above + parameters(each)) for node, above in level for each in children(node)]:
        depth, count = depth + 1, count + len(level)
        laid += sum(parameters for _, parameters in level)
        if depth > DEEPEST:
            return Violation((), f"Targets may be nested {DEEPEST} levels deep.")
        if count > MOST:
            return Violation((), f"A config may have {MOST} targets.")
        if laid > MOST_PARAMETERS:
            return Violation((), f"Targets may have {MOST_PARAMETERS} parameters in all, with the inherited.")
    return None


def parameters(node: Mapping[str, Any]) -> int:
    """How many parameters a node gives."""
    given = (node.get(name) for name in ("override_params", "default_params"))
    return sum(len(each) for each in given if isinstance(each, Mapping))


def slug_of_model(node: Mapping[str, Any]) -> str:
    """The slug in `override_params.model: "@slug/model"`; "" where there is none."""
    override = node.get("override_params")
    model = override.get("model") if isinstance(override, Mapping) else None
    if not isinstance(model, str) or not model.startswith("@") or model.startswith(("@cf/", "@hf/")):
        return ""
    return model[1:].partition("/")[0]


def children(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    targets = node.get("targets")
    return [each for each in targets if isinstance(each, Mapping)] if isinstance(targets, list) else []


def kind(path: Path, expected: str, value: object) -> Violation:
    if value is Missing:
        return Violation(path, "Required")
    return Violation(path, f"Expected {expected}, received {kind_of(value)}")


class Missing:
    """In the place of a member that is not there."""


def kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


KINDS: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and fits(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
}


def fits(value: float) -> bool:
    """Whether a number is one that can be reckoned with; 1e400 is read as infinity."""
    return -HUGE < value < HUGE


def members(value: Mapping[str, Any], path: Path, **expected: str) -> Found:
    """Members of the wrong kind. A kind that begins with `!` is of one that must be there."""
    for name, wanted in expected.items():
        found = value.get(name, Missing)
        if found is Missing and not wanted.startswith("!"):
            continue
        if found is Missing or not KINDS[wanted.lstrip("!")](found):
            yield kind((*path, name), wanted.lstrip("!"), found)


def listed(value: Mapping[str, Any], name: str, path: Path, wanted: str) -> Found:
    """What in a list is of the wrong kind; that it is none is told as well."""
    found = value.get(name, Missing)
    if found is Missing:
        return
    if not isinstance(found, list):
        yield kind((*path, name), "array", found)
        return
    for index, each in enumerate(found):
        if not KINDS[wanted](each):
            yield kind((*path, name, index), wanted, each)


def unknown(value: Mapping[str, Any], path: Path, known: Iterable[str]) -> Found:
    for name in value:
        if name not in known:
            yield Violation((*path, name), f"There is no member '{name}' here.")


def is_number(value: object) -> bool:
    return KINDS["number"](value)


class Nodes:
    """The rules of a node and of what is in it. `saved`: the stricter ones too."""

    def __init__(self, *, saved: bool) -> None:
        self.saved = saved
        self.slow = 0

    def of(self, node: Mapping[str, Any], path: Path, *, host: bool = False) -> Found:
        """Everything wrong with a node and with those below it. `host`: a node above names one."""
        host = host or bool(node.get("custom_host"))
        yield from self.kinds(node, path)
        yield from self.provider(node, path, host=host)
        yield from self.strategy(node, path)
        yield from self.numbers(node, path)
        yield from self.inside(node, path)
        if not self.is_enough(node):
            yield Violation(path, RULE)
        for name in fields.UNBUILT:
            if node.get(name):
                yield Violation((*path, name), NOT_BUILT)
        if self.saved:
            yield from self.strictly(node, path)
        targets = node.get("targets")
        for index, target in enumerate(targets if isinstance(targets, list) else ()):
            below = (*path, "targets", index)
            if isinstance(target, Mapping):
                yield from self.of(target, below, host=host)
            else:
                yield kind(below, "object", target)

    def kinds(self, node: Mapping[str, Any], path: Path) -> Found:
        yield from members(
            node,
            path,
            strategy="object",
            targets="array",
            name="string",
            weight="number",
            provider="string",
            api_key="string",
            virtual_key="string",
            override_params="object",
            default_params="object",
            cache="object",
            retry="object",
            request_timeout="number",
            custom_host="string",
            strict_open_ai_compliance="boolean",
            passthrough="boolean",
            fetch_integrated_models="boolean",
        )
        yield from listed(node, "forward_headers", path, "string")
        yield from self.dropped(node, path)
        yield from listed(node, "on_status_codes", path, "number")
        for name, value in node.items():
            if fields.is_setting(name) and not isinstance(value, str | Mapping):
                yield kind((*path, name), "string", value)

    def dropped(self, node: Mapping[str, Any], path: Path) -> Found:
        yield from listed(node, "drop_params", path, "string")
        paths = node.get("drop_params")
        for index, each in enumerate(paths if isinstance(paths, list) else ()):
            if isinstance(each, str) and each.count(".") + each.count("[") >= MOST_STEPS:
                yield Violation((*path, "drop_params", index), f"A path may have {MOST_STEPS} steps.")

    def provider(self, node: Mapping[str, Any], path: Path, *, host: bool) -> Found:
        named = node.get("provider")
        if isinstance(named, str) and not named.startswith("@") and named not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            yield Violation((*path, "provider"), f"Invalid 'provider' value. Must be one of: {known}")
        by_slug = isinstance(named, str) and named.startswith("@")
        if by_slug or node.get("virtual_key") or slug_of_model(node):
            yield from self.beside_a_stored_credential(node, path, host=host)

    def beside_a_stored_credential(self, node: Mapping[str, Any], path: Path, *, host: bool) -> Found:
        """Nothing that a config says leads a virtual key's credential anywhere."""
        if host:
            yield Violation((*path, "custom_host"), "custom_host cannot be used with a virtual key")
        for name in node:
            if fields.is_setting(name):
                message = f"A virtual key brings its own settings: set {name} on its integration"
                yield Violation((*path, name), message)

    def strategy(self, node: Mapping[str, Any], path: Path) -> Found:
        strategy = node.get("strategy")
        if not isinstance(strategy, Mapping):
            return
        path = (*path, "strategy")
        mode = strategy.get("mode", Missing)
        if mode not in fields.MODES:
            modes = ", ".join(fields.MODES)
            yield Violation((*path, "mode"), f"Invalid 'mode' value. Must be one of: {modes}")
        yield from members(strategy, path, default="string", sticky="object", cb_config="object")
        yield from listed(strategy, "on_status_codes", path, "number")
        yield from self.conditions(strategy, path)
        if isinstance(strategy.get("sticky"), Mapping):
            yield from self.sticky(strategy["sticky"], (*path, "sticky"))
        if isinstance(strategy.get("cb_config"), Mapping):
            yield from self.breaker(strategy["cb_config"], (*path, "cb_config"))
        if self.saved:
            yield from unknown(strategy, path, fields.STRATEGY)

    def conditions(self, strategy: Mapping[str, Any], path: Path) -> Found:
        yield from listed(strategy, "conditions", path, "object")
        conditions = strategy.get("conditions")
        for index, each in enumerate(conditions if isinstance(conditions, list) else ()):
            if not isinstance(each, Mapping):
                continue
            below = (*path, "conditions", index)
            yield from members(each, below, query="!object", then="!string")
            if isinstance(each.get("query"), Mapping):
                yield from self.query(each["query"], (*below, "query"))
            if self.saved:
                yield from unknown(each, below, fields.CONDITION)

    def query(self, query: Mapping[str, Any], path: Path) -> Found:
        for name, value in query.items():
            below = (*path, name)
            if name in ("$and", "$or"):
                yield from listed(query, name, path, "object")
                for index, each in enumerate(value if isinstance(value, list) else ()):
                    if isinstance(each, Mapping):
                        yield from self.query(each, (*below, index))
            elif isinstance(value, Mapping):
                yield from self.operators(value, below)

    def operators(self, asked: Mapping[str, Any], path: Path) -> Found:
        for operator, operand in asked.items():
            if operator == "$regex" and isinstance(operand, str):
                yield from self.pattern(operand, (*path, operator))
            elif operator not in OPERATORS and self.saved:
                known = ", ".join(OPERATORS)
                yield Violation((*path, operator), f"Unsupported operator. Must be one of: {known}")

    def pattern(self, text: str, path: Path) -> Found:
        read = pattern(text)
        self.slow += read.is_slow
        if self.slow > MOST_SLOW:
            yield Violation(path, f"At most {MOST_SLOW} patterns may look ahead or back")
        if self.saved and not read.is_valid:
            yield Violation(path, "This is no regular expression")

    def sticky(self, sticky: Mapping[str, Any], path: Path) -> Found:
        yield from members(sticky, path, enabled="!boolean", ttl="number")
        yield from listed(sticky, "hash_fields", path, "string")
        named = sticky.get("hash_fields")
        for index, each in enumerate(named if isinstance(named, list) else ()):
            if isinstance(each, str) and not each.startswith(STICKY_FIELDS):
                message = 'hash_fields must start with "metadata.", "params.", or "headers."'
                yield Violation((*path, "hash_fields", index), message)
        if is_number(sticky.get("ttl")) and not 0 < sticky["ttl"] <= 365 * 86400:
            yield Violation((*path, "ttl"), "Number must be greater than 0")
        if self.saved:
            yield from unknown(sticky, path, fields.STICKY)

    def breaker(self, breaker: Mapping[str, Any], path: Path) -> Found:
        numbers = dict.fromkeys(fields.BREAKER - {"failure_status_codes"}, "number")
        yield from members(breaker, path, **numbers)
        yield from listed(breaker, "failure_status_codes", path, "number")
        if not self.saved:
            return
        yield from unknown(breaker, path, fields.BREAKER)
        threshold: Any = breaker.get("failure_threshold", 1)
        if is_number(threshold) and threshold < 1:
            yield Violation((*path, "failure_threshold"), "Number must be greater than or equal to 1")
        cooldown = breaker.get("cooldown_interval", Missing)
        if cooldown is Missing or (is_number(cooldown) and not cooldown >= SHORTEST_COOLDOWN):
            message = f"Number must be greater than or equal to {SHORTEST_COOLDOWN}"
            yield Violation((*path, "cooldown_interval"), message)

    def numbers(self, node: Mapping[str, Any], path: Path) -> Found:
        """Portkey checks no weights, and leaves a call unanswered that none of them lets through."""
        weight: Any = node.get("weight")
        if is_number(weight) and not 0 <= weight < math.inf:
            yield Violation((*path, "weight"), "Number must be greater than or equal to 0")
        if "strategy" not in node or not isinstance(targets := node.get("targets"), list):
            return
        if not targets:
            yield Violation((*path, "targets"), "Array must contain at least 1 element(s)")
        elif isinstance(node["strategy"], Mapping) and node["strategy"].get("mode") == "loadbalance":
            weights = [each.get("weight", 1) for each in targets if isinstance(each, Mapping)]
            if weights and all(weight == 0 for weight in weights):
                yield Violation((*path, "targets"), "At least one weight must be greater than 0")

    def inside(self, node: Mapping[str, Any], path: Path) -> Found:
        if isinstance(retry := node.get("retry"), Mapping):
            yield from self.retry(retry, (*path, "retry"))
        if isinstance(cache := node.get("cache"), Mapping):
            yield from self.cache(cache, (*path, "cache"))
        forwarded = node.get("forward_headers")
        for index, each in enumerate(forwarded if isinstance(forwarded, list) else ()):
            if isinstance(each, str) and each.lower() == "x-portkey-forward-headers":
                message = "forward_headers must not contain the 'x-portkey-forward-headers' header"
                yield Violation((*path, "forward_headers", index), message)

    def retry(self, retry: Mapping[str, Any], path: Path) -> Found:
        yield from members(
            retry,
            path,
            attempts="!number",
            use_retry_after_header="boolean",
            use_retry_after_headers="boolean",
        )
        yield from listed(retry, "on_status_codes", path, "number")
        if self.saved:
            yield from unknown(retry, path, fields.RETRY)

    def cache(self, cache: Mapping[str, Any], path: Path) -> Found:
        if cache.get("mode") not in fields.CACHE_MODES:
            modes = ", ".join(fields.CACHE_MODES)
            yield Violation((*path, "mode"), f"Invalid 'cache.mode' value. Must be one of: {modes}")
        yield from members(cache, path, max_age="number")
        if self.saved:
            yield from unknown(cache, path, fields.CACHE)

    def is_enough(self, node: Mapping[str, Any]) -> bool:
        """Whether a node says anything that can be followed."""
        if "provider" in node and (node.get("api_key") or str(node["provider"]).startswith("@")):
            return True
        if "strategy" in node and "targets" in node:
            return True
        if slug_of_model(node):
            return True
        alone = ("virtual_key", "cache", "retry", "request_timeout", "passthrough", *fields.HOOKS)
        return any(name in node for name in alone)

    def strictly(self, node: Mapping[str, Any], path: Path) -> Found:
        """The rules of saved configs: no slip is overlooked, and no secret kept."""
        for name in node:
            if name == "api_key" or fields.is_setting(name):
                message = f"A saved config keeps no credentials and no settings: {CREDENTIAL}"
                yield Violation((*path, name), message)
            elif name not in fields.NODE and name not in fields.UNBUILT:
                yield Violation((*path, name), f"There is no member '{name}' here.")
        strategy = node.get("strategy")
        if isinstance(strategy, Mapping) and strategy.get("mode") == "conditional":
            yield from self.routes(strategy, children(node), (*path, "strategy"))

    def routes(self, strategy: Mapping[str, Any], targets: list[Mapping[str, Any]], path: Path) -> Found:
        """Where a conditional strategy leads: every name it gives is a target's."""
        names = [target.get("name") for target in targets]
        for member in ("conditions", "default"):
            if member not in strategy:
                yield Violation((*path, member), "Required")
        if "default" in strategy and strategy["default"] not in names:
            yield Violation((*path, "default"), f"No target has the name {strategy['default']!r}.")
        conditions = strategy.get("conditions")
        for index, each in enumerate(conditions if isinstance(conditions, list) else ()):
            if isinstance(each, Mapping) and isinstance(each.get("then"), str) and each["then"] not in names:
                place = (*path, "conditions", index, "then")
                yield Violation(place, f"No target has the name {each['then']!r}.")
