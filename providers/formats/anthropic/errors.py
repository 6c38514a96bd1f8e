"""Anthropic's errors: {type: "error", error: {type, message, details}, request_id}, answered or streamed.

https://docs.anthropic.com/en/api/errors
"""

from typing import Any

from providers.json_text import loads
from providers.passing import MISSHAPEN
from providers.problems import prefixed, problem_of
from providers.types import Problem

STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def read_problem(slug: str, status: int, body: bytes) -> Problem:
    """What the body of an error answer says."""
    try:
        return streamed_problem(slug, loads(body)["error"], status=None)
    except MISSHAPEN:
        return problem_of(slug, body)


def streamed_problem(slug: str, error: Any, status: int | None = 0) -> Problem:
    """What an error object says; its status goes by its type unless one is given."""
    details = error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    status = STATUS.get(error["type"], 500) if status == 0 else status
    return Problem(prefixed(slug, error["message"]), error["type"], code=code, status=status)
