"""The rules of a strategy: its mode, its conditions, by what it is sticky, when its breakers open."""

from collections.abc import Mapping
from typing import Any

from configs import fields
from configs.conditions import OPERATORS, js_text
from configs.patterns import pattern
from configs.violations import Found, Missing, Path, Violation, is_number, kind, listed, members, unknown

MOST_SLOW = 10  # patterns that the quick engine cannot read
MOST_INSTRUCTIONS = 50_000  # of the quick engine, for all patterns of a config
SHORTEST_COOLDOWN = 30_000  # ms
LONGEST_TTL = 365 * 86_400  # seconds
FIRST_ALONE = "`single` calls the first target and no other: choose another mode, or leave these out"
ONE_MEMBER = "Conditions look at one member, and no further: say `{}`"
NO_COMPARISON = "A list is no comparison: is it `$in`?"
ASKED_ABOUT = ("metadata.", "params.")
STICKY_FIELDS = ("metadata.", "params.", "headers.")


class Strategies:
    """Of one config. `saved`: the stricter rules of saved ones, too."""

    def __init__(self, *, saved: bool) -> None:
        self.saved = saved
        self.slow = self.instructions = 0  # of all patterns so far

    def of(self, strategy: Mapping[str, Any], targets: list[Mapping[str, Any]], path: Path) -> Found:
        """Everything wrong with a strategy, whose targets these are."""
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
            if mode == "single" and len(targets) > 1:
                yield Violation((*path[:-1], "targets", 1), FIRST_ALONE)
            if mode == "conditional":
                yield from self.routes(strategy, targets, path)

    def routes(self, strategy: Mapping[str, Any], targets: list[Mapping[str, Any]], path: Path) -> Found:
        """Where a conditional strategy leads: every name it gives is a target's."""
        names = [target.get("name") for target in targets]
        for index, name in enumerate(names):
            if isinstance(name, str) and name in names[:index]:
                place = (*path[:-1], "targets", index, "name")
                yield Violation(place, f"There is a target of the name {name!r} before it.")
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
                continue
            if self.saved:
                yield from asked_about(name, below)
            if isinstance(value, Mapping):
                yield from self.operators(value, below)
            elif self.saved and isinstance(value, list):
                yield Violation(below, NO_COMPARISON)

    def operators(self, asked: Mapping[str, Any], path: Path) -> Found:
        for operator, operand in asked.items():
            if operator == "$regex":
                yield from self.pattern(js_text(operand), (*path, operator))
            elif operator not in OPERATORS and self.saved:
                known = ", ".join(OPERATORS)
                yield Violation((*path, operator), f"Unsupported operator. Must be one of: {known}")
            elif operator in ("$in", "$nin") and self.saved and not isinstance(operand, list):
                yield kind((*path, operator), "array", operand)

    def pattern(self, text: str, path: Path) -> Found:
        if self.instructions > MOST_INSTRUCTIONS:  # before one more of them is made
            yield Violation(path, "The patterns of this config are too large in all")
            return
        read = pattern(text)
        self.instructions += read.size
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
        if is_number(sticky.get("ttl")) and not 0 < sticky["ttl"] <= LONGEST_TTL:
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


def asked_about(name: str, path: Path) -> Found:
    """That a condition asks about what there is not, or about more than is looked at."""
    if name == "url.pathname":
        return
    if not name.startswith(ASKED_ABOUT):
        yield Violation(path, "Conditions ask about `metadata.…`, `params.…` or `url.pathname`")
    elif name.count(".") > 1:
        yield Violation(path, ONE_MEMBER.format(".".join(name.split(".", 2)[:2])))
