"""The sandbox's other endpoints have the shapes of the real ones, as the providers' own SDKs read them."""

import base64
import io
import json
import math
import re
import struct
import time
import wave
import zlib
from pathlib import Path
from typing import Any

import anthropic.types
import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import include, path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import types
from openai.types import audio
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from sandbox import content, form
from sandbox.embeddings import vector

pytestmark = pytest.mark.urls(__name__)
urlpatterns = [path("sandbox/", include("sandbox.urls"))]

OPENAI, ANTHROPIC = "/sandbox/openai/v1/", "/sandbox/anthropic/v1/"
KEY = "sk-sandbox-test"
DIALOGUE = "\n\nHuman: Hello\n\nAssistant:"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}
PNG = base64.b64encode(b"\x89PNG....").decode()  # 8 bytes
EVENTS = TypeAdapter(list[ResponseStreamEvent])
FILE = {"file": ("hum.wav", b"RIFF\r\n\0\xff")}


@pytest.fixture(autouse=True)
def only_the_sandbox(settings: Any) -> None:
    settings.MIDDLEWARE = []
    settings.SANDBOX_KEY = KEY


def ask(address: str, body: Any = None, method: str = "POST", **more: Any) -> HttpResponseBase:
    headers = {"authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"}
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = more.pop("kind", "application/json")
    return Client().generic(method, address, data, kind, headers=headers | more)


def openai(path: str, **body: Any) -> HttpResponseBase:
    return ask(OPENAI + path, body)


def claude(path: str, **body: Any) -> HttpResponseBase:
    return ask(ANTHROPIC + path, body)


def get(address: str) -> Any:
    return loaded(ask(address, method="GET"))


def posted(path: str, fields: dict[str, str], **files: tuple[str, bytes]) -> HttpResponseBase:
    """A multipart form, put together by hand: what a sandbox reads shall not be what it wrote."""
    pieces = [f'Content-Disposition: form-data; name="{k}"\r\n\r\n{v}'.encode() for k, v in fields.items()]
    for name, (filename, data) in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: a/b'
        pieces.append(head.encode() + b"\r\n\r\n" + data)
    body = b"".join(b"--edge\r\n" + piece + b"\r\n" for piece in pieces) + b"--edge--\r\n"
    return ask(OPENAI + path, body, kind="multipart/form-data; boundary=edge")


def read(response: HttpResponseBase) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def loaded(response: HttpResponseBase) -> Any:
    assert response.status_code == 200, read(response)
    return json.loads(read(response))


def data(response: HttpResponseBase) -> list[Any]:
    """The data of a stream's events; a terminal marker as it stands."""
    lines = [line for line in read(response).decode().splitlines() if line.startswith("data: ")]
    found = [line.removeprefix("data: ") for line in lines]
    return [line if line == "[DONE]" else json.loads(line) for line in found]


# Completions


def test_a_completion_has_openais_shape():
    told = loaded(openai("completions", model="gpt-3.5-turbo-instruct", prompt="Say this is a test"))
    types.Completion.model_validate(told, strict=True)
    assert list(told) == ["id", "object", "created", "model", "system_fingerprint", "choices", "usage"]
    assert told["id"].startswith("cmpl-")
    [choice] = told["choices"]
    assert choice["text"].startswith("You said: Say this is a test")
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", None)
    assert told["usage"] == {"prompt_tokens": 4, "completion_tokens": 14, "total_tokens": 18}


@pytest.mark.parametrize(
    "prompt, more, texts, finishes",
    [
        ("Hi [[say a b c]]", {}, ["a b c"], ["stop"]),
        ("Hi [[say a b c]]", {"max_tokens": 2}, ["a b"], ["length"]),
        ("Hi [[say a b c]]", {"stop": "c"}, ["a b "], ["stop"]),
        ("Hi [[say a b c]]", {"n": 2}, ["a b c", "a b c"], ["stop", "stop"]),
        ("Hi [[say a b c]]", {"echo": True}, ["Hia b c"], ["stop"]),
        ("Hi [[say a b c]]", {"echo": True, "max_tokens": 0}, ["Hi"], ["length"]),
        ("Hi [[say a b c]]", {"suffix": "z", "logprobs": 2}, ["a b c"], ["stop"]),
        (["[[say a]]", "[[say b]]"], {}, ["a", "b"], ["stop", "stop"]),
        (["[[say a]]", "[[say b]]"], {"n": 2}, ["a", "a", "b", "b"], ["stop"] * 4),
    ],
)
def test_completions_keep_to_what_is_asked_whole_and_streamed(
    prompt: Any, more: dict[str, Any], texts: list[str], finishes: list[str]
):
    asked = {"model": "gpt-3.5-turbo-instruct", "prompt": prompt} | more
    whole = loaded(openai("completions", **asked))
    assert [c["text"] for c in whole["choices"]] == texts
    assert [c["finish_reason"] for c in whole["choices"]] == finishes
    assert [c["index"] for c in whole["choices"]] == list(range(len(texts)))

    *parts, counted, done = data(
        openai("completions", **asked, stream=True, stream_options={"include_usage": True})
    )
    assert (counted["choices"], counted["usage"], done) == ([], whole["usage"], "[DONE]")
    built = [""] * len(texts)
    for part in parts:
        assert (part["object"], part["usage"], part["id"]) == ("text_completion", None, whole["id"])
        built[part["choices"][0]["index"]] += part["choices"][0]["text"]
    assert built == texts
    assert [f for p in parts if (f := p["choices"][0]["finish_reason"])] == finishes


def test_a_completion_ends_after_sixteen_tokens_unless_told_otherwise():
    told = loaded(openai("completions", model="m", prompt="[[events 50]]"))
    assert told["usage"]["completion_tokens"] == 16
    assert told["choices"][0]["finish_reason"] == "length"


def test_tokens_may_stand_for_the_prompts_of_a_completion():
    told = loaded(openai("completions", model="m", prompt=[[1, 2, 3], [4, 5]]))
    assert (len(told["choices"]), told["usage"]["prompt_tokens"]) == (2, 5)


# Embeddings


@pytest.mark.parametrize(
    "given, number, tokens",
    [
        ("Hello you", 1, 2),
        (["Hello", "you"], 2, 2),
        ([1, 2, 3], 1, 3),
        ([[1, 2], [3]], 2, 3),
    ],
)
def test_embeddings_have_openais_shape(given: Any, number: int, tokens: int):
    told = loaded(openai("embeddings", model="text-embedding-3-small", input=given))
    types.CreateEmbeddingResponse.model_validate(told)
    assert list(told) == ["object", "data", "model", "usage"]
    assert [item["index"] for item in told["data"]] == list(range(number))
    assert told["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    for item in told["data"]:
        assert math.hypot(*item["embedding"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "model, more, length",
    [
        ("text-embedding-3-small", {}, 1536),
        ("text-embedding-3-large", {}, 3072),
        ("anything", {}, 1536),
        ("text-embedding-3-large", {"dimensions": 1024}, 1024),
        ("anything", {"dimensions": 1}, 1),
    ],
)
def test_a_vector_is_as_long_as_its_model_or_the_caller_says(model: str, more: dict[str, Any], length: int):
    floats = loaded(openai("embeddings", model=model, input="Hello", **more))["data"][0]["embedding"]
    packed = loaded(openai("embeddings", model=model, input="Hello", encoding_format="base64", **more))
    assert len(floats) == length
    assert list(struct.unpack(f"<{length}f", base64.b64decode(packed["data"][0]["embedding"]))) == floats


@given(st.text(), st.text())
def test_equal_inputs_have_equal_vectors_and_others_others(one: str, other: str):
    assert (vector(one, 64) == vector(other, 64)) == (one == other)


def test_vectors_are_quick_to_make():
    began = time.process_time()
    for number in range(20):
        vector(f"text {number}", 3072)
    assert time.process_time() - began < 20 * 0.02


@pytest.mark.parametrize(
    "more, param",
    [
        ({"input": None}, "input"),
        ({"input": ""}, None),
        ({"input": []}, None),
        ({"input": ["a", ""]}, None),
        ({"input": [["a"]]}, None),
        ({"input": ["a"] * 2049}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 1537}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
    ],
)
def test_embeddings_refuse_what_openai_refuses(more: dict[str, Any], param: str | None):
    told = openai("embeddings", **({"model": "text-embedding-3-small", "input": "Hello"} | more))
    error = json.loads(read(told))["error"]
    assert (told.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)


# Models


def test_openais_models_are_listed_and_each_is_told_by_itself():
    told = get(f"{OPENAI}models")
    assert told["object"] == "list"
    for model in told["data"]:
        types.Model.model_validate(model, strict=True)
        assert get(f"{OPENAI}models/{model['id']}") == model


def test_anthropics_models_come_in_pages():
    every = get(f"{ANTHROPIC}models")
    assert list(every) == ["data", "has_more", "first_id", "last_id"]
    for model in every["data"]:
        anthropic.types.ModelInfo.model_validate(model)
        assert get(f"{ANTHROPIC}models/{model['id']}") == model
    names = [model["id"] for model in every["data"]]
    first = get(f"{ANTHROPIC}models?limit=2")
    assert ([m["id"] for m in first["data"]], first["has_more"]) == (names[:2], True)
    rest = get(f"{ANTHROPIC}models?limit=1000&after_id={first['last_id']}")
    assert ([m["id"] for m in rest["data"]], rest["has_more"]) == (names[2:], False)
    back = get(f"{ANTHROPIC}models?limit=1&before_id={rest['first_id']}")
    assert ([m["id"] for m in back["data"]], back["has_more"]) == ([names[1]], True)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after_id=x", "before_id=x"])
def test_a_page_of_models_that_cannot_be_is_refused(query: str):
    assert ask(f"{ANTHROPIC}models?{query}", method="GET").status_code == 400


# Images, moderations, audio, files


@pytest.mark.parametrize(
    "more, number",
    [
        ({"model": "gpt-image-1"}, 1),
        ({"response_format": "b64_json"}, 1),
        ({"model": "gpt-image-1", "n": 2}, 2),
    ],
)
def test_an_image_is_a_png(more: dict[str, Any], number: int):
    told = loaded(openai("images/generations", prompt="A cat", **more))
    types.ImagesResponse.model_validate(told, strict=True)
    assert len({image["b64_json"] for image in told["data"]}) == number
    for image in told["data"]:
        pixels = base64.b64decode(image["b64_json"])
        assert pixels.startswith(b"\x89PNG\r\n\x1a\n")
        start = pixels.index(b"IDAT")
        size = int.from_bytes(pixels[start - 4 : start])
        assert len(zlib.decompress(pixels[start + 4 : start + 4 + size])) == 8 * (1 + 3 * 8)
        assert int.from_bytes(pixels[start + 4 + size :][:4]) == zlib.crc32(pixels[start : start + 4 + size])


def test_an_image_may_be_an_address_that_leads_nowhere():
    told = loaded(openai("images/generations", prompt="A cat", model="dall-e-3"))
    types.ImagesResponse.model_validate(told, strict=True)
    assert told["data"][0]["url"].startswith("https://images.sandbox.invalid/")
    assert told["data"][0]["revised_prompt"].startswith("A cat")


@pytest.mark.parametrize(
    "given, flags",
    [
        ("I will kill you", [True]),
        ("Good morning", [False]),
        (["Good morning", "Murder!"], [False, True]),
        (
            [{"type": "text", "text": "stab"}, {"type": "image_url", "image_url": {"url": "https://a.b"}}],
            [True],
        ),
    ],
)
def test_moderations_flag_what_is_violent(given: Any, flags: list[bool]):
    told = loaded(openai("moderations", input=given))
    types.ModerationCreateResponse.model_validate(told)
    assert [result["flagged"] for result in told["results"]] == flags
    assert [result["categories"]["violence"] for result in told["results"]] == flags
    kinds = told["results"][0]["category_applied_input_types"]["violence"]
    assert kinds == (["text", "image"] if isinstance(given[0], dict) else ["text"])


def test_speech_is_sound_that_lasts_as_long_as_its_words():
    told = openai("audio/speech", model="tts-1", input="Hello you there", voice="alloy")
    assert told.headers["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(read(told))) as sound:
        assert (sound.getnchannels(), sound.getnframes() / sound.getframerate()) == (1, 0.15)


@pytest.mark.parametrize("path", ["audio/transcriptions", "audio/translations"])
def test_a_transcription_tells_of_the_file(path: str):
    told = loaded(posted(path, {"model": "whisper-1"}, **FILE))
    audio.Transcription.model_validate(told, strict=True)
    assert told["text"] == "This is hum.wav, 8 bytes."
    plain = posted(path, {"model": "whisper-1", "response_format": "text"}, **FILE)
    assert (plain.headers["Content-Type"], read(plain)) == (
        "text/plain; charset=utf-8",
        b"This is hum.wav, 8 bytes.\n",
    )
    verbose = loaded(posted(path, {"model": "whisper-1", "response_format": "verbose_json"}, **FILE))
    audio.TranscriptionVerbose.model_validate(verbose, strict=True)


def test_files_are_told_back_and_made_up():
    told = loaded(posted("files", {"purpose": "batch"}, **FILE))
    types.FileObject.model_validate(told, strict=True)
    assert (told["filename"], told["bytes"], told["purpose"]) == ("hum.wav", 8, "batch")
    assert loaded(posted("files", {"purpose": "batch"}, **FILE))["id"] == told["id"]
    found = get(f"{OPENAI}files/{told['id']}")
    types.FileObject.model_validate(found, strict=True)
    assert found["id"] == told["id"]
    kept = read(ask(f"{OPENAI}files/{told['id']}/content", method="GET"))
    assert (kept, len(kept)) == (f"This is {told['id']}.\n".encode(), found["bytes"])
    gone = loaded(ask(f"{OPENAI}files/{told['id']}", method="DELETE"))
    types.FileDeleted.model_validate(gone, strict=True)
    listed = get(f"{OPENAI}files")
    assert [types.FileObject.model_validate(f, strict=True).id for f in listed["data"]] == [
        listed["first_id"],
        listed["last_id"],
    ]


def test_a_form_is_read_as_it_was_written_whatever_is_in_it():
    body = (
        b'preamble\r\n--e\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n'
        b"--e\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''na%C3%AFve.txt\r\n\r\n"
        b"--not the edge\r\n\r\n--e--\r\nepilogue"
    )
    found = form.parts('multipart/form-data; charset=utf-8; boundary="e"', body)
    assert (found["a"].data, found["a"].filename) == (b"", "")
    assert (found["file"].data, found["file"].filename) == (b"--not the edge\r\n", "naïve.txt")


# Responses


@pytest.mark.parametrize(
    "text, more, kinds",
    [
        ("Hello", {}, ["message"]),
        ("Hello", {"max_output_tokens": 2}, ["message"]),
        ("[[refuse]]", {}, ["message"]),
        ("[[empty]]", {}, ["message"]),
        ("Hello", {"reasoning": {"effort": "low"}}, ["message"]),
        (
            "the tool",
            {"tools": [{"type": "function", "name": "a", "parameters": WEATHER}]},
            ["function_call"],
        ),
    ],
)
def test_a_streamed_response_ends_in_the_whole_one(text: str, more: dict[str, Any], kinds: list[str]):
    whole = loaded(openai("responses", model="gpt-4o-mini", input=text, **more))
    assert Response.model_validate(whole).usage
    assert [item["type"] for item in whole["output"]] == kinds
    told = data(openai("responses", model="gpt-4o-mini", input=text, stream=True, **more))
    EVENTS.validate_python(told)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert told[0]["type"] == "response.created"
    assert told[-1]["type"] == f"response.{whole['status']}"
    assert told[-1]["response"] == whole
    bits = "".join(event["delta"] for event in told if event["type"].endswith(".delta"))
    [item] = whole["output"]
    said = item.get("arguments") or "".join(p.get("text", p.get("refusal")) for p in item.get("content", ()))
    assert bits == said


def test_a_response_repeats_what_was_asked_and_quotes_a_tools_result():
    asked = [
        {"role": "user", "content": [{"type": "input_text", "text": "the tool"}]},
        {"type": "function_call", "call_id": "call_1", "name": "a", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "12 degrees"},
    ]
    more = {"tools": [{"type": "function", "name": "a", "parameters": WEATHER, "strict": True}]}
    told = loaded(
        openai("responses", model="m", input=asked, instructions="Be kind", temperature=0.5, **more)
    )
    assert told["output"][0]["content"][0]["text"] == "The tool answered: 12 degrees"
    assert (told["instructions"], told["temperature"], told["tools"]) == ("Be kind", 0.5, more["tools"])


# Anthropic's complete, and the counting of tokens


def test_a_legacy_completion_has_anthropics_shape():
    told = loaded(claude("complete", model="claude-2.1", prompt=DIALOGUE, max_tokens_to_sample=50))
    identity = told["id"]
    assert identity.startswith("compl_")
    assert told == {
        "type": "completion",
        "id": identity,
        "completion": " You said: Hello (5 characters, message 1 of our conversation)",
        "stop_reason": "stop_sequence",
        "model": "claude-2.1",
        "stop": "\n\nHuman:",
        "log_id": identity,
    }


@pytest.mark.parametrize(
    "more, reason, stop",
    [
        ({}, "stop_sequence", "\n\nHuman:"),
        ({"stop_sequences": ["Hello"]}, "stop_sequence", "Hello"),
        ({"max_tokens_to_sample": 2}, "max_tokens", None),
    ],
)
def test_a_legacy_stream_put_together_is_the_whole_answer(
    more: dict[str, Any], reason: str, stop: str | None
):
    asked = {"model": "claude-instant-1.2", "prompt": DIALOGUE, "max_tokens_to_sample": 50} | more
    whole = loaded(claude("complete", **asked))
    raw = read(claude("complete", **asked, stream=True)).decode()
    frames = [frame.split("\r\n") for frame in raw.removesuffix("\r\n\r\n").split("\r\n\r\n")]
    told = [json.loads(line.removeprefix("data: ")) for _, line in frames]
    assert [name for name, _ in frames] == [f"event: {event['type']}" for event in told]
    assert [event["type"] for event in told[:3]] == ["completion", "ping", "completion"]
    said = [event for event in told if event["type"] == "completion"]
    assert "".join(event["completion"] for event in said) == whole["completion"]
    assert {event["stop_reason"] for event in said[:-1]} == {None}
    assert (
        (said[-1]["stop_reason"], said[-1]["stop"]) == (reason, stop) == (whole["stop_reason"], whole["stop"])
    )


@pytest.mark.parametrize(
    "more, status, message",
    [
        ({"prompt": "Hello"}, 400, 'prompt must start with "\n\nHuman:" turn'),
        ({"prompt": "\n\nHuman: Hello"}, 400, 'prompt must end with "\n\nAssistant:" turn'),
        ({"prompt": None}, 400, "prompt: Field required"),
        ({"max_tokens_to_sample": None}, 400, "max_tokens_to_sample: Field required"),
        ({"model": "claude-3-haiku-20240307"}, 404, "model: claude-3-haiku-20240307"),
    ],
)
def test_complete_refuses_what_anthropic_refuses(more: dict[str, Any], status: int, message: str):
    told = claude("complete", **({"model": "claude-2", "prompt": DIALOGUE, "max_tokens_to_sample": 9} | more))
    assert (told.status_code, json.loads(read(told))["error"]["message"]) == (status, message)


@pytest.mark.parametrize("path", ["messages", "messages/count_tokens"])
@pytest.mark.parametrize("model", ["claude-2", "claude-2.1", "claude-instant-1.2"])
def test_messages_does_not_know_the_models_of_complete(path: str, model: str):
    told = claude(path, model=model, max_tokens=9, messages=[{"role": "user", "content": "Hello"}])
    assert (told.status_code, json.loads(read(told))["error"]["type"]) == (404, "not_found_error")


def test_as_many_tokens_are_counted_as_the_answer_tells():
    asked = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "x" * 400}]}
    told = loaded(claude("messages/count_tokens", **asked))
    anthropic.types.MessageTokensCount.model_validate(told, strict=True)
    assert told["input_tokens"] == loaded(claude("messages", **asked, max_tokens=9))["usage"]["input_tokens"]


def test_what_only_an_answer_needs_is_refused_where_tokens_are_counted():
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}
    told = claude("messages/count_tokens", **asked)
    assert json.loads(read(told))["error"]["message"] == "max_tokens: Extra inputs are not permitted"


# Attachments


@pytest.mark.parametrize(
    "part, shown",
    [
        ({"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}, "[image] (https://a.b/c.png)"),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            "[image] (image/png, 8 bytes)",
        ),
        ({"type": "file", "file": {"file_id": "file-1"}}, "[document] (file-1)"),
        (
            {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}", "filename": "a"}},
            "[document] (application/pdf, 8 bytes)",
        ),
        ({"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}}, "[audio] (wav, 8 bytes)"),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            "[image] (image/png, 8 bytes)",
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://a.b/c"}}, "[image] (https://a.b/c)"),
        (
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"}},
            "[document] (text/plain, 7 bytes)",
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "Hi"}]}},
            "[document] (text/plain, 2 bytes)",
        ),
        ({"type": "input_image", "image_url": "https://a.b/c.png"}, "[image] (https://a.b/c.png)"),
        ({"type": "image"}, "[image] (nothing in it)"),
        ({"type": "unheard of"}, ""),
    ],
)
def test_an_attachment_is_told_of(part: dict[str, Any], shown: str):
    text = content.text_of([{"type": "text", "text": "Look:"}, part])
    assert text == f"Look: {shown}".strip()


def test_attachments_are_spoken_of_in_every_dialect():
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "Look"}, image]}]
    told = loaded(claude("messages", model="m", max_tokens=99, messages=asked))
    assert told["content"][0]["text"].startswith("You said: Look [image] (image/png, 8 bytes)")
    answered = [{"type": "tool_result", "tool_use_id": "1", "content": [image]}]
    told = loaded(
        claude("messages", model="m", max_tokens=99, messages=[{"role": "user", "content": answered}])
    )
    assert "[image]" in told["content"][0]["text"]
    linked = {"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}
    told = loaded(openai("chat/completions", model="m", messages=[{"role": "user", "content": [linked]}]))
    assert "You said: [image] (https://a.b/c.png)" in told["choices"][0]["message"]["content"]
    linked = {"type": "input_image", "image_url": "https://a.b/c.png"}
    told = loaded(openai("responses", model="m", input=[{"role": "user", "content": [linked]}]))
    assert "[image]" in told["output"][0]["content"][0]["text"]


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda v: st.lists(v) | st.dictionaries(st.text(), v))
)
@settings(max_examples=30)
def test_no_part_is_too_strange_to_be_told_of(strange: Any):
    for kind in content.MARKS:
        assert isinstance(content.text_of([{"type": kind, "source": strange, "data": strange}, strange]), str)


# The echo


@pytest.mark.parametrize("base", [OPENAI, ANTHROPIC])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_the_echo_tells_what_arrived(base: str, method: str):
    told = loaded(ask(f"{base}echo/a%2Fb?x=1&x=%20", b"\r\n{ }", method, kind="x/y", **{"X-Made-Up": "Z"}))
    assert (told["method"], told["query"]) == (method, "x=1&x=%20")
    assert (told["body"], told["encoding"]) == ("\r\n{ }", "utf-8")
    assert (told["headers"]["x-made-up"], told["headers"]["content-type"]) == ("Z", "x/y")
    assert told["headers"]["authorization"] == "present"


def test_the_echo_tells_bytes_that_are_no_text():
    told = loaded(ask(f"{OPENAI}echo", b"\xff\0"))
    assert (told["path"], told["encoding"]) == (f"{OPENAI}echo", "base64")
    assert base64.b64decode(told["body"]) == b"\xff\0"


def test_no_key_is_echoed():
    for name in ("authorization", "x-api-key"):
        token = KEY if name == "x-api-key" else f"Bearer {KEY}"
        told = read(Client().post(f"{ANTHROPIC}echo", headers={name: token}))
        assert KEY.encode() not in told
        assert json.loads(told)["headers"][name] == "present"


# Manners, at every door


ROOMS = [
    ("openai", "completions", {"model": "m", "prompt": "@"}),
    ("openai", "completions", {"model": "@", "prompt": "Hi"}),
    ("openai", "embeddings", {"model": "m", "input": ["Hi", "@"]}),
    ("openai", "embeddings", {"model": "@", "input": [1, 2]}),
    ("openai", "responses", {"model": "m", "input": "@"}),
    ("openai", "images/generations", {"prompt": "@"}),
    ("openai", "moderations", {"input": "@"}),
    ("openai", "audio/speech", {"model": "m", "voice": "alloy", "input": "@"}),
    ("openai", "models?model=@", None),
    ("openai", "models/@", None),
    ("openai", "files?model=@", None),
    ("openai", "files/file-1/content?model=@", None),
    ("openai", "echo?model=@", None),
    ("anthropic", "models/@", None),
    ("anthropic", "models?model=@", None),
    (
        "anthropic",
        "complete",
        {"model": "claude-2", "prompt": "\n\nHuman: @\n\nAssistant:", "max_tokens_to_sample": 9},
    ),
    ("anthropic", "messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "@"}]}),
]


def ordered(provider: str, path: str, body: Any, manner: str) -> HttpResponseBase:
    """The endpoint asked to misbehave, in the model's name or in the text, where the @ stands."""
    word, _, number = manner.partition(" ")
    named = f"sandbox-{word}-{number}"
    told = json.dumps(body).replace("@", named if '"model": "@"' in json.dumps(body) else f"[[{manner}]]")
    address = f"/sandbox/{provider}/v1/{path.replace('@', named)}"
    return ask(address, None if body is None else told.encode(), "GET" if body is None else "POST")


@pytest.mark.parametrize("provider, path, body", ROOMS)
def test_every_endpoint_takes_orders(provider: str, path: str, body: Any):
    refused = ordered(provider, path, body, "status 429")
    kind = {"openai": "requests", "anthropic": "rate_limit_error"}[provider]
    assert (refused.status_code, json.loads(read(refused))["error"]["type"]) == (429, kind)


@pytest.mark.parametrize("provider, path, body", [room for room in ROOMS if "models/" not in room[1]])
def test_every_answer_can_be_broken(provider: str, path: str, body: Any):
    assert read(ordered(provider, path, body, "garbage 0")).startswith(b"<!DOCTYPE html>")
    with pytest.raises(ConnectionResetError):
        read(ordered(provider, path, body, "cut 1"))


@pytest.mark.parametrize(
    "address, body",
    [
        (f"{OPENAI}completions", {"model": "m", "prompt": "[[error-event 2]]"}),
        (f"{OPENAI}responses", {"model": "m", "input": "[[error-event 2]]"}),
        (
            f"{ANTHROPIC}complete",
            {
                "model": "claude-2",
                "prompt": "\n\nHuman: [[error-event 2]]\n\nAssistant:",
                "max_tokens_to_sample": 9,
            },
        ),
    ],
)
def test_every_stream_can_break_off_in_an_error(address: str, body: dict[str, Any]):
    *before, last = data(ask(address, body | {"stream": True}))
    assert len(before) == 2
    assert "error" in last or last["type"] == "error"


@pytest.mark.parametrize("room", ["completions", "embeddings", "responses"])
def test_an_answer_without_counts_can_be_ordered(room: str):
    asked = {"model": "sandbox-no-usage", "prompt": "Hi", "input": "Hi"}
    assert not loaded(openai(room, **asked)).get("usage")


@pytest.mark.parametrize(
    "method, address, status",
    [
        ("GET", f"{OPENAI}completions", 405),
        ("DELETE", f"{OPENAI}files", 405),
        ("POST", f"{OPENAI}models", 405),
        ("GET", f"{OPENAI}models/unheard-of", 404),
        ("GET", f"{OPENAI}files/unheard-of", 404),
        ("GET", f"{OPENAI}echoes", 404),
        ("GET", f"{ANTHROPIC}complete", 405),
        ("GET", f"{ANTHROPIC}models/unheard-of", 404),
        ("POST", f"{OPENAI}embeddings", 400),
        ("POST", f"{OPENAI}files", 400),
        ("POST", f"{OPENAI}audio/transcriptions", 400),
        ("POST", f"{OPENAI}images/generations", 400),
        ("POST", f"{OPENAI}moderations", 400),
        ("POST", f"{OPENAI}audio/speech", 400),
        ("POST", f"{OPENAI}responses", 400),
        ("POST", f"{ANTHROPIC}complete", 400),
    ],
)
def test_a_mistaken_request_is_answered_in_the_providers_words(method: str, address: str, status: int):
    for body in (None if method == "GET" else {}, b"[" * 100_000):
        told = ask(address, body, method)
        assert (told.status_code, "error" in json.loads(read(told))) == (status, True)


STRANGE = st.recursive(
    st.none() | st.text() | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["type", "text", "content", "source", "role"]) | st.text(), inner)
    ),
)
SOURCES = [file.read_text() for file in Path(content.__file__).parent.glob("*.py")]
NAMES = sorted({name for source in SOURCES for name in re.findall(r'get\("(\w+)"', source)} - {"model"})
DOORS = [f"/sandbox/{p}/v1/{path}" for p, path, body in ROOMS if body] + [
    f"{OPENAI}chat/completions",
    f"{ANTHROPIC}messages",
]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(DOORS), st.dictionaries(st.sampled_from(NAMES), STRANGE))
def test_no_request_is_too_strange_to_be_answered(address: str, strange: dict[str, Any]):
    named = {"model": "claude-2" if address.endswith("complete") else "m", "max_tokens": 9}
    needed = {"messages": [{"role": "user", "content": "Hi"}], "input": "Hi", "prompt": DIALOGUE}
    told = ask(address, needed | named | {"max_tokens_to_sample": 9} | strange)
    assert told.status_code in (200, 400)
    read(told)


@pytest.mark.parametrize(
    "path, fields, files",
    [
        ("files", {"purpose": "batch"}, {}),
        ("files", {"purpose": "fun"}, FILE),
        ("audio/transcriptions", {}, FILE),
        ("audio/transcriptions", {"model": "m", "response_format": "srt"}, FILE),
    ],
)
def test_a_form_that_lacks_something_is_refused(path: str, fields: dict[str, str], files: dict[str, Any]):
    told = posted(path, fields, **files)
    assert (told.status_code, json.loads(read(told))["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("completions", {"model": "m", "prompt": ["x"] * 129}, 400),
        ("moderations", {"input": ["x"] * 129}, 400),
        ("embeddings", {"model": "m", "input": [[1] * 100_000] * 4}, 400),
        ("echo", {"x": "x" * (8 << 20)}, 413),
        ("responses", {"model": "m", "input": "x" * (8 << 20)}, 413),
    ],
)
def test_what_would_hold_others_up_is_refused(path, body, status):
    began = time.process_time()
    assert ask(OPENAI + path, body).status_code == status
    assert time.process_time() - began < 1


def test_of_a_form_without_end_the_first_parts_are_read():
    many = b"--x\r\na: b\r\n\r\nc\r\n" * 200_000
    began = time.process_time()
    assert ask(f"{OPENAI}files", many, kind="multipart/form-data; boundary=x").status_code == 400
    assert time.process_time() - began < 1
