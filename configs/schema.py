"""What a config may say: every way in which one is wrong, each with its place (gateway-behaviour §3.2).

The rules that hold for every config come first; those of a saved one are stricter, so that a slip is seen
when it is made and no secret is kept in the clear. Messages are Portkey's where it has one, and the standard
texts of its validator for a wrong kind of value.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError

from configs import fields
from configs.bounds import DEEPEST, children, nested_within, size
from configs.patterns import speakable
from configs.strategies import Strategies
from configs.violations import Found, Path, Violation, is_number, kind, listed, members, outside, unknown
from keys import hosts
from providers.catalog import PROVIDERS

MOST_DROPS, MOST_STEPS = 32, 32  # paths to parameters, and what one of them is made of
DROP = re.compile(r"(?:[^.\[\]]+|\[(?:[0-9]+|\*)\])(?:\.[^.\[\]]+|\[(?:[0-9]+|\*)\])*")
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # where a form has it, too
SHOWN = 50  # violations told of one config

RULE = (
    "Invalid configuration. It must have either 'provider' and 'api_key', or 'strategy' and 'targets', "
    "or 'cache', or 'retry', or 'request_timeout'"
)
NOT_BUILT = "Guardrails and prompts in configs are not built yet."
ALONE = (  # members of which one is enough
    "virtual_key",
    "cache",
    "retry",
    "request_timeout",
    "passthrough",
    "default_params",
    "drop_params",
    "forward_headers",
    *fields.HOOKS,
)
NO_STRATEGY = "`targets` are followed by a `strategy`: say its mode"
NO_TARGETS = "Required: a `strategy` without targets has no effect"
NOBODY = (
    'It names nobody to call: say `provider`: "@slug" or `virtual_key`, or `passthrough`: true for whom the '
    "request names"
)
NOT_ASKED = "It has no effect: a strategy calls its targets and nobody else"
NO_SLUG = (
    "A virtual key's slug has no slash, and all of this is one: set the model by `override_params`: "
    '{"model": …}'
)
NO_MODEL = "A model's name has no control characters and no half surrogate pairs"
NO_HOST = "A saved config names no host: set it on the integration of a virtual key, and name that"
CREDENTIAL = 'keep it as a virtual key, and name that by `virtual_key` or as `provider`: "@slug"'


def violations(value: object, *, saved: bool = False) -> list[Violation]:
    """What is wrong with a config, SHOWN at most; `value` as it was read. `saved`: by the stricter rules."""
    if not isinstance(value, Mapping):
        return [kind((), "object", value)]
    if not nested_within(value, 4 * DEEPEST):
        return [Violation((), f"A config may be nested {DEEPEST} levels deep.")]
    root: Mapping[str, Any] = fields.spelled(value)
    if (too_large := size(root)) is not None:
        return [too_large]
    found = Nodes(saved=saved).of(root, ())
    told = [spoken(violation) for _, violation in zip(range(SHOWN), found, strict=False)]
    return sorted(told, key=lambda each: [str(part) for part in each.path])


def spoken(violation: Violation) -> Violation:
    """The same without half surrogate pairs, which no answer and no page can hold."""
    path = tuple(speakable(part) if isinstance(part, str) else part for part in violation.path)
    return Violation(path, speakable(violation.message))


def slug_of_model(node: Mapping[str, Any]) -> str:
    """The slug in `override_params.model: "@slug/model"`; "" where there is none."""
    override = node.get("override_params")
    model = override.get("model") if isinstance(override, Mapping) else None
    if not isinstance(model, str) or not model.startswith("@") or model.startswith(("@cf/", "@hf/")):
        return ""
    return model[1:].partition("/")[0]


def slug_of(provider: str) -> str:
    """`@slug` → the slug, which is all that follows the `@`."""
    return provider.removeprefix("@")


def names_somebody(node: Mapping[str, Any]) -> bool:
    """Whether a target says whom to call, or leaves that to the request."""
    named = node.get("provider") or node.get("virtual_key") or slug_of_model(node)
    return bool(named or node.get("passthrough"))


def is_host(url: str) -> bool:
    """Whether a base URL may be one; whether calls may go there is seen when they are made."""
    try:
        hosts.check(url)
    except ValidationError:
        return False
    return url.startswith(("http://", "https://"))


class Nodes:
    """The rules of a node and of what is in it. `saved`: the stricter ones too."""

    def __init__(self, *, saved: bool) -> None:
        self.saved = saved
        self.strategies = Strategies(saved=saved)
        self.hosts = set[Path]()  # those that were told of: one may stand above many virtual keys

    def of(self, node: Mapping[str, Any], path: Path, host: Path | None = None) -> Found:
        """Everything wrong with a node and with those below it. `host`: where the one in force stands."""
        host = (*path, "custom_host") if node.get("custom_host") else host
        yield from self.kinds(node, path)
        yield from self.provider(node, path, host)
        if isinstance(strategy := node.get("strategy"), Mapping):
            yield from self.strategies.of(strategy, children(node), (*path, "strategy"))
        yield from self.models(node, path)
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
                yield from self.of(target, below, host)
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
        told, place = node.get("drop_params"), (*path, "drop_params")
        if isinstance(told, list) and len(told) > MOST_DROPS:
            yield Violation(place, f"Array must contain at most {MOST_DROPS} element(s)")
            return
        yield from listed(node, "drop_params", path, "string")
        for index, each in enumerate(told if isinstance(told, list) else ()):
            if isinstance(each, str) and each.count(".") + each.count("[") >= MOST_STEPS:
                yield Violation((*place, index), f"A path may have {MOST_STEPS} steps.")
            elif isinstance(each, str) and not DROP.fullmatch(each):
                yield Violation((*place, index), "This is no path such as `a.b`, `a[0].b` or `a[*].b`")

    def provider(self, node: Mapping[str, Any], path: Path, host: Path | None) -> Found:
        named = node.get("provider")
        if isinstance(named, str) and not named.startswith("@") and named not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            yield Violation((*path, "provider"), f"Invalid 'provider' value. Must be one of: {known}")
        by_slug = isinstance(named, str) and named.startswith("@")
        if by_slug and not slug_of(str(named)):
            yield Violation((*path, "provider"), "There is no slug after the @")
        if isinstance(host_given := node.get("custom_host"), str) and host_given and not is_host(host_given):
            yield Violation((*path, "custom_host"), "Invalid custom host")
        if by_slug or node.get("virtual_key") or slug_of_model(node):
            yield from self.beside_a_stored_credential(node, path, host)

    def beside_a_stored_credential(self, node: Mapping[str, Any], path: Path, host: Path | None) -> Found:
        """Nothing that a config says leads a virtual key's credential anywhere."""
        if host and host not in self.hosts and not self.saved:  # which names none anyway
            self.hosts.add(host)
            yield Violation(host, "custom_host cannot be used with a virtual key")
        for name in node:
            if fields.is_setting(name):
                message = f"A virtual key brings its own settings: set {name} on its integration"
                yield Violation((*path, name), message)

    def models(self, node: Mapping[str, Any], path: Path) -> Found:
        for name in ("override_params", "default_params"):
            told = node.get(name)
            model = told.get("model") if isinstance(told, Mapping) else None
            if isinstance(model, str) and UNWRITABLE.search(model):
                yield Violation((*path, name, "model"), NO_MODEL)

    def numbers(self, node: Mapping[str, Any], path: Path) -> Found:
        """Portkey checks no weights, and leaves a call unanswered that none of them lets through."""
        timeout: Any = node.get("request_timeout")
        if self.saved and is_number(timeout) and timeout <= 0:
            yield Violation((*path, "request_timeout"), "Number must be greater than 0")
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
            yield from outside(retry, "attempts", path, 0)
            yield from unknown(retry, path, fields.RETRY)

    def cache(self, cache: Mapping[str, Any], path: Path) -> Found:
        if cache.get("mode") not in fields.CACHE_MODES:
            modes = ", ".join(fields.CACHE_MODES)
            yield Violation((*path, "mode"), f"Invalid 'cache.mode' value. Must be one of: {modes}")
        yield from members(cache, path, max_age="number")
        if self.saved:
            yield from outside(cache, "max_age", path, *fields.MAX_AGE)
            yield from unknown(cache, path, fields.CACHE)

    def is_enough(self, node: Mapping[str, Any]) -> bool:
        """Whether a node says anything that can be followed."""
        if "provider" in node and (node.get("api_key") or str(node["provider"]).startswith("@")):
            return True
        if "strategy" in node and "targets" in node:
            return True
        if slug_of_model(node):
            return True
        if "provider" in node and "custom_host" in node:
            return True
        return any(name in node for name in ALONE)

    def strictly(self, node: Mapping[str, Any], path: Path) -> Found:
        """The rules of saved configs: no slip is overlooked, no secret kept, nobody led elsewhere."""
        yield from self.callees(node, path)
        named = None if node.get("virtual_key") or slug_of_model(node) else node.get("provider")
        if isinstance(named, str) and named in PROVIDERS:
            yield Violation((*path, "provider"), f"No call can succeed without a key: {CREDENTIAL}")
        for name in node:
            if name == "api_key" or fields.is_setting(name):
                message = f"A saved config keeps no credentials and no settings: {CREDENTIAL}"
                yield Violation((*path, name), message)
            elif name == "custom_host":
                yield Violation((*path, name), NO_HOST)
            elif name not in fields.NODE and name not in fields.UNBUILT:
                yield Violation((*path, name), f"There is no member '{name}' here.")

    def callees(self, node: Mapping[str, Any], path: Path) -> Found:
        """What of whom a node says to call has no effect, or not the one that is written."""
        if "strategy" in node and "targets" in node:
            for name in ("provider", "virtual_key"):
                if node.get(name):
                    yield Violation((*path, name), NOT_ASKED)
        elif "targets" in node:
            yield Violation((*path, "strategy"), NO_STRATEGY)
        elif "strategy" in node and self.is_enough(node):
            yield Violation((*path, "targets"), NO_TARGETS)
        elif path and self.is_enough(node) and not names_somebody(node):
            yield Violation(path, NOBODY)
        named, slug = node.get("provider"), node.get("virtual_key")
        if isinstance(named, str) and named.startswith("@") and "/" in named:
            yield Violation((*path, "provider"), NO_SLUG)
        if isinstance(slug, str) and "/" in slug:
            yield Violation((*path, "virtual_key"), NO_SLUG)
