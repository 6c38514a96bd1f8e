"""What passes through to a provider in OpenAI's words, through openai and portkey-ai: images, sound, files,
moderations, responses. Each is asked once, and the request log is looked at once, when all has been asked.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from tests.sdk_clients import CLIENTS, RAISED, failed, openai_client, portkey_client
from tests.servers import Gatehouse, new_trace, within

pytestmark = pytest.mark.server

SANDBOX = "openai-sandbox"
ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "input": "Hello"}
FILE = ("a.jsonl", b'{"n": 1}\n')


@pytest.fixture(scope="module", params=CLIENTS)
def sdk(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def client(gatehouse: Gatehouse, sdk: str) -> Iterator[Any]:
    with CLIENTS[sdk](gatehouse, SANDBOX) as client:
        yield client


def test_images_are_drawn(client):
    drawn = client.images.generate(model="gpt-image-1", prompt="A cat")
    assert drawn.data[0].b64_json.startswith("iVBOR")
    linked = client.images.generate(model="dall-e-3", prompt="A cat", n=1)
    assert linked.data[0].url.startswith("https://")


def test_speech_is_sound_and_can_be_transcribed(client, tmp_path):
    spoken = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello").read()
    assert spoken.startswith(b"RIFF")
    (tmp_path / "naïve.wav").write_bytes(spoken)
    with (tmp_path / "naïve.wav").open("rb") as file:
        heard = client.audio.transcriptions.create(model="whisper-1", file=file)
    assert heard.text == f"This is naïve.wav, {len(spoken)} bytes."


def test_texts_are_moderated(client):
    def flagged(text: str) -> bool:
        return client.moderations.create(model="omni-moderation-latest", input=text).results[0].flagged

    assert (flagged("Good morning"), flagged("I will kill it")) == (False, True)


def test_files_are_sent_listed_read_and_deleted(client):
    kept = client.files.create(file=FILE, purpose="batch")
    assert (kept.filename, kept.bytes) == ("a.jsonl", len(FILE[1]))
    assert len(client.files.list().data) == 2
    assert client.files.retrieve(kept.id).id == kept.id
    assert client.files.content(kept.id).read() == f"This is {kept.id}.\n".encode()
    assert client.files.delete(kept.id).deleted


def test_what_is_not_there_is_the_sdks_own_error(client, sdk):
    with pytest.raises(RAISED[sdk].NotFoundError) as caught:
        client.files.content("nothing")
    assert caught.value.response.headers["x-portkey-trace-id"]
    with pytest.raises(RAISED[sdk].NotFoundError, match="unheard-of"):
        client.models.retrieve("unheard-of")


def test_responses_come_whole(client):
    answer = client.responses.create(**ASKED)
    assert answer.output_text.startswith("You said: Hello")
    assert (answer.status, answer.usage.total_tokens > 0) == ("completed", True)


def test_streamed_responses_say_the_same(client):
    events = list(client.responses.create(**ASKED, stream=True))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == client.responses.create(**ASKED).output_text


def test_an_error_in_place_of_a_response_is_the_sdks_own(client, sdk):
    for stream in (False, True):
        with pytest.raises(RAISED[sdk].RateLimitError):
            client.responses.create(model="gpt-4o-mini", input="[[status 429]]", stream=stream)


def test_the_verbs_of_portkeys_own_client_pass_through(gatehouse):
    with portkey_client(gatehouse, SANDBOX) as client:
        moderated = client.post("/moderations", model="omni-moderation-latest", input="Hello")
        assert moderated.results[0]["flagged"] is False
        assert client.get(path="/files/file-1").json()["id"] == "file-1"
        assert client.delete(path="/files/file-1").json()["deleted"] is True
        put = client.put(path="/echo/a%2Fb?x=1", body={"n": 1}).json()
    assert (put["method"], put["path"], put["query"]) == ("PUT", "/sandbox/openai/v1/echo/a%2Fb", "x=1")
    assert json.loads(put["body"]) == {"n": 1}


SCENARIOS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "image": lambda client: client.images.generate(model="gpt-image-1", prompt="A cat"),
    "speech": lambda client: client.audio.speech.create(model="tts-1", voice="alloy", input="Hello").read(),
    "moderation": lambda client: client.moderations.create(model="omni-moderation-latest", input="Hello"),
    "upload": lambda client: client.files.create(file=FILE, purpose="batch"),
    "content": lambda client: client.files.content("file-1").read(),
    "deletion": lambda client: client.files.delete("file-1"),
    "response": lambda client: client.responses.create(**ASKED),
    "streamed": lambda client: list(client.responses.create(**ASKED, stream=True)),
    "missing": lambda client: failed(openai.NotFoundError, lambda: client.files.content("nothing")),
}
FACTS = ("method", "endpoint", "model", "model_answered", "stream", "status", "outcome", "finish")
MODEL = ASKED["model"]
MODERATOR = "omni-moderation-latest"
RECORDED = {
    "image": ("POST", "/v1/images/generations", "gpt-image-1", "", False, 200, "finished", ""),
    "speech": ("POST", "/v1/audio/speech", "tts-1", "", False, 200, "finished", ""),
    "moderation": ("POST", "/v1/moderations", MODERATOR, MODERATOR, False, 200, "finished", ""),
    "upload": ("POST", "/v1/files", "", "", False, 200, "finished", ""),
    "content": ("GET", "/v1/files/file-1/content", "", "", False, 200, "finished", ""),
    "deletion": ("DELETE", "/v1/files/file-1", "", "", False, 200, "finished", ""),
    "response": ("POST", "/v1/responses", MODEL, MODEL, False, 200, "finished", "completed"),
    "streamed": ("POST", "/v1/responses", MODEL, MODEL, True, 200, "finished", "completed"),
    "missing": ("GET", "/v1/files/nothing/content", "", "", False, 404, "failed", ""),
}


@pytest.fixture(scope="module")
def rows(gatehouse: Gatehouse) -> dict[str, dict[str, Any]]:
    """The row of each scenario."""
    trace = new_trace()
    with openai_client(gatehouse, SANDBOX) as client:
        for name, play in SCENARIOS.items():
            play(client.with_options(default_headers={"x-portkey-trace-id": f"{trace}-{name}"}))
    assert within(15, lambda: len(gatehouse.traces(trace)) == len(SCENARIOS))
    return {name: gatehouse.row(f"{trace}-{name}") for name in SCENARIOS}


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_passed_through_is_on_record(rows, name):
    row = rows[name]
    assert tuple(row[fact] for fact in FACTS) == RECORDED[name]
    assert (row["fn"], row["provider"], row["virtual_key"]) == ("proxy", "openai", SANDBOX)


@pytest.mark.parametrize("name", ["image", "response", "streamed"])
def test_what_it_took_is_on_record_as_the_answer_told_it(rows, name):
    row = rows[name]
    assert row["usage_source"] == "provider"
    assert row["total_tokens"] == row["input_tokens"] + row["output_tokens"] > 5
    assert row["cost"] > 0
