"""What is kept of a config in a request, and what an error tells of a slug: no secret, wherever it is."""

import json
from typing import Any

import pytest
from django.test import Client

from configs import hints, masking
from configs.masking import masked
from keys import tokens

SECRET = "SEKRET-0123456789abcdefghijkl"


@pytest.mark.parametrize(
    "config",
    [
        {"apiKey": SECRET},
        {"APIKey": SECRET},
        {"apiKeys": [SECRET]},
        {"api_key_": SECRET},
        {"apikey ": SECRET},
        {"api_key": {"value": SECRET}},
        {"accessKeyId": SECRET},
        {"awsSecretAccessKey": SECRET},
        {"vertexServiceAccountJson": {"project_id": SECRET}},
        {"auth": SECRET},
        {"bearer": SECRET},
        {"privateKeyPem": SECRET},
        {"headers": {"X-Auth": SECRET}},
        {"of_theirs": [{"deep": [[SECRET]]}]},
        {"Provider": SECRET},
        {"provider": f"@{SECRET}"},
        {"virtualKey": SECRET},
        {SECRET: True},
        {"x" * 41 + SECRET: True},
        {"retry": {"attempts": 1, "token": SECRET}},
        {"strategy": {"mode": "fallback", "cbConfig": {"x": SECRET}}},
        {"strategy": {"mode": "conditional", "conditions": [{"query": {"metadata.api_key": SECRET}}]}},
        {"strategy": {"mode": "single"}, "targets": [{"targets": [{"apiKeys": SECRET}]}]},
        {"targets": SECRET},
        {"cache": {"mode": {"x": SECRET}}},
        {"cache": {"mode": SECRET}},
        {"strategy": {"mode": SECRET}},
        {"name": SECRET},
        {"forward_headers": [SECRET]},
        {"drop_params": ["user", SECRET]},
        {"customHost": f"https://host/{SECRET}"},
        {"custom_host": f"https://me:{SECRET}@host:8080/v1"},
        {"custom_host": f"https://host?key={SECRET}"},
        {"custom_host": f"{SECRET}/x"},
        {"custom_host": f"https://[{SECRET}"},
        {"override_params": {"model": f"@{SECRET}/gpt-4o"}},
    ],
)
def test_no_secret_in_the_wrong_place_is_kept(config: dict[str, Any]) -> None:
    assert SECRET not in masked(config)


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apiKeys",
        "accessKeyId",
        "auth",
        "x-auth",
        "Authorization",
        "bearer",
        "key",
        "KEYS",
        "token",
        "tokens",
        "private_key_pem",
        "credentials",
        "azureADToken",
        "session_token",
        "client_secret",
        "cookie",
        "pwd",
        "Proxy-Authorization",
    ],
)
@pytest.mark.parametrize("wrapped", [lambda told: told, lambda told: [told], lambda told: {"value": told}])
def test_parameters_are_masked_by_their_names(name: str, wrapped: Any) -> None:
    for members in ("overrideParams", "default_params"):
        assert SECRET not in masked({members: {"headers": {name: wrapped(SECRET)}}})


@pytest.mark.parametrize(
    "told",
    [
        {"max_tokens": 100, "max_completion_tokens": 5, "maxOutputTokens": 7},
        {"prompt_cache_key": "team-7", "stop_token_ids": ["12", "13"], "skip_special_tokens": "yes"},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}, "token": 5},
        {"author": "x", "keywords": ["a", "b"], "model": "gpt-4o", "monkey": "y"},
        {"parameters": {"properties": {"key": {"type": "string", "description": "A name"}}}},
    ],
)
def test_harmless_parameters_stay(told: dict[str, Any]) -> None:
    config = {"virtual_key": "openai", "override_params": told, "default_params": told}
    assert json.loads(masked(config)) == config


def test_what_a_config_says_stays() -> None:
    config = {
        "strategy": {
            "mode": "loadbalance",
            "on_status_codes": [429],
            "sticky": {"enabled": True, "hash_fields": ["metadata.user"], "ttl": 60},
            "cb_config": {"failure_threshold": 5, "cooldown_interval": 60000},
        },
        "cache": {"mode": "simple", "max_age": 60},
        "targets": [
            {"name": "a", "provider": "@team-research-openai-production-66a67d", "weight": 0.7},
            {"provider": "openai", "customHost": "https://llm.example:8080", "dropParams": ["a.b"]},
            {"virtualKey": "azure", "forward_headers": ["x-trace"], "passthrough": None},
            {
                "strategy": {
                    "mode": "conditional",
                    "conditions": [{"query": {"metadata.plan": {"$in": ["paid"]}}, "then": "a"}],
                },
            },
        ],
    }
    assert json.loads(masked(config)) == config


def test_of_an_address_the_host_is_shown() -> None:
    told = masked({"custom_host": "https://user:pass@host.example:8443/path?x=1#y"})
    assert json.loads(told) == {"custom_host": "https://host.example:8443/path?*****"}
    told = masked({"custom_host": "https://host.example/openai/v1"})
    assert json.loads(told) == {"custom_host": "https://host.example/openai/v1"}


def test_what_conditions_ask_about_is_shown() -> None:
    query = {"metadata.customer_key": "gold", "metadata.auth_tier": {"$in": ["a", 2]}}
    config = {"strategy": {"mode": "conditional", "conditions": [{"query": query, "then": "a"}]}}
    assert json.loads(masked(config)) == config


def test_of_what_nobody_reads_the_name_is_shown() -> None:
    told = masked({"of_theirs": "s3cr3t-0123456789", "more": {"a": 1}, "yes": True, "x" * 41: 5})
    assert json.loads(told) == {
        "of_theirs": "s3*****789",
        "more": "*****",
        "yes": True,
        "xx*****xxx": "*****",
    }


def test_no_more_is_looked_at_than_is_kept() -> None:
    looked = 0

    class Counting(list[int]):
        def __iter__(self) -> Any:
            nonlocal looked
            for each in super().__iter__():
                looked += 1
                yield each

    told = masked({"virtual_key": "openai", "override_params": {"x": Counting([1] * 1_000_000)}})
    assert len(told) == masking.LONGEST
    assert looked < masking.LONGEST


def test_a_config_nested_beyond_measure_is_cut() -> None:
    deep: Any = []
    for _ in range(20_000):
        deep = [deep]
    assert masked({"override_params": {"x": deep}}).endswith("[[[")


@pytest.mark.parametrize(
    "slug",
    [
        "openai",
        "open-ai-key-production-66a67d",
        "my-company-azure-openai-eastus2-gpt4o",
        "team_openai_prod",
        "a1b2c3d4e5",
        "anthropic-claude-3-5-sonnet-20240620",
        "aws-bedrock-us-east-1-prod-a1b2c3",
    ],
)
def test_what_may_be_a_slug_is_told(slug: str) -> None:
    assert hints.slug(slug) == slug


@pytest.mark.parametrize(
    "secret",
    [
        "sk-" + "0f3a9c7e" * 4,
        "Zq8" * 11,
        "7f1c2d3e-9a8b-4c5d-8e7f-0a1b2c3d4e5f",
        "gsk_" + "Xy4" * 16,
        "a" * 32,
        "x-" * 21,
    ],
)
def test_what_looks_like_a_secret_is_hinted_at(secret: str) -> None:
    told = hints.slug(secret)
    assert told != secret
    assert "*****" in told


@pytest.mark.parametrize("named", [{"virtual_key": "{}"}, {"provider": "@{}"}])
@pytest.mark.parametrize("secret", ["sk-" + "0f3a9c7e" * 4, "Zq8bT4n1" * 4])
def test_a_short_key_in_the_place_of_a_slug_is_in_no_answer_and_on_no_record(
    client: Client, token: str, rows: Any, named: dict[str, str], secret: str
) -> None:
    config = {name: slug.format(secret) for name, slug in named.items()}
    headers = {"x-portkey-api-key": token, "x-portkey-config": json.dumps(config)}
    sent = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
    answer = client.post("/v1/chat/completions", sent, "application/json", headers=headers)
    assert answer.json()["message"] == f"Following keys are not valid: {tokens.hint(secret)}"
    assert len(rows()) == 1
    assert secret not in str(rows())
