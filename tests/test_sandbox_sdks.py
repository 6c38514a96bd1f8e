"""The providers' own SDKs take the sandbox for the provider: in this process, without a server."""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.urls import include, path

# A request looks at the connections to databases, though the sandbox uses none.
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(databases=["default", "logs"])]
urlpatterns = [path("sandbox/", include("sandbox.urls"))]

KEY = "sk-sandbox-test"


@pytest.fixture
def application(settings: Any) -> WSGIHandler:
    settings.MIDDLEWARE = []
    settings.SANDBOX_KEY = KEY
    settings.ALLOWED_HOSTS = ["sandbox.invalid"]
    return WSGIHandler()


@pytest.fixture
def gpt(application: WSGIHandler) -> Iterator[openai.OpenAI]:
    base = "http://sandbox.invalid/sandbox/openai/v1"
    with httpx.Client(transport=httpx.WSGITransport(application)) as client:
        yield openai.OpenAI(api_key=KEY, base_url=base, http_client=client, max_retries=0)


@pytest.fixture
def claude(application: WSGIHandler) -> Iterator[anthropic.Anthropic]:
    base = "http://sandbox.invalid/sandbox/anthropic"
    with httpx2.Client(transport=httpx2.WSGITransport(application)) as client:
        yield anthropic.Anthropic(api_key=KEY, base_url=base, http_client=client, max_retries=0)


def test_openais_sdk_completes_and_embeds(gpt: openai.OpenAI):
    asked = {"model": "gpt-3.5-turbo-instruct", "prompt": "Say this is a test"}
    whole = gpt.completions.create(**asked)
    parts = gpt.completions.create(**asked, stream=True)
    assert "".join(part.choices[0].text for part in parts) == whole.choices[0].text
    vectors = gpt.embeddings.create(model="text-embedding-3-large", input=["a", "b"], dimensions=256)
    assert [len(item.embedding) for item in vectors.data] == [256, 256]  # it asks for base64 unless told


def test_openais_sdk_responds_and_lists(gpt: openai.OpenAI):
    assert gpt.responses.create(model="gpt-4o-mini", input="Hello").output_text.startswith("You said: Hello")
    with gpt.responses.stream(model="gpt-4o-mini", input="Hello") as stream:
        assert stream.get_final_response().output_text.startswith("You said: Hello")
    assert gpt.models.retrieve("gpt-4o").id in [model.id for model in gpt.models.list()]
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("unheard-of")


def test_openais_sdk_draws_listens_and_keeps_files(gpt: openai.OpenAI):
    assert gpt.images.generate(model="gpt-image-1", prompt="A cat").data[0].b64_json
    assert not gpt.moderations.create(input="Good morning").results[0].flagged
    sound = gpt.audio.speech.create(model="tts-1", voice="alloy", input="Hello").read()
    heard = gpt.audio.transcriptions.create(model="whisper-1", file=("naïve.wav", sound))
    assert heard.text == f"This is naïve.wav, {len(sound)} bytes."
    kept = gpt.files.create(file=("a.jsonl", b"{}\n"), purpose="batch")
    assert (kept.bytes, kept.filename) == (3, "a.jsonl")
    assert gpt.files.retrieve(kept.id).id == kept.id
    assert kept.id in gpt.files.content(kept.id).text
    assert gpt.files.delete(kept.id).deleted
    assert len(list(gpt.files.list())) == 2


def test_anthropics_sdk_counts_and_lists(claude: anthropic.Anthropic):
    asked: Any = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "x" * 40}]}
    assert claude.messages.count_tokens(**asked).input_tokens == 10
    names = [model.id for model in claude.models.list(limit=3)]
    assert len(names) == len(set(names)) == 8  # page by page
    assert claude.models.retrieve(names[0]).id == names[0]
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("unheard-of")
