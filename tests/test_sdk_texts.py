"""Text completions, embeddings and lists of models through portkey-ai and openai, as documented."""

import base64
import math
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sdk_clients import CLIENTS, RAISED, openai_client
from tests.servers import Gatehouse, new_trace, within

pytestmark = pytest.mark.server

PROMPT = "Say this is a test"
SAID = "You said: Say this is a test"
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("openai-sandbox", {"model": "gpt-3.5-turbo-instruct"}),
    ("anthropic-sandbox", {"model": "claude-2", "max_tokens": 250}),
    ("anthropic-sandbox", {"model": "claude-sonnet-4-5", "max_tokens": 250}),
]
# Portkey's SDK is told the provider's own reasons.
NATIVE = {"gpt-3.5-turbo-instruct": "stop", "claude-2": "stop_sequence", "claude-sonnet-4-5": "end_turn"}
VECTORS: dict[str, Any] = {"model": "text-embedding-3-small", "input": ["Hello", "there"], "dimensions": 8}

each_text = pytest.mark.parametrize(("sandbox", "asked"), ASKED, ids=NATIVE)


@pytest.fixture(scope="module", params=CLIENTS)
def sdk(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def clients(gatehouse: Gatehouse, sdk: str) -> Iterator[dict[str, Any]]:
    """A client of the SDK for each virtual key, and one that names none."""
    make = CLIENTS[sdk]
    with (
        make(gatehouse) as nobodys,
        make(gatehouse, "openai-sandbox") as gpt,
        make(gatehouse, "anthropic-sandbox") as claude,
    ):
        yield {"": nobodys, "openai-sandbox": gpt, "anthropic-sandbox": claude}


@each_text
def test_a_text_is_completed(clients, sdk, sandbox, asked):
    answer = clients[sandbox].completions.create(prompt=PROMPT, **asked)
    (choice,) = answer.choices
    assert choice.text.strip().startswith(SAID)
    assert choice.finish_reason == (NATIVE[asked["model"]] if sdk == "portkey" else "stop")
    assert (answer.object, answer.model) == ("text_completion", asked["model"])


@each_text
def test_a_streamed_text_is_the_same(clients, sandbox, asked):
    create = clients[sandbox].completions.create
    whole = create(prompt=PROMPT, **asked).choices[0]
    told = [choice for chunk in create(prompt=PROMPT, stream=True, **asked) for choice in chunk.choices]
    assert "".join(choice.text for choice in told) == whole.text
    assert len(told) > 10
    assert [c.finish_reason for c in told if c.finish_reason] == [whole.finish_reason]


@each_text
def test_a_text_is_cut_at_its_limit(clients, sdk, sandbox, asked):
    answer = clients[sandbox].completions.create(prompt=PROMPT, **asked | {"max_tokens": 2})
    assert answer.choices[0].text.strip() == "You said:"
    native = sdk == "portkey" and sandbox == "anthropic-sandbox"
    assert answer.choices[0].finish_reason == ("max_tokens" if native else "length")


def test_usage_is_told_where_the_provider_tells_it(clients):
    for sandbox, asked in ASKED:
        create = clients[sandbox].completions.create
        whole = create(prompt=PROMPT, **asked)
        *_, last = create(prompt=PROMPT, stream=True, stream_options={"include_usage": True}, **asked)
        if asked["model"] == "claude-2":
            assert not whole.usage
            assert not getattr(last, "usage", None)
        else:
            told = last.usage if isinstance(last.usage, dict) else last.usage.model_dump()
            assert whole.usage.total_tokens == told["total_tokens"] > 10


def test_an_error_in_place_of_a_text_is_the_sdks_own(clients, sdk):
    for sandbox, asked in ASKED:
        with pytest.raises(RAISED[sdk].RateLimitError):
            clients[sandbox].completions.create(prompt="[[status 429]]", **asked)


def test_what_a_text_took_is_on_record(gatehouse):
    trace = new_trace()
    with openai_client(gatehouse, "anthropic-sandbox") as client:
        for _, asked in ASKED[1:]:
            headers = {"x-portkey-trace-id": f"{trace}-{asked['model']}"}
            client.completions.create(prompt=PROMPT, extra_headers=headers, **asked)
    old, new = (gatehouse.row(f"{trace}-{asked['model']}") for _, asked in ASKED[1:])
    assert (old["fn"], old["outcome"], old["finish"]) == ("complete", "finished", "stop")
    assert (old["usage_source"], new["usage_source"]) == ("estimated", "provider")
    assert min(old["input_tokens"], old["output_tokens"], new["input_tokens"], new["output_tokens"]) > 0


def floats(embedding: Any) -> list[float]:
    """Portkey's SDK for Python asks for base64, as openai does, but leaves it as it came."""
    if isinstance(embedding, str):
        raw = base64.b64decode(embedding)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    return list(embedding)


def test_vectors_are_the_same_in_base64_and_as_numbers(clients):
    usual = clients["openai-sandbox"].embeddings.create(**VECTORS)
    numbers = clients["openai-sandbox"].embeddings.create(**VECTORS, encoding_format="float")
    assert [item.index for item in numbers.data] == [0, 1]
    for one, other in zip(usual.data, numbers.data, strict=True):
        assert isinstance(other.embedding, list)
        assert floats(one.embedding) == pytest.approx(other.embedding)
        assert math.hypot(*other.embedding) == pytest.approx(1)
    assert numbers.usage.prompt_tokens == numbers.usage.total_tokens > 0


def test_vectors_of_a_provider_that_has_none_are_refused(clients, sdk):
    refused = pytest.raises(RAISED[sdk].InternalServerError, match="embed is not supported by anthropic")
    with refused as caught:
        clients["anthropic-sandbox"].embeddings.create(**VECTORS)
    assert caught.value.response.headers["x-portkey-gateway-exception"] == "true"


def test_a_providers_models_have_one_form(clients):
    for sandbox, known in (("openai-sandbox", "gpt-4o-mini"), ("anthropic-sandbox", "claude-2.1")):
        listed = {model.id: model for model in clients[sandbox].models.list().data}
        assert (listed[known].object, type(listed[known].created)) == ("model", int)
        assert listed[known].owned_by


def test_without_a_virtual_key_every_one_tells_its_models_by_names_that_can_be_called(clients):
    wanted = {"@openai-sandbox/gpt-4o-mini", "@anthropic-sandbox/claude-haiku-4-5-20251001"}
    for sandbox in ("openai-sandbox", "anthropic-sandbox"):
        clients[sandbox].models.list()  # what a provider listed is known from then on

    def known() -> set[str]:
        return {model.id for model in clients[""].models.list().data}

    assert within(15, lambda: wanted <= known())
    for name in wanted:
        messages = [{"role": "user", "content": "Hello"}]
        answer = clients[""].chat.completions.create(model=name, messages=messages)
        assert answer.choices[0].message.content.startswith("You said: Hello")
