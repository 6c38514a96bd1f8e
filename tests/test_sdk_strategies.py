"""Configs through the SDKs where one call does not tell all: chance, memory, defaults, changes and mistakes.

What one call can tell stands in tests/config_examples.py, with the shapes of Portkey's documentation.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from portkey_ai import AsyncPortkey, createHeaders
from portkey_ai._vendor import openai as portkeys_openai

from tests.asks import MODEL, user
from tests.config_examples import CLAUDE, DOWN, OPEN, SHORT, SLOW, balance, fallback, key, model, only
from tests.sdk_clients import anthropic_client, failed, openai_client, portkey_client
from tests.sdk_playing import SDKS, Came, Step, clients_of, in_steps
from tests.servers import Gatehouse, new_trace, within

pytestmark = pytest.mark.server

SCOPES = [f"--scope=configs.{verb}" for verb in ("create", "update", "delete")]
INDEX = "x-portkey-last-used-option-index"
FALLING = fallback(model(OPEN, DOWN), model(CLAUDE, "claude-haiku-4-5"))


Play = Callable[..., list[Came]]


@pytest.fixture(scope="module")
def configs(gatehouse: Gatehouse) -> Iterator[Any]:
    """The part of the SDK that keeps configs."""
    with clients_of(gatehouse, gatehouse.manage("create_api_key", "strategies", *SCOPES)) as clients:
        yield clients.portkey().configs


@pytest.fixture(scope="module")
def save(configs: Any) -> Iterator[Callable[[Any], str]]:
    """Keeps a config until the tests of this module are over; its slug."""
    slugs: list[str] = []

    def saved(config: Any) -> str:
        slugs.append(configs.create(name="Of a test", config=config).slug)
        return slugs[-1]

    yield saved
    for slug in slugs:
        configs.delete(slug=slug)


@pytest.fixture(params=SDKS)
def play(request: pytest.FixtureRequest, gatehouse: Gatehouse) -> Iterator[Play]:
    """Calls that follow one another, each told what is given; what came of them."""
    with clients_of(gatehouse) as clients:

        def played(*tolds: dict[str, Any], trace: str = "") -> list[Came]:
            body = {"model": MODEL, "messages": [user("Hello")]}
            trace = trace or new_trace()
            steps = [Step(f"{trace}-{number}", told, body) for number, told in enumerate(tolds)]
            return in_steps(request.param, clients, steps)

        yield played


def targets(came: list[Came]) -> list[str]:
    """Which target answered each call, in one figure: "0"."""
    indices = [each["headers"]["last-used-option-index"] for each in came]
    return [index.removeprefix("config.targets[").removesuffix("]") for index in indices]


def asked(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(model=MODEL, messages=[user("Hello")], **more)


def index(answer: Any) -> str:
    return str(answer.get_headers()["last-used-option-index"])


# Chance.


def test_a_canary_gets_its_small_share(play):
    config = balance(key(OPEN, weight=0.95), model(CLAUDE, "claude-haiku-4-5", weight=0.05))
    shares = Counter(targets(play(*[{"config": config}] * 60)))
    assert shares["0"] > 40
    assert set(shares) <= {"0", "1"}


def test_keys_without_weights_take_turns(play):
    config = balance(*[key(OPEN)] * 3)
    assert set(targets(play(*[{"config": config}] * 80))) == {"0", "1", "2"}


@pytest.mark.parametrize("kept", [False, True], ids=["inline", "saved"])
def test_who_comes_again_gets_the_same_target(play, save, kept):
    config = balance(key(OPEN, weight=0.5), key(CLAUDE, weight=0.5))
    config["strategy"]["sticky"] = {"enabled": True, "hash_fields": ["metadata.user_id"], "ttl": 3600}
    told = {"config": save(config) if kept else config}
    users = [told | {"metadata": {"user_id": f"{number}"}} for number in range(24)]
    first, second, third = (targets(play(*users)) for _ in "123")
    assert first == second == third
    assert set(first) == {"0", "1"}


# Memory.


def test_a_target_that_fails_too_often_is_left_alone(gatehouse, play, save):
    config = fallback(model(OPEN, DOWN), model(CLAUDE))
    breaker = {"failure_threshold": 2, "cooldown_interval": 60_000, "failure_status_codes": [401, 429, 503]}
    config["strategy"]["cb_config"] = breaker
    trace, calls = new_trace(), 12
    assert set(targets(play(*[{"config": save(config)}] * calls, trace=trace))) == {"1"}
    assert within(15, lambda: len(gatehouse.traces(trace)) == calls)
    rows = gatehouse.rows("trace_id LIKE ?", f"{trace}%")
    skipped = [row for row in rows if "targets[0]" in str(row["skipped"])]
    workers = int(gatehouse.environment["WEB_CONCURRENCY"])
    assert len(skipped) >= calls - 2 * workers
    assert all(DOWN not in str(row["attempts"]) for row in skipped)
    assert not any(row["rescued"] for row in skipped)


# Where a config comes from.


def test_a_changed_config_is_followed_from_then_on(play, configs, save):
    slug = save(key(OPEN))

    def providers() -> set[str]:
        return {came["headers"]["provider"] for came in play(*[{"config": slug}] * 8)}

    assert providers() == {"openai"}
    configs.update(slug=slug, config=key(CLAUDE))
    assert within(10, lambda: providers() == {"anthropic"})


def test_a_deleted_config_is_no_config(play, configs):
    slug = configs.create(name="Soon gone", config=key(OPEN)).slug
    assert [came["status"] for came in play({"config": slug})] == [200]
    configs.delete(slug=slug)

    def gone() -> bool:
        return all("Invalid config id passed" in came["text"] for came in play(*[{"config": slug}] * 8))

    assert within(10, gone)


@pytest.fixture(scope="module")
def defaults(gatehouse: Gatehouse, save: Callable[[Any], str]) -> Iterator[dict[bool, str]]:
    """API keys with FALLING as their default, by whether a call may bring another."""
    told = gatehouse.python(
        f"""
from configs.models import Config
from keys.changes import changing
from keys.creation import create_api_key
config = Config.objects.get(slug={save(FALLING)!r})
for may_override in (True, False):
    key, token = create_api_key(config.workspace, "with a default")
    with changing(key):
        key.default_config, key.allow_config_override = config, may_override
        key.save()
    print(token)
"""
    )
    yield dict(zip((True, False), told.split(), strict=True))
    gatehouse.python(
        """
from django.utils import timezone
from keys.changes import changing
from keys.models import ApiKey
for key in ApiKey.objects.filter(name="with a default"):
    with changing(key):
        key.default_config, key.revoked_at = None, timezone.now()
        key.save()
"""
    )


def test_a_keys_default_config_needs_no_word_from_the_client(gatehouse, play, defaults):
    trace = new_trace()
    told = {"api_key": defaults[True]}
    default, another = play(told, told | {"config": key(OPEN)}, trace=trace)
    assert targets([default, another]) == ["1", "config"]
    row = gatehouse.row(f"{trace}-0-0")
    assert row["config"].startswith("pc-")
    assert (bool(row["rescued"]), row["mode"]) == (True, "fallback")


def test_openais_sdk_alone_follows_the_keys_default_config(gatehouse, defaults):
    with openai.OpenAI(api_key=defaults[False], base_url=f"{gatehouse.url}/v1", max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[user("Hello")])
    assert raw.headers[INDEX] == "config.targets[1]"


def test_a_key_can_forbid_another_config(play, defaults):
    told = {"api_key": defaults[False]}
    default, another = play(told, told | {"config": key(OPEN)})
    assert targets([default]) == ["1"]
    assert (another["status"], another["error"]) == (400, "BadRequestError")
    assert "Cannot override default config set for this API key." in another["text"]


# Other SDKs and other endpoints.


@pytest.mark.parametrize("kept", [False, True], ids=["inline", "saved"])
def test_openais_sdk_names_a_config_in_a_header(gatehouse, save, kept):
    headers = createHeaders(config=save(FALLING) if kept else FALLING)
    with openai_client(gatehouse).with_options(default_headers=headers) as client:
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[user("Hello")])
        assert raw.headers[INDEX] == "config.targets[1]"
        assert "Hello" in raw.parse().choices[0].message.content
        stream = client.chat.completions.create(model="gpt-4o", messages=[user("Hello")], stream=True)
        said = "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    assert "Hello" in said


@pytest.mark.parametrize("kept", [False, True], ids=["inline", "saved"])
def test_anthropics_sdk_names_a_config_in_a_header(gatehouse, save, kept):
    config = fallback(model(CLAUDE, DOWN), model(CLAUDE, "claude-haiku-4-5"))
    headers = {"x-portkey-config": save(config) if kept else json.dumps(config)}
    body: dict[str, Any] = {"model": "claude", "max_tokens": 99, "messages": [user("Hello")]}
    with anthropic_client(gatehouse).with_options(default_headers=headers) as client:
        raw = client.messages.with_raw_response.create(**body)
        assert (raw.headers[INDEX], raw.parse().model) == ("config.targets[1]", "claude-haiku-4-5")
        with client.messages.stream(**body) as stream:
            assert "Hello" in stream.get_final_text()


def test_responses_follow_a_config(gatehouse):
    config = fallback(model(OPEN, DOWN), model(OPEN, "gpt-5-mini"))
    trace = new_trace()
    with portkey_client(gatehouse, config=config, trace_id=trace) as client:
        response = client.responses.create(model="gpt-4o", input="Hello")
        assert "Hello" in response.output[0].content[0].text
        events = list(client.responses.create(model="gpt-4o", input="Hello", stream=True))
        assert events[-1].type == "response.completed"
    assert within(15, lambda: len(gatehouse.traces(trace)) == 2)
    rows = gatehouse.rows("trace_id = ?", trace)
    assert [(row["option_index"], bool(row["rescued"])) for row in rows] == [("config.targets[1]", True)] * 2


def test_the_address_says_which_target_is_taken(gatehouse):
    config = only({"url.pathname": {"$regex": "^/v1/chat"}})  # the second target for chats, else the first
    with portkey_client(gatehouse, config=config) as client:
        assert index(asked(client)) == "config.targets[1]"
        vectors = client.embeddings.create(model="text-embedding-3-small", input="Hello")
        assert index(vectors) == "config.targets[0]"


def test_the_asynchronous_client_follows_a_config(gatehouse):
    async def call() -> Any:
        async with httpx.AsyncClient(base_url=f"{gatehouse.url}/v1") as connections:
            client = AsyncPortkey(
                api_key=gatehouse.api_key,
                base_url=f"{gatehouse.url}/v1",
                http_client=connections,
                config=FALLING,
            )
            return await client.chat.completions.create(model=MODEL, messages=[user("Hello")])

    assert index(asyncio.run(call())) == "config.targets[1]"


# Mistakes.

NOWHERE = only({"params.model": {"$eq": MODEL}})
NOWHERE["strategy"]["conditions"][0]["then"] = "nobody"
UNANSWERED = only({"params.model": {"$eq": "another"}})
del UNANSWERED["strategy"]["default"]
HELD_HOST = {**key(OPEN), "custom_host": "https://example.com/v1"}
INNER_HOST = {"provider": "openai", "api_key": "sk-mine", "custom_host": "http://10.0.0.1/v1"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("pc-nobody-123456", "Invalid config id passed"),
        ("{'provider': 'openai'}", "You need to pass a valid json"),
        ({"retry": {"attempts": 1}}, "Either x-portkey-provider needs to be passed"),
        (key("@nobodys"), "Following keys are not valid: nobodys"),
        (fallback(key(OPEN), key("@nobodys")), "Following keys are not valid: nobodys"),
        ({"strategy": {"mode": "first"}, "targets": [key(OPEN)]}, "Invalid 'mode' value"),
        (key(OPEN, cache={"mode": "some"}), "Invalid 'cache.mode' value"),
        (balance(key(OPEN, weight=0), key(CLAUDE, weight=0)), "At least one weight"),
        (fallback(), "targets"),
        (NOWHERE, "Invalid target name found in the query router: nobody"),
        (UNANSWERED, "Query router did not resolve to any valid target"),
        (only({"params.model": {"$like": "a"}}), "Unsupported operator used in the query router: $like"),
        (HELD_HOST, "custom_host cannot be used with a virtual key"),
        (INNER_HOST, "Invalid custom host"),
        ({"provider": "openai", "api_key": "k", "forward_headers": ["x-portkey-forward-headers"]}, "forward"),
    ],
)
def test_a_config_that_cannot_be_followed_is_a_bad_request_that_says_why(play, config, message):
    (came,) = play({"config": config})
    assert (came["status"], came["error"]) == (400, "BadRequestError")
    assert message in came["text"]


def test_a_host_beside_the_config_does_not_lead_a_stored_credential_away(play):
    (came,) = play({"config": key(OPEN), "custom_host": "https://example.com/v1"})
    assert came["status"] == 400
    assert "x-portkey-custom-host cannot be used with a virtual key" in came["text"]


def test_every_error_of_a_target_is_the_sdks_own(gatehouse):
    with portkey_client(gatehouse, config=model(OPEN, SLOW, request_timeout=SHORT)) as client:
        error = failed(portkeys_openai.APIStatusError, lambda: asked(client))
    assert isinstance(error, portkeys_openai.APIStatusError)
    assert error.status_code == 408
    told = error.body
    assert isinstance(told, dict)
    assert (told["type"], told["param"], told["code"]) == ("timeout_error", None, None)
