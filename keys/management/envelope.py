"""Errors of the management API, in one shape that both SDKs of Portkey read (control-plane, 2.3)."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.core.exceptions import ValidationError as Invalid
from django.http import Http404
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.exceptions import PermissionDenied as NotAllowed
from rest_framework.response import Response

from keys.authentication import ApiKeyAuthentication
from keys.errors import DirectoryAway, KeyRefused

CODES = {400: "AB01", 401: "AB05", 402: "AB09", 403: "AB03", 404: "AB08", 409: "AB07", 429: "AB06"}
TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}

log = logging.getLogger(__name__)


def failed(error: Exception, context: Mapping[str, Any]) -> Response:
    """The answer to any exception of a management view, in DRF's terms."""
    known = as_api_exception(error)
    if known is None:
        log.error("A call of the management API failed inside the gateway", exc_info=error)
        return Response(envelope(500, "Something went wrong"), status=500)
    status, headers = known.status_code, headers_of(known)
    if status == 405:
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    return Response(envelope(status, message_of(known)), status=status, headers=headers)


def as_api_exception(error: Exception) -> APIException | None:
    """`error` in DRF's terms; None if nobody foresaw it."""
    match error:
        case APIException():
            return error
        case Http404():
            return NotFound()
        case PermissionDenied():
            return NotAllowed()
        case Invalid():
            return ValidationError(by_field(error))
    return None


def by_field(error: Invalid) -> Any:
    """What is wrong, of each field it is wrong of."""
    return error.message_dict if hasattr(error, "error_dict") else error.messages


def message_of(error: APIException) -> str:
    if isinstance(error, KeyRefused | DirectoryAway):
        return error.message
    return " ".join(texts(error.detail))


def texts(detail: Any) -> list[str]:
    """The sentences in DRF's details, which nest lists and objects; a field's are told with its name."""
    if isinstance(detail, Mapping):
        return [named(name, text) for name, value in detail.items() for text in texts(value)]
    if isinstance(detail, list | tuple):
        return [text for value in detail for text in texts(value)]
    return [str(detail)]


def named(name: object, text: str) -> str:
    return text if name == NON_FIELD_ERRORS else f"{name}: {text}"


def headers_of(error: APIException) -> dict[str, str]:
    headers = {}
    if (wait := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(wait)
    if error.status_code == 401:
        headers["WWW-Authenticate"] = ApiKeyAuthentication.challenge
    return headers


def envelope(status: int, message: str) -> dict[str, Any]:
    code = CODES.get(status, "AB04" if status >= 500 else "AB01")
    kind = TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {
        "success": False,
        "status": "failure",
        "message": message,
        "error": {"message": message, "type": kind, "param": None, "code": code},
        "data": {"message": message, "errorCode": code},
    }
