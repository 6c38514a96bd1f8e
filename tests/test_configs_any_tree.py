"""Any tree of targets leads every call to one final answer: the one a plain reading of the config says.

tests/plain_configs.py is that reading. First the walk with its retries is compared with it, on a clock of the
tests, then the whole gateway.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zlib import crc32

import pytest
import requests
from django.test import Client
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

from configs.compiling import compiled
from configs.conditions import Facts, UnknownOperator, query
from configs.tree import Target
from proxy import call as calls
from proxy import params, plan, retrying, routing
from proxy.call import Headers
from proxy.errors import InvalidRequest
from proxy.outcome import Outcome
from proxy.retrying import Patience
from tests.plain_configs import MOST_RETRIES, Answer, Call, Final, Reader, RouterError, Story, query_holds

URL = "https://api.openai.com/v1/chat/completions"
PATH = "/v1/chat/completions"
DEEPEST = 5
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}], "a": 1, "b": "two"}
METADATA = {"plan": "paid", "seats": "12", "flag": True, "nothing": None}
BUDGET = 90.0  # seconds

STATUSES = [200, 201, 246, 400, 404, 408, 412, 429, 446, 500, 503, 529]
MOSTLY_BAD = [200, 246, 400, 404, 408, 429, 429, 446, 500, 500, 503, 503, 503, 529]
NAMES = ["a", "b", "c"]
VALUES = st.sampled_from([1, 0, 12, 2.5, "two", "12", "paid", True, False, None, "undefined", ""])
CODES = [[], [429], [500, 503], [429, 500, 503, 529, 408], [246, 446], [200, 503], [400, 404], STATUSES]
ABSENT: Any = None

SETTINGS = {  # as any node may have them, and how often it has none
    "override_params": [ABSENT] * 3
    + [{"a": 2}, {"b": None, "c": [1]}, {"model": "m-1"}, {"model": "m-2", "a": 3}],
    "default_params": [ABSENT] * 5 + [{"a": 9, "c": 9}, {"top_p": 1}, {}],
    "drop_params": [ABSENT] * 5 + [["a"], ["c", "nobody"], []],
    "retry": [ABSENT] * 3
    + [{"attempts": attempts} for attempts in (-1, 0, 1, 2, 7)]
    + [{"attempts": 3, "on_status_codes": codes} for codes in CODES]
    + [{"attempts": 4, "use_retry_after_header": True}] * 3,
    "request_timeout": [ABSENT] * 5 + [0, 700, 5000],
    "strict_open_ai_compliance": [ABSENT] * 5 + [True, False],
    "forward_headers": [ABSENT] * 5 + [[], ["x-one"], ["x-one", "x-two"]],
    "name": [*NAMES, ABSENT],
    "weight": [ABSENT, ABSENT, 0, 0, 1, 2, 3],
}
OPERATORS = st.dictionaries(st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), VALUES, max_size=2)
LISTS = st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(VALUES, max_size=3) | VALUES, max_size=2)
PATTERNS = st.fixed_dictionaries(
    {"$regex": st.sampled_from(["^gpt", "mini$", "undefined", "[0-9]+", "^$", "paid|free", "o"])},
    optional={"$eq": VALUES},
)
UNKNOWN = st.fixed_dictionaries({"$like": VALUES})
FIELDS = st.sampled_from(
    [
        *("metadata.plan", "metadata.seats", "metadata.flag", "metadata.nothing", "metadata.no"),
        *("params.a", "params.b", "params.model", "params.no", "url.pathname", "url.no"),
    ]
)
LEAST = st.dictionaries(
    FIELDS, st.one_of(VALUES, OPERATORS, LISTS, PATTERNS, st.just({}), *[OPERATORS] * 3, UNKNOWN), max_size=2
)
QUERIES = st.recursive(
    LEAST,
    lambda inner: st.builds(
        lambda before, name, several, after: {**before, name: several, **after},
        LEAST,
        st.sampled_from(["$and", "$or"]),
        st.lists(inner, max_size=3),
        LEAST,
    ),
    max_leaves=8,
)
USUAL: list[dict[str, Any]] = [
    {"metadata.plan": {"$eq": "paid"}},
    {"metadata.plan": "free"},
    {"params.model": {"$regex": "mini"}},
    {"params.a": {"$gt": 1}},
    {"$or": [{"params.no": {"$ne": 1}}, {"params.a": {"$like": 1}}]},
    {"$and": [{"url.pathname": "/v1/responses"}], "params.a": {"$like": 1}},
    {"metadata.plan": {"$nin": ["free"]}, "metadata.seats": {"$gte": 12}},
    {"metadata.flag": True, "params.a": {"$like": 1}},
]
MODES = [
    "fallback",
    "fallback",
    "fallback",
    "loadbalance",
    "loadbalance",
    "single",
    "conditional",
    "conditional",
]
IS_A_TARGET = {DEEPEST: 1, 4: 5, 3: 6, 2: 7, 1: 8, 0: 10}  # of ten nodes with so many levels below


@st.composite
def settings_of_a_node(draw: st.DrawFn) -> dict[str, Any]:
    drawn = {name: draw(st.sampled_from(values)) for name, values in SETTINGS.items()}
    return {name: value for name, value in drawn.items() if value is not ABSENT}


@st.composite
def strategies(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """`names`: of the targets."""
    then = st.sampled_from([*names * 4, "nobody"])
    mode, told = draw(st.sampled_from(MODES)), {}
    if mode == "fallback" and draw(st.booleans()):
        told["on_status_codes"] = draw(st.sampled_from(CODES))
    if mode == "conditional":
        condition = st.fixed_dictionaries({"query": st.sampled_from(USUAL), "then": then})
        told["conditions"] = draw(st.lists(condition, max_size=3))
        told["default"] = draw(st.one_of(then, then, then, st.just("")))
        if draw(st.sampled_from([True, *[False] * 9])):
            del told["conditions"]
    return {"mode": mode, **told}


@st.composite
def nodes(draw: st.DrawFn, depth: int = DEEPEST) -> dict[str, Any]:
    """A node with at most so many levels below. Whom its targets call is filled in by `addressed`."""
    node = draw(settings_of_a_node())
    if draw(st.sampled_from(range(10))) < IS_A_TARGET[depth]:
        return node | draw(st.sampled_from([{"provider": "openai"}] * 19 + [{"retry": {"attempts": 1}}]))
    targets = [draw(nodes(depth - 1)) for _ in range(draw(st.sampled_from([1, 2, 2, 3, 3, 4])))]
    strategy = draw(strategies([target["name"] for target in targets if "name" in target]))
    if strategy["mode"] == "loadbalance" and not any(target.get("weight", 1) for target in targets):
        targets[-1]["weight"] = 1
    return node | {"strategy": strategy, "targets": targets}


def addressed(node: dict[str, Any], path: str = "config") -> dict[str, Any]:
    """The same with a key for each target, which is its path: so it is known who was asked."""
    if "targets" in node:
        told = [addressed(each, f"{path}.targets[{index}]") for index, each in enumerate(node["targets"])]
        return node | {"targets": told}
    return node | {"api_key": path} if "provider" in node else node


@st.composite
def answers(draw: st.DrawFn, slow: bool = True) -> Callable[[str, int], Answer]:
    """What targets say: a table that every path and try finds its place in."""
    told = st.builds(
        Answer,
        st.sampled_from(MOSTLY_BAD),
        st.sampled_from(["", "", "1", "20", "50", "61", "Wed, 21 Oct 2026 07:28:00 GMT"]),
        is_broken=st.sampled_from([False] * 9 + [True]),
        took=st.sampled_from([0, 0, 0.5, 10, 40] if slow else [0]),
    )
    table = draw(st.lists(told, min_size=1, max_size=12))
    for answer in table:
        answer.status = 500 if answer.is_broken else answer.status
        answer.retry_after = "" if answer.is_broken else answer.retry_after
    return lambda path, nth: table[(crc32(path.encode()) + nth) % len(table)]


CHANCES = st.lists(st.integers(0, 63).map(lambda number: number / 64), min_size=1, max_size=8)
TREES = nodes().map(addressed)


def endless(chances: list[float]) -> Iterator[float]:
    while True:
        yield from chances


@dataclass
class Clock:
    """In the place of `time` in proxy/retrying.py."""

    now: float = 0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Follower:
    """Follows a tree as the pipeline does, asking the table in the place of providers."""

    answers: Callable[[str, int], Answer]
    call: calls.Call
    clock: Clock
    story: Story = field(default_factory=Story)
    targets: list[Target] = field(default_factory=list)

    def follow(self, walk: routing.Walk) -> Story:
        try:
            self.story.final = self.final(walk)
        except InvalidRequest as error:
            self.story.error = str(error.detail)
        self.story.clock = self.clock.now
        return self.story

    def final(self, walk: routing.Walk) -> Final | None:
        """What is told of the last outcome; None if that is not the one that counts."""
        target = next(walk)
        while True:
            assert isinstance(target, Target)
            outcome, final = self.served(target)
            try:
                target = walk.send(outcome)
            except StopIteration as end:
                return final if end.value is outcome else None

    def served(self, target: Target) -> tuple[Outcome, Final]:
        if not target.provider:
            return Outcome(500, unasked=True), Final("", 500, is_exception=True)
        self.targets.append(target)
        outcome, count = self.persistently(target) if target.settings.retry else (self.once(target, 0), 0)
        outcome.is_last = self.clock.now >= BUDGET
        return outcome, Final(target.path, outcome.status, count)

    def persistently(self, target: Target) -> tuple[Outcome, int]:
        assert target.settings.retry is not None
        patience = Patience(target.settings.retry, BUDGET)
        outcome = self.once(target, 0)
        while (seconds := patience.wait(outcome)) is not None:
            self.story.waits.append(seconds)
            self.clock.now += seconds
            outcome = self.once(target, patience.retries)
        return outcome, patience.count

    def once(self, target: Target, nth: int) -> Outcome:
        sent = params.applied(self.call, target.settings)
        self.story.asked.append((target.api_key, {**sent.body, "model": sent.model}))
        answer = self.answers(target.path, nth)
        self.clock.now += answer.took
        headers = {"Retry-After": answer.retry_after} if answer.retry_after else {}
        return Outcome(answer.status, headers=headers, is_retryable=answer.is_broken)


def asked_for(body: dict[str, Any]) -> calls.Call:
    return calls.read("chatComplete", "chat", Headers({}), json.dumps(body).encode())


def plainly(
    config: dict[str, Any],
    told: Callable[[str, int], Answer],
    chances: list[float],
    budget: float = BUDGET,
) -> Story:
    """What the plain reading says."""
    return Reader(config, Call(BODY, METADATA, PATH, budget), told, endless(chances)).read()


@given(QUERIES)
@settings(max_examples=300, deadline=None)
def test_any_query_holds_where_a_plain_reading_of_it_does(told):
    try:
        expected: object = query_holds(told, Call(BODY, METADATA, PATH))
    except RouterError as error:
        expected = str(error)
    try:
        found: object = query(told).holds(Facts(METADATA, BODY, PATH))
    except UnknownOperator as error:
        found = str(error)
    assert found == expected


def walked(
    config: dict[str, Any], told: Callable[[str, int], Answer], chances: list[float]
) -> tuple[Story, list[Target]]:
    """What the application does, and the targets it asks."""
    clock = Clock()
    follower = Follower(told, asked_for(BODY), clock)
    facts = Facts(METADATA, BODY, PATH)
    root = compiled(json.dumps(config)).root  # so it keeps to the schema
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "time", clock)
        chance = partial(next, endless(chances))
        return follower.follow(
            routing.walk(root, routing.Asking(lambda: facts, chance=chance))
        ), follower.targets


@given(TREES, answers(), CHANCES)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_tree_is_walked_as_a_plain_reading_of_it_says(config, told, chances):
    expected = plainly(config, told, chances)
    found, targets = walked(config, told, chances)
    note(expected)
    assert found == expected
    assert (found.final is None) is bool(found.error)
    assert sum(found.waits) <= BUDGET
    assert len(found.asked) <= len(targets) * (1 + MOST_RETRIES)
    assert max(Counter(target.path for target in targets).values(), default=1) == 1
    inherited(config, targets)


LEAF = {"provider": "openai"}
NOBODY = {"retry": {"attempts": 1}}
TWO_OR_ONE = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"strategy": {"mode": "loadbalance"}, "targets": [LEAF | {"weight": 0.75}, LEAF | {"weight": 0.25}]},
        LEAF,
    ],
}
ROUTES = [
    {"query": {"metadata.plan": {"$eq": "free"}}, "then": "big"},
    {"query": {"$and": [{"params.model": {"$regex": "mini"}}, {"params.a": {"$lte": 1}}]}, "then": "small"},
]


def several(mode: str, *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"strategy": {"mode": mode, **more}, "targets": list(targets)}


def retrying_config(attempts: int, **more: Any) -> dict[str, Any]:
    return {**LEAF, "retry": {"attempts": attempts, **more}}


@pytest.mark.parametrize(
    ("config", "says", "asked", "waits", "final"),
    [
        (LEAF, {"": "503"}, [""], [], ("", 503, 0)),
        (  # the second answers, after the first was asked twice
            several("fallback", retrying_config(1), LEAF, on_status_codes=[429, 500]),
            {"0": "429", "1": "200"},
            ["0", "0", "1"],
            [1],
            ("1", 200, 0),
        ),
        (
            several("fallback", retrying_config(1), LEAF, on_status_codes=[429, 500]),
            {"0": "400"},
            ["0"],
            [],
            ("0", 400, 0),
        ),
        (  # all fail: the last is told as it is
            {**several("fallback", LEAF, LEAF), "retry": {"attempts": 2}},
            {"0": "503", "1": "503"},
            ["0"] * 3 + ["1"] * 3,
            [1, 2, 1, 2],
            ("1", 503, -1),
        ),
        (several("fallback", LEAF, LEAF, on_status_codes=[]), {"0": "500"}, ["0"], [], ("0", 500, 0)),
        (several("fallback", LEAF, LEAF), {"0": "246"}, ["0"], [], ("0", 246, 0)),
        (
            several("fallback", LEAF, LEAF, on_status_codes=[246]),
            {"0": "246", "1": "400"},
            ["0", "1"],
            [],
            ("1", 400, 0),
        ),
        (several("fallback", LEAF, NOBODY, LEAF), {"0": "401"}, ["0"], [], None),
        (several("fallback", several("fallback", NOBODY, LEAF), LEAF), {}, [], [], None),
        (  # a strategy passes its final status on
            several("fallback", several("fallback", LEAF, LEAF, on_status_codes=[500]), LEAF),
            {"00": "500", "01": "404", "1": "200"},
            ["00", "01", "1"],
            [],
            ("1", 200, 0),
        ),
        (TWO_OR_ONE, {"00": "500", "1": "200"}, ["00", "1"], [], ("1", 200, 0)),
        (several("loadbalance", {**LEAF, "weight": 0}, LEAF), {"1": "200"}, ["1"], [], ("1", 200, 0)),
        (
            several("conditional", {**LEAF, "name": "big"}, {**LEAF, "name": "small"}, conditions=ROUTES),
            {"1": "200"},
            ["1"],
            [],
            ("1", 200, 0),
        ),
        (retrying_config(7), {"": "503"}, [""] * 6, [1, 2, 4, 8, 16], ("", 503, -1)),
        (retrying_config(3), {"": "503 500 200"}, [""] * 3, [1, 2], ("", 200, 2)),
        (retrying_config(3), {"": "503 400"}, [""] * 2, [1], ("", 400, 1)),
        (retrying_config(3, on_status_codes=[]), {"": "503"}, [""], [], ("", 503, 0)),
        (retrying_config(2, on_status_codes=[400]), {"": "broken 400 503"}, [""] * 3, [1, 2], ("", 503, 2)),
        (retrying_config(3), {"": "429/9 200"}, [""] * 2, [1], ("", 200, 1)),
        (
            retrying_config(4, use_retry_after_header=True),
            {"": "429/3 503/50 500 200"},
            [""] * 4,
            [3, 0, 0],
            ("", 200, 3),
        ),
        (
            retrying_config(4, use_retry_after_header=True),
            {"": "503/9 429/x 200"},
            [""] * 3,
            [1, 2],
            ("", 200, 2),
        ),
        (retrying_config(4, use_retry_after_header=True), {"": "429/61 200"}, [""], [], ("", 429, -1)),
        (retrying_config(4, use_retry_after_header=True), {"": "429/60 200"}, [""] * 2, [60], ("", 200, 1)),
        (
            retrying_config(4, use_retry_after_header=True),
            {"": "429/40 429/21 200"},
            [""] * 2,
            [40],
            ("", 429, -1),
        ),
    ],
)
def test_what_is_known_of_portkey_is_so_here_and_in_the_plain_reading(config, says, asked, waits, final):
    config, told = addressed(config), table(says)
    found = plainly(config, told, [0.0])
    assert walked(config, told, [0.0])[0] == found
    assert [path for path, _ in found.asked] == [place(each) for each in asked]
    assert found.waits == waits
    assert not found.error
    expected = Final(place(final[0]), *final[1:]) if final else Final("", 500, is_exception=True)
    assert found.final == expected


def place(short: str) -> str:
    """`01` is the second target of the first."""
    return "config" + "".join(f".targets[{index}]" for index in short)


def table(says: dict[str, str]) -> Callable[[str, int], Answer]:
    """What targets say, the last of it again and again: statuses, with `/` and a `retry-after`; `broken`."""
    told = {place(short): [said(each) for each in texts.split()] for short, texts in says.items()}
    return lambda path, nth: told[path][min(nth, len(told[path]) - 1)]


def said(text: str) -> Answer:
    status, _, wait = text.partition("/")
    return Answer(500, is_broken=True) if status == "broken" else Answer(int(status), wait)


@pytest.mark.parametrize(("chance", "index"), [(0.0, 1), (0.249, 1), (0.25, 2), (0.5, 2), (0.999, 2)])
def test_a_share_begins_where_the_one_before_it_ends(chance, index):
    config = addressed(several("loadbalance", *({**LEAF, "weight": weight} for weight in (0, 1, 3, 0))))
    told = table({str(index): "200"})
    assert walked(config, told, [chance])[0] == plainly(config, told, [chance])


def test_the_defaults_of_a_child_are_laid_over_its_parents():
    child = {**LEAF, "default_params": {"c": "child"}, "override_params": {"b": "child"}}
    parent = {"default_params": {"a": "parent", "c": "parent", "d": 1}, "override_params": {"b": 2, "e": 3}}
    config = addressed(several("single", child) | parent)
    ((_, sent),) = plainly(config, table({"0": "200"}), [0.0]).asked
    assert sent == BODY | {"b": "child", "c": "child", "d": 1, "e": 3}
    assert walked(config, table({"0": "200"}), [0.0])[0].asked[0][1] == sent


@pytest.mark.parametrize(
    ("strategy", "error"),
    [
        ({}, "No conditions passed in the query router"),
        ({"conditions": []}, "Query router did not resolve to any valid target"),
        (
            {"conditions": [{"query": {}, "then": "big"}]},
            "Invalid target name found in the query router: big",
        ),
        ({"conditions": [], "default": "big"}, "Invalid target name found in the query router: big"),
        (
            {"conditions": [{"query": {"params.a": {"$like": 1}}, "then": "small"}]},
            "Unsupported operator used in the query router: $like",
        ),
    ],
)
def test_a_condition_that_leads_nowhere_ends_the_call_also_inside_a_fallback(strategy, error):
    astray = several("conditional", {**LEAF, "name": "small"}, **strategy)
    config = addressed(several("fallback", LEAF, astray, LEAF))
    found = plainly(config, table({"0": "500"}), [0.0])
    assert (found.error, found.final, [path for path, _ in found.asked]) == (error, None, [place("0")])
    assert walked(config, table({"0": "500"}), [0.0])[0] == found


def note(story: Story) -> None:
    """How the examples are spread, for `--hypothesis-show-statistics`."""
    kinds = {
        "an error": story.error,
        "retries": story.waits,
        "several": len({path for path, _ in story.asked}) > 1,
    }
    for kind, is_so in kinds.items():
        event(f"{kind}: {bool(is_so)}")


def inherited(config: dict[str, Any], targets: list[Target]) -> None:
    """Every target that was asked has the settings nearest to it."""
    for target in targets:
        way = list(nodes_to(config, target.path))
        said = {name: node[name] for node in way for name in node}  # the last one says
        timeouts = [node["request_timeout"] for node in way if node.get("request_timeout")]
        assert target.settings.timeout == (timeouts[-1] / 1000 if timeouts else None)
        assert target.settings.strict == said.get("strict_open_ai_compliance")
        forwarded = said.get("forward_headers")
        assert target.settings.forward == (None if forwarded is None else tuple(forwarded))


def nodes_to(config: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    """The nodes from the root to the one at the path."""
    yield config
    for step in path.split(".")[1:]:
        config = config["targets"][int(step.removeprefix("targets[").removesuffix("]"))]
        yield config


@pytest.fixture
def world(provider, monkeypatch) -> Iterator[Callable[[Callable[[str, int], Answer]], list[Any]]]:
    """Lets the provider answer by a table; what it was asked is in the list that comes back."""

    def begin(told: Callable[[str, int], Answer]) -> list[Any]:
        asked: list[Any] = []
        tries: Counter[str] = Counter()

        def answer(request: requests.PreparedRequest) -> Any:
            path = request.headers["authorization"].removeprefix("Bearer ")
            asked.append((path, json.loads(request.body or b"")))
            said = told(path, tries[path])
            tries[path] += 1
            if said.is_broken:
                return requests.ConnectionError("gone")
            headers = {"retry-after": said.retry_after} if said.retry_after else {}
            return (
                said.status,
                headers,
                json.dumps({"id": told_by(path), "choices": [], "object": "chat.completion"}),
            )

        provider.reset()
        provider.add_callback("POST", URL, answer, content_type="application/json")
        return asked

    return begin


@given(TREES, answers(slow=False), CHANCES)
@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_any_tree_is_answered_by_the_whole_gateway_as_a_plain_reading_says(
    client, token, rows, world, config, told, chances
):
    assume("targets" in config or "provider" in config)
    expected = plainly(config, told, chances, budget=3_600)
    asked, waits = world(told), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "sleep", waits.append)
        patch.setattr(plan, "Asking", partial(routing.Asking, chance=partial(next, endless(chances))))
        answer = ask(client, token, config)
    assert asked == expected.asked
    assert waits == expected.waits
    if expected.error:
        assert (answer.status_code, answer.json()["message"]) == (400, expected.error)
        assert "x-portkey-last-used-option-index" not in answer.headers
    else:
        check(answer, expected.final)
    (row,) = [row for row in rows() if row["id"] == answer.headers["x-portkey-trace-id"]]
    assert row["status"] == answer.status_code
    check_attempts(row["attempts"], expected)


def ask(client: Client, token: str, config: dict[str, Any]) -> Any:
    headers = {
        "x-portkey-api-key": token,
        "x-portkey-config": json.dumps(config),
        "x-portkey-metadata": json.dumps(METADATA),
    }
    return client.post(PATH, json.dumps(BODY), content_type="application/json", headers=headers)


def check(answer: Any, final: Final | None) -> None:
    """Whether an answer is the one that counts, and its headers tell so."""
    assert final is not None
    assert answer.status_code == final.status
    told = {name.lower(): value for name, value in answer.headers.items() if name.startswith("x-portkey-")}
    if final.is_exception:
        assert told.keys() - {"x-portkey-trace-id"} == {"x-portkey-gateway-exception"}
        assert answer.json() == {"status": "failure", "message": "Provider  not found"}
        return
    assert told["x-portkey-last-used-option-index"] == final.path
    assert told["x-portkey-retry-attempt-count"] == str(final.retries)
    assert told["x-portkey-provider"] == "openai"
    if 200 <= final.status < 300:
        assert answer.json()["id"] == told_by(final.path)


def check_attempts(attempts: list[dict[str, Any]], story: Story) -> None:
    """Whether all that was tried is on record, in its order, with the waits before it."""
    asked = [path for path, _ in story.asked]
    paths = [attempt["path"] for attempt in attempts]
    assert paths[: len(asked)] == asked
    assert len(paths) == len(asked) + (story.final is not None and story.final.is_exception)
    waits = [attempt["waited_ms"] / 1000 for attempt in attempts if attempt.get("retries")]
    assert waits == story.waits
    assert all(attempt["left"] in ("retried", "fell back") for attempt in attempts[:-1])


def told_by(path: str) -> str:
    """What a target's answer is known by; its key, which is its path, would be hidden there."""
    return f"chatcmpl-{crc32(path.encode())}"
