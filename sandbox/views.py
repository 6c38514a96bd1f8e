"""The sandbox's addresses: check the key, find the room, send its answer on its way."""

import hmac
import os
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from sandbox import (
    audio,
    chat,
    complete,
    completions,
    echo,
    embeddings,
    errors,
    files,
    images,
    listing,
    messages,
    moderations,
    responses,
    stage,
)
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Mistaken
from sandbox.tick import TICKER

Room: TypeAlias = Callable[[Arrived], Reply]
Error: TypeAlias = Callable[[int, str, str | None, str | None], JSON]
Table: TypeAlias = tuple[tuple[str, str, Room], ...]

ANY = ""
# Method, path and what plays it; the first row that fits. A group in the path is the name in it.
OPENAI: Table = (
    ("POST", "chat/completions", chat.play),
    ("POST", "completions", completions.play),
    ("POST", "embeddings", embeddings.play),
    ("POST", "responses", responses.play),
    ("POST", "moderations", moderations.play),
    ("POST", "images/generations", images.play),
    ("POST", "audio/speech", audio.spoken),
    ("POST", "audio/transcriptions", audio.transcribed),
    ("POST", "audio/translations", audio.transcribed),
    ("GET", "models", listing.openai_models),
    ("GET", "models/(.+)", listing.openai_model),
    ("POST", "files", files.upload),
    ("GET", "files", files.listing),
    ("GET", "files/(.+)/content", files.content),
    ("GET", "files/(.+)", files.metadata),
    ("DELETE", "files/(.+)", files.deletion),
    (ANY, "echo(?:/.*)?", echo.play),
)
ANTHROPIC: Table = (
    ("POST", "messages", messages.play),
    ("POST", "messages/count_tokens", messages.count),
    ("POST", "complete", complete.play),
    ("GET", "models", listing.anthropic_models),
    ("GET", "models/(.+)", listing.anthropic_model),
    (ANY, "echo(?:/.*)?", echo.play),
)
ABOUT = """This is the sandbox: a pretend provider, so that all can be tried without a real key.

/sandbox/openai/v1/…       speaks OpenAI's API: chat, completions, embeddings and more
/sandbox/anthropic/v1/…    speaks Anthropic's: messages, complete, models

It answers to the gateway's own sandbox keys alone. docs/sandbox.md has the addresses, and says how to
make it misbehave.
"""


def about(_: HttpRequest) -> HttpResponse:
    return HttpResponse(ABOUT, content_type="text/plain; charset=utf-8")


@csrf_exempt
def openai(request: HttpRequest, path: str) -> HttpResponseBase:
    """OpenAI's API, as far as it goes."""
    if not admitted(bearer(request)):
        return stage.refused(401, errors.openai(401, "Incorrect API key provided."))
    match sought(OPENAI, request.method or "", path):
        case room, name:
            return played(request, room, name, errors.openai)
        case 405:
            message = f"Not allowed to {request.method} on /v1/{path}."
            return stage.refused(405, errors.openai(405, message, code="method_not_supported"))
        case _:
            message = f"Invalid URL ({request.method} /v1/{path})"
            return stage.refused(404, errors.openai(404, message, code="unknown_url"))


@csrf_exempt
def anthropic(request: HttpRequest, path: str) -> HttpResponseBase:
    """Anthropic's API, as far as it goes."""
    token = request.headers.get("x-api-key", "")
    if not admitted(token or bearer(request)):
        message = "invalid x-api-key" if token else "Invalid bearer token"
        return stage.refused(401, errors.anthropic(401, message))
    match sought(ANTHROPIC, request.method or "", path):
        case room, name:
            if room is not echo.play and not request.headers.get("anthropic-version"):
                return stage.refused(400, errors.anthropic(400, "anthropic-version: header is required"))
            return played(request, room, name, errors.anthropic)
        case 405:
            return stage.refused(405, errors.anthropic(405, "Method Not Allowed"))
        case _:
            return stage.refused(404, errors.anthropic(404, "Not Found"))


def bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def admitted(token: str) -> bool:
    return hmac.compare_digest(token.encode(errors="replace"), settings.SANDBOX_KEY.encode())


def sought(table: Table, method: str, path: str) -> tuple[Room, str] | int:
    """The room, and the name in the path; else the status that says why there is none."""
    status = 404
    for allowed, pattern, room in table:
        found = re.fullmatch(pattern, path, re.DOTALL)
        if found and allowed in (ANY, method):
            return room, found[1] if found.groups() else ""
        status = 405 if found else status
    return status


def played(request: HttpRequest, room: Room, name: str, error: Error) -> HttpResponseBase:
    """The answer of `room`, or the error it ends in, in the provider's words."""
    try:
        reply = room(arrived(request, name))
    except TooLarge:
        return stage.refused(413, error(413, "The request is too large.", None, None))
    except Mistaken as wrong:
        return stage.refused(wrong.status, error(wrong.status, wrong.message, wrong.param, wrong.code))
    told = reply.manners
    if told.status == 200:
        return stage.send(request, reply)
    stage.pause(told)
    return stage.refused(told.status, error(told.status, stage.phrase(told.status), None, None), told)


def arrived(request: HttpRequest, name: str) -> Arrived:
    target = request.META.get("RAW_URI") or f"{quote(request.path)}?{request.META.get('QUERY_STRING', '')}"
    headers = {header.lower(): value for header, value in request.headers.items()}
    return Arrived(request.method or "", target, name, headers, read(request))


class TooLarge(Exception):
    """The body is longer than MAX_BODY_MB."""


def read(request: HttpRequest) -> bytes:
    """The body, chunked or not; Django's own `request.body` is empty for the former."""
    most = int(settings.MAX_BODY_MB * 1_048_576)
    length = request.META.get("CONTENT_LENGTH")
    if not length and not request.META.get("wsgi.input_terminated"):
        return b""
    body: bytes = request.META["wsgi.input"].read(min(int(length), most + 1) if length else most + 1)
    if len(body) > most:
        raise TooLarge
    return body


def tick(request: HttpRequest) -> HttpResponse:
    """The worst lateness of this worker's tick since the last question, in milliseconds."""
    if not admitted(bearer(request)):
        return JsonResponse({"error": "The sandbox key is needed."}, status=401)
    worst, ticks = TICKER.ask()
    return JsonResponse({"pid": os.getpid(), "worst_ms": round(worst * 1000, 3), "ticks": ticks})
