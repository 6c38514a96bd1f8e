"""The sandbox's addresses: check the key, read the question, send the answer on its way."""

import hmac
import json
import os
from types import ModuleType
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from sandbox import chat, messages, stage
from sandbox.speech import Mistaken, answer
from sandbox.tick import TICKER

ABOUT = """This is the sandbox: a pretend provider, so that all can be tried without a real key.

/sandbox/openai/v1/chat/completions    speaks OpenAI's chat completions
/sandbox/anthropic/v1/messages         speaks Anthropic's messages

It answers to the gateway's own sandbox keys alone. docs/sandbox.md says how to make it misbehave.
"""


def about(_: HttpRequest) -> HttpResponse:
    return HttpResponse(ABOUT, content_type="text/plain; charset=utf-8")


@csrf_exempt
def openai(request: HttpRequest, path: str) -> HttpResponseBase:
    """OpenAI's API, as far as it goes."""
    if not admitted(bearer(request)):
        return stage.refused(401, chat.error(401, "Incorrect API key provided."))
    if path != "chat/completions":
        message = f"Invalid URL ({request.method} /v1/{path})"
        return stage.refused(404, chat.error(404, message, code="unknown_url"))
    if request.method != "POST":
        message = f"Not allowed to {request.method} on /v1/{path}."
        return stage.refused(405, chat.error(405, message, code="method_not_supported"))
    return played(request, chat)


@csrf_exempt
def anthropic(request: HttpRequest, path: str) -> HttpResponseBase:
    """Anthropic's API, as far as it goes."""
    token = request.headers.get("x-api-key", "")
    if not admitted(token or bearer(request)):
        message = "invalid x-api-key" if token else "Invalid bearer token"
        return stage.refused(401, messages.error(401, message))
    if path != "messages":
        return stage.refused(404, messages.error(404, "Not Found"))
    if request.method != "POST":
        return stage.refused(405, messages.error(405, "Method Not Allowed"))
    if not request.headers.get("anthropic-version"):
        return stage.refused(400, messages.error(400, "anthropic-version: header is required"))
    return played(request, messages)


def bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def admitted(token: str) -> bool:
    return hmac.compare_digest(token.encode(errors="replace"), settings.SANDBOX_KEY.encode())


def played(request: HttpRequest, dialect: ModuleType) -> HttpResponseBase:
    """The answer in the words of `dialect`, which is chat.py or messages.py."""
    try:
        body = json.loads(read(request))
    except TooLarge:
        return stage.refused(413, dialect.error(413, "The request is too large."))
    except ValueError as wrong:
        message = f"We could not parse the JSON body of your request: {wrong}"
        return stage.refused(400, dialect.error(400, message))
    try:
        asked = dialect.question(body)
    except Mistaken as wrong:
        told = dialect.error(400, wrong.message, param=wrong.param, code=wrong.code)
        return stage.refused(400, told)
    told = asked.manners
    if told.status != 200:
        stage.pause(told)
        return stage.refused(told.status, dialect.error(told.status, stage.phrase(told.status)), told)
    said: Any = (dialect.events if asked.stream else dialect.whole)(body, asked, answer(asked))
    return stage.send(request, told, said, dialect.error_event())


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
