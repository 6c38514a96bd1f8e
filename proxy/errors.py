"""Every failure in the client's terms: the one place where an error body is written.

Which envelope goes with what is Portkey's: E1 for what the gateway refuses, E2 for keys and scopes, E3 for
a provider's own errors, E3g (E3 without `provider`) for clocks and a virtual key's limits, E5 for an unknown
path. No answer here is HTML, and each carries a trace id.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, MethodNotAllowed

from keys.authentication import ApiKeyAuthentication
from keys.errors import DirectoryAway, KeyRefused
from logs import journal
from providers.errors import Garbled, NotSupported, ProviderError, TimedOut
from providers.types import JSON, Problem
from proxy.watch import Stopping

TRACE = "gatehouse.trace"  # where the WSGI environment keeps the id of the call's trace
TRACE_HEADER = "x-portkey-trace-id"
CLOCK = "timeout_error"
# https://docs.anthropic.com/en/api/errors
ANTHROPICS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
E2_TYPE = "application/json;charset=UTF-8"

log = logging.getLogger(__name__)


class InvalidRequest(APIException):
    """The client's request cannot be carried out as it stands."""

    status_code = 400
    default_code = "invalid_request"


class InvalidConfig(InvalidRequest):
    """A config breaks rules; `errors` tells where, a line each, `facts` which it is, for the record."""

    default_code = "invalid_config"

    def __init__(self, errors: list[str], facts: Mapping[str, Any]) -> None:
        super().__init__("Invalid config passed")
        self.errors, self.facts = errors, facts

    def __str__(self) -> str:
        """As the record has it."""
        return f"{self.detail}: {'; '.join(self.errors)}"


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "too_large"

    def __init__(self, limit: float) -> None:
        super().__init__(f"Payload size exceeds the limit of {limit:g}MB")


class BodyTooComplex(APIException):
    status_code = 413
    default_code = "too_complex"
    default_detail = "The body is too complex to be read."


class NotBuilt(APIException):
    status_code = 501
    default_code = "not_built"


class LoopFound(APIException):
    status_code = 508
    default_code = "loop"
    default_detail = "This call came from this gateway itself: a custom host points back at it."


class TooSlow(APIException):
    """The call took all its time before anything could be asked of a provider."""

    status_code = 408
    default_code = "timeout"
    default_detail = "The request did not arrive in time."


class NoRoom(APIException):
    """The journal cannot take the call, so it is not begun: nothing goes through unrecorded."""

    status_code = 503
    default_code = "no_room"
    default_detail = "The gateway cannot keep a record of calls at the moment. Try again shortly."
    retry_after = 5


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """The answer to any exception of a data route, in DRF's terms."""
    request: HttpRequest = context["request"]
    headers = {}
    if (wait := getattr(error, "retry_after", None)) is not None:
        headers["retry-after"] = str(wait)
    if isinstance(error, MethodNotAllowed):
        headers["allow"] = ", ".join(context["view"].allowed_methods)
    if isinstance(error, KeyRefused | DirectoryAway):
        if error.status_code == 401:
            headers["www-authenticate"] = ApiKeyAuthentication.challenge
        body = typed(request, error.status_code, key_refused(error))
        return answer(request, error.status_code, body, E2_TYPE, headers)
    if isinstance(error, APIException):
        told = failure(str(error.detail))
        if isinstance(error, InvalidConfig):
            told["errors"] = error.errors
        body = typed(request, error.status_code, told)
        return answer(request, error.status_code, body, headers=headers)
    if isinstance(error, Stopping):
        return answer(request, 503, failure("The gateway is shutting down."), headers={"retry-after": "5"})
    log.error("A call failed inside the gateway", exc_info=error)
    return answer(request, 500, failure("Something went wrong"))


def typed(request: HttpRequest, status: int, body: JSON) -> JSON:
    """The body, on a path of Anthropic's Messages with what its clients look for beside."""
    if "/messages" not in request.path_info:
        return body
    error = {"type": ANTHROPICS.get(status, "api_error"), "message": body["message"], **body.get("error", {})}
    return {"type": "error", **body, "error": error}


def not_found(request: HttpRequest) -> HttpResponse:
    """E5: no such path."""
    return answer(request, 404, {"message": "Not Found", "ok": False})


def answer(
    request: HttpRequest,
    status: int,
    body: JSON,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A JSON reply with its trace id."""
    response = HttpResponse(dump(body), content_type=content_type, status=status)
    response[TRACE_HEADER] = trace_id(request)
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def trace_id(request: HttpRequest) -> str:
    """The call's trace id if it got that far, else the client's own, else a new one."""
    known: str = request.META.get(TRACE) or request.META.get("HTTP_X_PORTKEY_TRACE_ID") or journal.new_id()
    return known


def failure(message: str) -> JSON:
    """E1."""
    return {"status": "failure", "message": message}


def key_refused(error: KeyRefused | DirectoryAway) -> JSON:
    """E2."""
    return {
        "status": "failure",
        "message": error.message,
        "error": {"message": error.message, "code": error.code},
    }


def problem_of(error: ProviderError, slug: str) -> Problem:
    """A failure on the way to a provider, told as a provider's error would be."""
    kind = CLOCK if isinstance(error, TimedOut) else error.code
    named = isinstance(error, TimedOut | NotSupported | Garbled)
    return Problem(error.message if named or not slug else f"{slug} error: {error.message}", kind)


def envelope(problem: Problem, slug: str = "") -> JSON:
    """E3; E3g, without `provider`, where no slug is given and for our own clocks."""
    inner = {
        "message": problem.message,
        "type": problem.type,
        "param": problem.param,
        "code": problem.code,
    }
    ours = not slug or problem.type == CLOCK
    return {"error": inner} if ours else {"error": inner, "provider": slug}


def dump(body: JSON) -> bytes:
    """An error body as bytes; a text that UTF-8 cannot hold is escaped."""
    try:
        return orjson.dumps(body)
    except TypeError:
        return json.dumps(body).encode()


def event(problem: Problem, slug: str) -> bytes:
    """What a chat client sees when its stream fails after the first content: an error, and then no [DONE]."""
    return b"data: " + dump(envelope(problem, slug)) + b"\n\n"
