"""Forms with files that follow a config: the model is each target's own, every other byte the client's."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from keys.creation import create_virtual_key
from keys.models import VirtualKey, Workspace
from proxy import form as forms

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

    def call(
        config: Any, form: bytes = FILE + MODEL % b"whisper-1" + END, kind: str = KIND, **more: str
    ) -> Any:
        headers = {"x-portkey-api-key": token, "x-portkey-config": json.dumps(config), **more}
        return client.post("/v1/audio/transcriptions", form, content_type=kind, headers=headers)

    return call


def sent(provider: Any) -> list[bytes]:
    return [bytes(call.request.body or b"") for call in provider.calls]


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


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (FILE + MODEL % b"dear" + END, "multipart/form-data; x-boundary=A; boundary=xyz"),
        (FILE + MODEL % b"dear" + END, "multipart/form-data; Boundary=xyz"),
        (FILE.replace(b"a.wav", b"x; name=model") + MODEL % b"dear" + END, KIND),
        (
            FILE.replace(b"RIFF", b"R" * 70_000) * 2
            + MODEL % b"dear"
            + FILE.replace(b"RIFF", b"R" * 70_000)
            + END,
            KIND,
        ),
        ((MODEL % b"dear").replace(b"Cont", b"A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\nCont") + END, KIND),
    ],
)
def test_a_model_that_is_ordered_is_set_wherever_the_clients_stands(
    ask: Ask, provider: Any, form: bytes, kind: str
) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    assert ask({"provider": "@groq", **LARGE}, form, kind).status_code == 200
    assert sent(provider) == [form.replace(b"dear", b"whisper-large-v3")]


UNCLEAR = [
    (MODEL % b"cheap" + FILE + MODEL % b"dear" + END, KIND),
    ((FILE + MODEL % b"dear" + END).replace(b"\r\n", b"\n"), KIND),
    (FILE + MODEL % b"dear" + END, "multipart/form-data"),
    (b"x\r\n" + FILE + MODEL % b"dear" + END, KIND),
    (FILE + MODEL % (b"d" * 600) + END, KIND),
    (FILE + MODEL % b"dear", KIND),
    (FILE * 1_001 + MODEL % b"dear" + END, KIND),
    (b"no form at all", KIND),
]
ORDER = {"provider": "@groq", **LARGE}


@pytest.mark.parametrize(("form", "kind"), UNCLEAR)
def test_a_form_in_which_it_cannot_be_set_for_certain_is_refused(
    ask: Ask, provider: Any, rows: Any, form: bytes, kind: str
) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    for config in (ORDER, {"strategy": {"mode": "fallback"}, "targets": [ORDER, ORDER]}):
        answer = ask(config, form, kind)
        assert answer.status_code == 400
        said = answer.json()
        assert "The config sets the model, and " in (said.get("message") or said["error"]["message"])
    assert not provider.calls
    assert [(row["status"], len(row["attempts"])) for row in rows()] == [(400, 0), (400, 2)]


@pytest.mark.parametrize(("form", "kind"), UNCLEAR)
def test_it_passes_through_where_no_model_is_ordered(ask: Ask, provider: Any, form: bytes, kind: str) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    ask({"provider": "@groq", "override_params": {"language": "en"}}, form, kind)
    ask(ORDER, b"", kind)
    assert sent(provider) == [form, b""]


@pytest.mark.parametrize("path", ["/v1/files", "/v1/uploads/upload_1/parts"])
def test_a_file_that_is_uploaded_gets_no_model(
    client: Client, token: str, ask: Ask, provider: Any, path: str
) -> None:
    provider.post(f"https://api.groq.com/openai{path}", json={})
    headers = {"x-portkey-api-key": token, "x-portkey-config": json.dumps(ORDER)}
    assert client.post(path, FILE + END, content_type=KIND, headers=headers).status_code == 200
    assert sent(provider) == [FILE + END]


def test_conditions_find_no_model_in_a_form_that_can_be_read_in_two_ways(ask: Ask, provider: Any) -> None:
    provider.post(OPENAI, json={"text": "Hello"})
    provider.post(GROQ, json={"text": "Hello"})
    conditions = [{"query": {"params.model": "whisper-1"}, "then": "one"}]
    targets = [{"name": "one", "provider": "@openai"}, {"name": "two", "provider": "@groq"}]
    strategy = {"mode": "conditional", "conditions": conditions, "default": "two"}
    form = FILE + MODEL % b"whisper-1" + MODEL % b"dear" + END
    answer = ask({"strategy": strategy, "targets": targets}, form)
    assert answer["x-portkey-last-used-option-index"] == "config.targets[1]"


def test_a_target_that_sets_no_model_takes_a_form_that_another_cannot_change(ask: Ask, provider: Any) -> None:
    form = FILE + MODEL % b"a" + MODEL % b"b" + END
    provider.post(GROQ, json={"text": "Hello"})
    answer = ask({"strategy": {"mode": "fallback"}, "targets": [ORDER, {"provider": "@groq"}]}, form)
    assert (answer.status_code, answer["x-portkey-last-used-option-index"]) == (200, "config.targets[1]")
    assert sent(provider) == [form]


def test_a_default_model_is_an_order_where_the_form_names_none_for_certain(ask: Ask, provider: Any) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    config = {"provider": "@groq", "default_params": {"model": "whisper-large-v3"}}
    assert ask(config, FILE + MODEL % b"").status_code == 400
    assert ask(config, MODEL % b"a" + MODEL % b"b" + END).status_code == 200
    assert sent(provider) == [MODEL % b"a" + MODEL % b"b" + END]


def test_a_compressed_form_is_refused_where_a_model_is_ordered(ask: Ask, provider: Any) -> None:
    provider.post(GROQ, json={"text": "Hello"})
    compressed = {"content-encoding": "gzip"}
    assert ask(ORDER, **compressed).status_code == 400
    assert ask({"provider": "@groq"}, **compressed).status_code == 200


@pytest.mark.parametrize("kind", ["override_params", "default_params"])
@pytest.mark.parametrize("name", ["a\ud800b", "a\r\nb", "a\0", "a\x7f"])
def test_a_model_that_no_form_can_hold_is_none(ask: Ask, provider: Any, kind: str, name: str) -> None:
    answer = ask({"provider": "@groq", kind: {"model": name}})
    assert (answer.status_code, answer.json()["message"]) == (400, "Invalid config passed")
    (error,) = answer.json()["errors"]
    assert error.startswith(f"path: {kind},model, message: A model's name has no control characters")


def test_a_form_is_read_once_whatever_the_number_of_targets(
    ask: Ask, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, asked = forms.read, []

    def counted(*given: Any) -> forms.Form:
        asked.append(given)
        return read(*given)

    monkeypatch.setattr(forms, "read", counted)
    provider.post(GROQ, json={}, status=503)
    ask({"strategy": {"mode": "fallback"}, "targets": [ORDER] * 40})
    assert (len(asked), len(provider.calls)) == (1, 40)
