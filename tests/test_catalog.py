"""What holds for every row of the catalogue, and what a row alone can say."""

import json
import string
from dataclasses import replace
from pathlib import Path

import pytest

from providers.catalog import PROVIDERS, ROWS
from providers.errors import Garbled, Unrenderable
from providers.formats import openai
from providers.types import Ask, Auth, Credential, Operation, Provider, Reading, Setting

WIRE = Path(__file__).parent / "wire"
FN = "chatComplete"
ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.slug)


def ask(body, raw=None, model=None):
    raw = json.dumps(body).encode() if raw is None else raw
    return Ask("chat", body, raw, model or body.get("model", "m"))


def places(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_no_slug_is_taken_twice():
    assert len(PROVIDERS) == len(ROWS)


@ROW
def test_a_row_names_a_safe_host_and_fills_every_place_of_its_addresses(row):
    assert row.base_url.startswith("https://")
    known = {setting.name for setting in row.settings} | {"model"}
    for text in (row.base_url, *(operation.path for operation in row.operations.values())):
        assert places(text) <= known
    assert all(operation.path.startswith("/") for operation in row.operations.values())


@ROW
def test_header_names_are_lower_case_and_none_that_passes_is_a_secret(row):
    names = [*row.headers, *row.passes, row.auth.header, *(s.header for s in row.settings)]
    assert all(name == name.lower() for name in names)
    assert not {"authorization", "cookie", "x-api-key", "x-portkey-api-key"} & set(row.passes)


@ROW
def test_a_row_is_recorded(row):
    assert list((WIRE / row.slug).glob("*.json"))
    assert list((WIRE / row.slug).glob("*.sse"))


@ROW
def test_a_body_nested_without_end_is_refused_and_such_an_answer_garbled(row):
    deep = []
    for _ in range(3000):
        deep = [deep]
    body = {"model": "@p/m", "messages": [], "tools": [{"name": "x", "input_schema": deep}], "metadata": {}}
    call = ask(body, b"", "m")
    with pytest.raises(Unrenderable):
        row.request(FN, call, Credential("k"))
    with pytest.raises(Garbled):
        row.answer(FN, ask({}), b"[" * 5000 + b"]" * 5000, Reading())
    reading = Reading()
    assert list(row.stream(FN, ask({}), [b"data: " + b"[" * 5000 + b"]" * 5000 + b"\n\n"], reading)) == []
    assert reading.problem.type == "invalid_response"


@ROW
def test_an_event_too_large_to_be_one_is_a_problem(row, monkeypatch):
    monkeypatch.setattr("providers.framing.FRAME_LIMIT", 100)
    reading = Reading()
    assert list(row.stream(FN, ask({}), [b"data: ", b"x" * 200], reading)) == []
    assert reading.problem.status == 502


def test_a_provider_of_openais_words_is_a_row():
    row = Provider("acme", "Acme", "https://api.acme.example/v1", openai.OPERATIONS, takes_stream_usage=False)
    body = {"model": "@acme/m", "stream": True}
    request = row.request(FN, ask(body, model="m"), Credential("k"))
    assert request.url == "https://api.acme.example/v1/chat/completions"
    assert json.loads(request.body) == {"model": "m", "stream": True}
    assert row.problem(FN, 500, b'{"error":"x"}').message == "acme error: x"


REGIONAL = Provider(
    "regional",
    "Regional",
    "https://{region}.example.com",
    {FN: Operation("/models/{model}/chat", openai.CHAT)},
    auth=Auth("x-key", prefix=""),
    settings=(Setting("region", pattern=r"[a-z0-9-]{1,20}", required=True),),
)


def test_settings_and_models_have_places_in_an_address():
    request = REGIONAL.request(FN, ask({"model": "a/b ?#é"}), Credential("k", {"region": "eu-1"}))
    assert request.url == "https://eu-1.example.com/models/a%2Fb%20%3F%23%C3%A9/chat"
    assert request.headers["x-key"] == "k"


@pytest.mark.parametrize("region", ["evil.example/", "a@b", "", "eu\n"])
def test_a_setting_cannot_lead_elsewhere(region):
    with pytest.raises(Unrenderable):
        REGIONAL.request(FN, ask({"model": "m"}), Credential("k", {"region": region}))


@pytest.mark.parametrize("model", [".", ".."])
def test_a_model_cannot_climb_out_of_an_address(model):
    with pytest.raises(Unrenderable):
        REGIONAL.request(FN, ask({"model": model}), Credential("k", {"region": "eu"}))


def test_a_host_of_the_credentials_own_replaces_the_base_url():
    credential = Credential("k", {"region": "eu"}, base_url="http://127.0.0.1:9/x/")
    assert REGIONAL.request(FN, ask({"model": "m"}), credential).url == "http://127.0.0.1:9/x/models/m/chat"


@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1/"])
@pytest.mark.parametrize("slug", ["together-ai", "deepseek", "openrouter"])
def test_a_host_is_named_with_its_version_or_without(slug, host):
    request = PROVIDERS[slug].request(FN, ask({"model": "m"}), Credential("k", base_url=host))
    assert request.url == "http://127.0.0.1:9/v1/chat/completions"


def test_what_other_providers_answered_is_not_sent_to_openai():
    thought = {"type": "thinking", "thinking": "Hm", "signature": "s"}
    answered = {
        "role": "assistant",
        "content": "Hi",
        "reasoning_content": "Hm",
        "content_blocks": [thought],
        "annotations": [],
    }
    marked = {"type": "text", "text": "Yes", "cache_control": {"type": "ephemeral"}}
    body = {"model": "m", "messages": [answered, {"role": "user", "content": [marked]}]}
    call = ask(body)
    sent = json.loads(PROVIDERS["openai"].request(FN, call, Credential("k")).body)
    assert sent["messages"] == [
        {"role": "assistant", "content": "Hi", "annotations": []},
        {"role": "user", "content": [{"type": "text", "text": "Yes"}]},
    ]
    elsewhere = replace(call, custom_host=True)
    request = PROVIDERS["openai"].request(FN, elsewhere, Credential("k", base_url="http://127.0.0.1:9/v1"))
    assert request.body == call.raw
    assert call.body == body


@pytest.mark.parametrize(
    ("slug", "name"),
    [("mistral-ai", "user"), ("mistral-ai", "seed"), ("groq", "logit_bias"), ("deepseek", "thinking")],
)
def test_null_counts_as_not_sent_where_a_parameter_is_put_otherwise(slug, name):
    request = PROVIDERS[slug].request(FN, ask({"model": "m", "messages": [], name: None}), Credential("k"))
    assert json.loads(request.body) == {"model": "m", "messages": []}
    assert request.ignored == ()
