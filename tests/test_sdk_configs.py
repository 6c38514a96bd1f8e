"""Portkey's documented configs, through the SDKs as they are: who is asked, what comes, what is on record.

The examples are those of tests/config_examples.py. Each is played in every way its config can be given: as
an object, as text, with one call in the place of the client's, as the slug of a config saved through the SDK,
and by OpenAI's SDK in a header; in Python here, in Node by tests/node/strategies.mjs.
"""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests import own_provider
from tests.asks import MODEL, user
from tests.config_examples import EXAMPLES, OPEN, RECOVERING, TELLING, Example, key
from tests.own_provider import Exchange, OwnProvider
from tests.sdk_playing import PREFIX, SDKS, Came, Clients, clients_of, heard, in_node, in_nodes_words
from tests.servers import Gatehouse, Yard, new_trace, within

pytestmark = pytest.mark.server

WAYS = ("object", "text", "call", "saved", "openai")
SCOPES = ("completions.write", *(f"configs.{verb}" for verb in ("create", "delete")))
OTHER = key(OPEN, override_params={"model": "sandbox-status-418"})  # of a client, where the call has its own

Played = dict[str, dict[str, Came]]  # by example and way


@pytest.fixture(scope="module")
def clients(gatehouse: Gatehouse) -> Iterator[Clients]:
    """Of a key that can call and keep configs."""
    key = gatehouse.manage("create_api_key", "examples", *(f"--scope={scope}" for scope in SCOPES))
    with clients_of(gatehouse, key) as clients:
        yield clients


@pytest.fixture(scope="module")
def slugs(clients: Clients) -> Iterator[dict[str, str]]:
    """Every example's config, saved until the tests of this module are over."""
    configs = clients.portkey().configs
    slugs = {name: configs.create(name=name, config=each.config).slug for name, each in EXAMPLES.items()}
    yield slugs
    for slug in slugs.values():
        configs.delete(slug=slug)


@pytest.fixture(scope="module")
def provider(yard: Yard) -> OwnProvider:
    """One that refuses every other call, and tells the headers it was sent."""
    yard.provider.manners |= {RECOVERING: recovering(), TELLING: telling}
    return yard.provider


def recovering() -> own_provider.Manner:
    asked = Counter[str]()

    def manner(exchange: Exchange) -> None:
        asked["times"] += 1
        if asked["times"] % 2:
            body = '{"error": {"message": "Slow down."}}'
            head = f"HTTP/1.1 429 Slow\r\nretry-after: 0\r\ncontent-length: {len(body)}\r\n"
            exchange.send(f"{head}content-type: application/json\r\nconnection: close\r\n\r\n{body}")
        else:
            exchange.reply(200, own_provider.whole("Hello again"))

    return manner


def telling(exchange: Exchange) -> None:
    exchange.reply(200, own_provider.whole(json.dumps(exchange.headers)))


@pytest.fixture(scope="module", params=SDKS)
def sdk(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def trace(sdk: str, gatehouse: Gatehouse) -> str:
    """How the trace ids of all calls begin."""
    return new_trace()


@pytest.fixture(scope="module")
def played(clients: Clients, slugs: dict[str, str], provider: OwnProvider, trace: str, sdk: str) -> Played:
    """What came of everything."""
    if sdk == "node":
        return in_javascript(clients, slugs, trace)
    with ThreadPoolExecutor(8) as several:
        asked = {name: several.submit(in_python, clients, name, slugs[name], trace) for name in EXAMPLES}
    return {name: each.result() for name, each in asked.items()}


def in_javascript(clients: Clients, slugs: dict[str, str], trace: str) -> Played:
    examples = {
        name: {
            "config": example.config,
            "slug": slugs[name],
            "ways": WAYS,
            "trace": traced(trace, name),
            "body": body(example),
            "told": in_nodes_words(example.told),
            "headers": example.headers,
        }
        for name, example in EXAMPLES.items()
    }
    asked = {"baseURL": clients.url, "apiKey": clients.api_key, "other": OTHER, "examples": examples}
    return dict(in_node("strategies.mjs", **asked))


def traced(trace: str, name: str, *way: str) -> str:
    return "-".join((trace, str(list(EXAMPLES).index(name)), *way))


def body(example: Example) -> dict[str, Any]:
    return {"model": MODEL, "messages": [user(example.said)]} | example.body


def in_python(clients: Clients, name: str, slug: str, trace: str) -> dict[str, Came]:
    """What came of an example, one way after the other, since some providers remember."""
    example = EXAMPLES[name]
    return {
        way: heard(
            client(clients, way, example.config, slug, trace_id=traced(trace, name, way), **example.told),
            body(example),
            example.headers,
        )
        for way in WAYS
    }


def client(clients: Clients, way: str, config: dict[str, Any], slug: str, **told: Any) -> Any:
    """A client that gives the config in this way."""
    match way:
        case "text":
            return clients.portkey(config=json.dumps(config), **told)
        case "call":
            return clients.portkey(config=OTHER).with_options(config=config, **told)
        case "saved":
            return clients.portkey(config=slug, **told)
        case "openai":
            return clients.openai(config=config, **told)
    return clients.portkey(config=config, **told)


@pytest.fixture(scope="module")
def rows(gatehouse: Gatehouse, played: Played, trace: str) -> dict[str, dict[str, Any]]:
    """The row of each call, by its trace id."""
    expected = len(EXAMPLES) * len(WAYS)
    assert within(30, lambda: len(gatehouse.traces(trace)) >= expected)
    found = gatehouse.rows("trace_id LIKE ?", f"{trace}%")
    assert len(found) == expected
    return {row["trace_id"]: row for row in found}


@pytest.fixture(params=EXAMPLES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def example(name: str) -> Example:
    return EXAMPLES[name]


def test_the_answer_is_the_documented_one(played, name, example):
    for way, came in played[name].items():
        assert came["status"] == example.status, (way, came)
        assert example.answer in came["text"], (way, came)
        assert ("error" in came) == (example.status != 200 or example.breaks), (way, came)
        if example.finish:
            assert came["finish"] == example.finish, (way, came)


def test_the_headers_are_the_documented_ones(played, name, example):
    for way, came in played[name].items():
        told = came["headers"]
        assert told["last-used-option-index"] == example.index, way
        assert told["retry-attempt-count"] == str(example.retries), way
        assert told["provider"] == example.provider, way
        assert told["trace-id"].endswith(way)


def test_the_row_tells_every_target_that_was_asked(trace, rows, slugs, name, example):
    for way in WAYS:
        row = rows[traced(trace, name, way)]
        attempts = row["attempts"] if isinstance(row["attempts"], list) else json.loads(row["attempts"])
        tried = [(each["path"], each["status"], each["left"]) for each in attempts]
        assert tried == example.attempts, way
        assert row["config"] == (slugs[name] if way == "saved" else "inline")
        assert (row["mode"], row["option_index"]) == (example.mode, example.index)
        assert bool(row["rescued"]) == example.is_rescued, way
        assert row["retry_count"] == example.retries


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example.sent])
def test_what_reaches_the_provider_is_what_the_config_makes_of_it(played, name, example):
    for way, came in played[name].items():
        sent = json.loads(came["text"])
        assert {field: sent.get(field) for field in example.sent} == example.sent, way


def test_only_the_headers_named_go_on(played):
    for came in played["headers that go on"].values():
        sent = json.loads(came["text"])
        assert (sent["x-plan"], "x-other" in sent) == ("high-quality", False)
        assert not [name for name in sent if name.startswith(PREFIX)]
