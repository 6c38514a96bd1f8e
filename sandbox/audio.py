"""OpenAI's audio: speech is a hum for each word, a transcription tells of the file that came. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/audio.
"""

import struct

from sandbox import form, room
from sandbox.manners import Manners, manners
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Mistaken

RATE = 8_000  # samples, of a byte each, in a second
PERIOD = b"\x60" * 10 + b"\xa0" * 10  # 400 Hz
PERIODS_OF_A_WORD = 20  # 50 ms
MOST_WORDS = 40


def spoken(arrived: Arrived) -> Reply:
    """Speech: a WAV file, whatever format is asked for."""
    body = arrived.fields()
    for name in ("model", "input", "voice"):
        if not body.get(name):
            message = f"Missing required parameter: '{name}'."
            raise Mistaken(message, param=name, code="missing_required_parameter")
    told, text = manners(str(body["model"]), str(body["input"]))
    words = min(max(len(text.split()), 1), MOST_WORDS)
    return Reply(told, (wave(PERIOD * PERIODS_OF_A_WORD * words),), "audio/wav")


def wave(samples: bytes) -> bytes:
    told = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE, 1, 8)
    told += struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(told), b"WAVE") + told


def transcribed(arrived: Arrived) -> Reply:
    """A transcription or a translation, as JSON, verbose JSON or plain text."""
    parts = form.parts(arrived.headers.get("content-type", ""), arrived.body)
    file, model = form.file(parts), form.field(parts, "model")
    if not model:
        message = "you must provide a model parameter"
        raise Mistaken(message, param="model", code="missing_required_parameter")
    told, _ = manners(model, form.field(parts, "prompt"))
    text = f"This is {file.filename}, {len(file.data)} bytes."
    match form.field(parts, "response_format", "json"):
        case "json":
            return room.whole(told, {"text": text} | duration(told))
        case "text":
            return Reply(told, (f"{text}\n".encode(errors="replace"),), "text/plain; charset=utf-8")
        case "verbose_json":
            head = {"task": "transcribe", "language": "english", "duration": 1.0}
            return room.whole(told, head | {"text": text, "segments": []} | duration(told))
    message = "Invalid value: 'response_format'. Supported values are: 'json', 'text' and 'verbose_json'."
    raise Mistaken(message, param="response_format", code="invalid_value")


def duration(told: Manners) -> JSON:
    return {} if told.no_usage else {"usage": {"type": "duration", "seconds": 1}}
