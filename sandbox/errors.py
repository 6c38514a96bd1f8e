"""The bodies of errors, in the words of each provider. Pure."""

from sandbox.speech import JSON

OPENAI_TYPES = {401: "invalid_request_error", 403: "permission_error", 429: "requests"}
OPENAI_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
BROKEN = "The server had an error while processing your request."


def openai(status: int, message: str, param: str | None = None, code: str | None = None) -> JSON:
    """Type and code are those OpenAI gives the status."""
    kind = OPENAI_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    told = {"message": message, "type": kind, "param": param, "code": code or OPENAI_CODES.get(status)}
    return {"error": told}


def anthropic(status: int, message: str, param: str | None = None, code: str | None = None) -> JSON:
    """The type is what Anthropic gives the status, which is all it tells a program: neither the
    parameter nor a code."""
    kind = ANTHROPIC_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sandbox"}


def overloaded() -> JSON:
    """What Anthropic says in the middle of a stream."""
    return anthropic(529, "Overloaded")
