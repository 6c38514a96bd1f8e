"""Forms with files that follow a config: the model is each target's own, every other byte the client's."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from keys.creation import create_virtual_key
from keys.models import VirtualKey, Workspace

OPENAI = "https://api.openai.com/v1/audio/transcriptions"
GROQ = "https://api.groq.com/openai/v1/audio/transcriptions"
KIND = "multipart/form-data; boundary=xyz"
FILE = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\x00\xff RIFF\r\n'
MODEL = b'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n'
END = b"--xyz--\r\n"
LARGE = {"override_params": {"model": "whisper-large-v3"}}

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client, token: str, workspace: Workspace, virtual_key: VirtualKey, rows: Any) -> Ask:
    create_virtual_key(workspace, "Groq", provider="groq", slug="groq", secret="gsk-a-secret-of-the-tests")

    def call(config: Any, form: bytes = FILE + MODEL % b"whisper-1" + END) -> Any:
        headers = {"x-portkey-api-key": token, "x-portkey-config": json.dumps(config)}
        return client.post("/v1/audio/transcriptions", form, content_type=KIND, headers=headers)

    return call


def sent(provider: Any) -> list[bytes]:
    return [bytes(call.request.body) for call in provider.calls]


def test_a_fallback_to_another_provider_asks_for_that_ones_model(ask: Ask, provider: Any, rows: Any) -> None:
    provider.post(OPENAI, json={"error": {"message": "Down."}}, status=503)
    provider.post(GROQ, json={"text": "Hello"})
    answer = ask(
        {
            "strategy": {"mode": "fallback"},
            "targets": [{"provider": "@openai"}, {"provider": "@groq", **LARGE}],
        }
    )
    assert (answer.status_code, answer["x-portkey-last-used-option-index"]) == (200, "config.targets[1]")
    assert sent(provider) == [FILE + MODEL % name + END for name in (b"whisper-1", b"whisper-large-v3")]
    (row,) = rows()
    assert (row["model"], row["virtual_key"]) == ("whisper-large-v3", "groq")


def test_an_override_may_name_the_virtual_key_with_the_model(ask: Ask, provider: Any) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    answer = ask({"override_params": {"model": "@groq/whisper-large-v3"}})
    assert answer.status_code == 200
    assert sent(provider) == [FILE + MODEL % b"whisper-large-v3" + END]


@pytest.mark.parametrize("kind", ["override_params", "default_params"])
def test_a_form_that_names_no_model_gets_one(ask: Ask, provider: Any, kind: str) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    ask({"provider": "@groq", kind: {"model": "whisper-large-v3", "language": "en"}}, FILE + END)
    assert sent(provider) == [MODEL % b"whisper-large-v3" + FILE + END]


def test_a_default_model_leaves_the_clients_own(ask: Ask, provider: Any) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    ask({"provider": "@groq", "default_params": {"model": "whisper-large-v3"}})
    assert sent(provider) == [FILE + MODEL % b"whisper-1" + END]


@pytest.mark.parametrize(
    ("asked", "taken"), [(b"whisper-1", "config.targets[0]"), (b"other", "config.targets[1]")]
)
def test_conditions_can_ask_for_the_model(ask: Ask, provider: Any, asked: bytes, taken: str) -> None:
    provider.post(OPENAI, json={"text": "Hello"})
    provider.post(GROQ, json={"text": "Hello"})
    conditions = [{"query": {"params.model": {"$eq": "whisper-1"}}, "then": "one"}]
    targets = [{"name": "one", "provider": "@openai"}, {"name": "two", "provider": "@groq"}]
    strategy = {"mode": "conditional", "conditions": conditions, "default": "two"}
    answer = ask({"strategy": strategy, "targets": targets}, FILE + MODEL % asked + END)
    assert answer["x-portkey-last-used-option-index"] == taken


def test_what_is_no_form_goes_on_as_it_came(ask: Ask, provider: Any) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    ask({"provider": "@groq", **LARGE}, b"no form at all")
    assert sent(provider) == [b"no form at all"]
