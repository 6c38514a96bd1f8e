"""A plain reading of configs, by which the real one is judged: recursion over the JSON as it is, and no more.

Written from the description of Portkey's behaviour alone; it knows nothing of the application. It is told
what every target would answer at each try and which numbers chance has drawn, and tells which targets are
asked, how often, in which order and with what, and which answer counts. Configs are in snake_case and known
to keep to the schema. Clock and chance are the caller's, so that nothing here waits.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

MOST_RETRIES = 5
RETRIED = [429, 500, 502, 503, 504, 529]
LONGEST_TOLD = 60
MISSING = object()
INHERITED_WHOLE = ("retry", "cache", "strict_open_ai_compliance", "forward_headers", "drop_params")
INHERITED_IF_TRUE = ("request_timeout", "custom_host")
INHERITED_BY_NAME = ("override_params", "default_params")


@dataclass
class Answer:
    """What a target says at one try. `is_broken`: nothing at all, which counts as a 500. `took` seconds."""

    status: int
    retry_after: str = ""
    is_broken: bool = False
    took: float = 0


@dataclass
class Call:
    """`budget`: seconds for the whole of it."""

    params: dict[str, Any]
    metadata: dict[str, Any]
    path: str
    budget: float = float("inf")


@dataclass
class Final:
    """The answer that counts. `is_exception`: the gateway's own, of which no header tells the target."""

    path: str
    status: int
    retries: int = 0
    is_exception: bool = False


@dataclass
class Story:
    """What became of a call. `asked`: path and parameters of each try; `waits`: seconds before retries."""

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    clock: float = 0
    final: Final | None = None
    error: str = ""


class RouterError(Exception):
    """A condition leads nowhere, which ends the whole request."""


@dataclass
class Reader:
    """`answers`: what the target at a path says at its nth try. `chances`: numbers from 0 up to 1."""

    config: dict[str, Any]
    call: Call
    answers: Callable[[str, int], Answer]
    chances: Iterator[float]
    story: Story = field(default_factory=Story)

    def read(self) -> Story:
        try:
            self.story.final = self.node(self.config, "config", {})
        except RouterError as error:
            self.story.error = str(error)
        return self.story

    def node(self, node: dict[str, Any], path: str, above: dict[str, Any]) -> Final:
        bundle = inherited(node, above)
        if "strategy" not in node or "targets" not in node:
            return self.target(node, path, bundle)
        return getattr(self, node["strategy"]["mode"])(node, path, bundle)

    def below(self, node: dict[str, Any], path: str, bundle: dict[str, Any], index: int) -> Final:
        return self.node(node["targets"][index], f"{path}.targets[{index}]", bundle)

    def single(self, node: dict[str, Any], path: str, bundle: dict[str, Any]) -> Final:
        return self.below(node, path, bundle, 0)

    def fallback(self, node: dict[str, Any], path: str, bundle: dict[str, Any]) -> Final:
        codes = node["strategy"].get("on_status_codes")
        for index in range(len(node["targets"])):
            final = self.below(node, path, bundle, index)
            is_enough = 200 <= final.status <= 299 if codes is None else final.status not in codes
            if is_enough or final.is_exception or self.story.clock >= self.call.budget:
                break
        return final

    def loadbalance(self, node: dict[str, Any], path: str, bundle: dict[str, Any]) -> Final:
        weights = [target.get("weight", 1) for target in node["targets"]]
        point, reached = next(self.chances) * sum(weights), 0
        for index, weight in enumerate(weights):
            reached += weight
            if point < reached:
                return self.below(node, path, bundle, index)
        raise AssertionError("chance is below 1")

    def conditional(self, node: dict[str, Any], path: str, bundle: dict[str, Any]) -> Final:
        name = self.chosen(node["strategy"])
        for index, target in enumerate(node["targets"]):
            if target.get("name") == name:
                return self.below(node, path, bundle, index)
        raise RouterError(f"Invalid target name found in the query router: {name}")

    def chosen(self, strategy: dict[str, Any]) -> str:
        if "conditions" not in strategy:
            raise RouterError("No conditions passed in the query router")
        for condition in strategy["conditions"]:
            if query_holds(condition["query"], self.call):
                return condition["then"]
        if not strategy.get("default"):
            raise RouterError("Query router did not resolve to any valid target")
        return strategy["default"]

    def target(self, node: dict[str, Any], path: str, bundle: dict[str, Any]) -> Final:
        if not node.get("provider"):
            return Final("", 500, is_exception=True)  # "Provider  not found": nobody is asked
        params = with_params(self.call.params, bundle)
        answer = self.ask(path, params, 0)
        retry = bundle.get("retry", {"attempts": 0})
        attempts, told = min(int(retry["attempts"]), MOST_RETRIES), 0.0
        if attempts <= 0:
            return Final(path, answer.status)
        retries = 0
        while answer.is_broken or answer.status in retry.get("on_status_codes", RETRIED):
            wait = told_wait(answer) if retry.get("use_retry_after_header") else None
            told += wait or 0
            too_long = told > LONGEST_TOLD
            if wait is None:
                wait = 0 if told else 2**retries
            if retries == attempts or too_long or self.story.clock + wait >= self.call.budget:
                return Final(path, answer.status, retries=-1)
            self.story.waits.append(wait)
            self.story.clock += wait
            retries += 1
            answer = self.ask(path, params, retries)
        return Final(path, answer.status, retries)

    def ask(self, path: str, params: dict[str, Any], nth: int) -> Answer:
        answer = self.answers(path, nth)
        self.story.asked.append((path, params))
        self.story.clock += answer.took
        return answer


def inherited(node: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """What holds for a node: its own settings, and its parent's where it has none."""
    bundle = dict(above)
    for name in INHERITED_WHOLE:
        if name in node:
            bundle[name] = node[name]
    for name in INHERITED_IF_TRUE:
        if node.get(name):
            bundle[name] = node[name]
    for name in INHERITED_BY_NAME:
        bundle[name] = {**above.get(name, {}), **node.get(name, {})}
    return bundle


def with_params(body: dict[str, Any], bundle: dict[str, Any]) -> dict[str, Any]:
    """Default, then the client's own, then override, then drop; only names at the top level are dropped."""
    told = {**bundle["default_params"], **body, **bundle["override_params"]}
    return {name: value for name, value in told.items() if name not in bundle.get("drop_params", [])}


def told_wait(answer: Answer) -> float | None:
    """The whole seconds a 429 asks for."""
    return float(answer.retry_after) if answer.status == 429 and answer.retry_after.isdigit() else None


def query_holds(query: dict[str, Any], call: Call) -> bool:
    for path, wanted in query.items():
        if path == "$and":
            return all(query_holds(each, call) for each in wanted)
        if path == "$or":
            return any(query_holds(each, call) for each in wanted)
        value = value_at(path, call)
        if isinstance(wanted, dict):
            if not operators_hold(value, wanted):
                return False
        elif not same(value, wanted):
            return False
    return True


def value_at(path: str, call: Call) -> Any:
    where, name = path.split(".")[:2]
    if where == "url":
        return call.path if name == "pathname" else MISSING
    return {"metadata": call.metadata, "params": call.params}[where].get(name, MISSING)


def operators_hold(value: Any, wanted: dict[str, Any]) -> bool:
    for operator, operand in wanted.items():
        if operator == "$regex":
            return re.search(operand, as_text(value)) is not None
        if not holds(operator, value, operand):
            return False
    return True


def holds(operator: str, value: Any, operand: Any) -> bool:
    match operator:
        case "$eq":
            return same(value, operand)
        case "$ne":
            return not same(value, operand)
        case "$in":
            return isinstance(operand, list) and any(same(value, each) for each in operand)
        case "$nin":
            return isinstance(operand, list) and not any(same(value, each) for each in operand)
        case "$gt":
            return as_number(value) > as_number(operand)
        case "$gte":
            return as_number(value) >= as_number(operand)
        case "$lt":
            return as_number(value) < as_number(operand)
        case "$lte":
            return as_number(value) <= as_number(operand)
    raise RouterError(f"Unsupported operator used in the query router: {operator}")


def same(value: Any, other: Any) -> bool:
    """`===` of texts, numbers, booleans and null."""
    numbers = (int, float)
    if type(value) in numbers and type(other) in numbers:
        return bool(value == other)
    return type(value) is type(other) and value == other and not isinstance(value, dict | list)


def as_number(value: Any) -> float:
    """parseFloat of a number or a text in plain decimals; nan for all else, which compares to nothing."""
    found = re.match(r"-?\d+(\.\d+)?", as_text(value))
    return float(found[0]) if found else float("nan")


def as_text(value: Any) -> str:
    """String(value) of a text, a small number, a boolean, null or what is missing."""
    if value is MISSING:
        return "undefined"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
