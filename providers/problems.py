"""A provider's error in one shape, whatever its body is.

Most providers answer {"error": {message, type, param, code}}; others a text, {"message"}, {"detail"},
a list of one, HTML or nothing. A format whose errors say more reads them itself and comes here for the rest.
"""

from collections.abc import Callable
from typing import Any

from providers.json_text import dumps, loads
from providers.types import JSON, Problem

SHOWN = 1000  # characters of a body nobody understands


def problem_of(slug: str, body: bytes) -> Problem:
    """What the body of an error answer says."""
    return _problem_of(slug, body, lambda said: said)


def explaining(explained: Callable[[JSON], JSON]) -> Callable[[str, int, bytes], Problem]:
    """The same for a provider whose errors `explained` puts in plainer words, as a format's `problems`."""
    return lambda slug, status, body: _problem_of(slug, body, explained)


def _problem_of(slug: str, body: bytes, explained: Callable[[JSON], JSON]) -> Problem:
    try:
        said = loads(body)
        error = _error_in(explained(said) if isinstance(said, dict) else said)
        return _told(slug, error) or unreadable(slug, body)
    except (ValueError, RecursionError):  # no JSON, or nested deeper than can be written again
        return unreadable(slug, body)


def _error_in(said: Any) -> Any:
    if isinstance(said, list) and said:
        said = said[0]
    error = said.get("error") or said.get("detail") or said if isinstance(said, dict) else None
    return error[0] if isinstance(error, list) and error else error


def told(slug: str, error: object) -> Problem:
    """What an error object, or text, inside an answer says."""
    try:
        return _told(slug, error) or unreadable(slug, dumps(error))
    except RecursionError:
        return unreadable(slug, b"an error that is nested too deeply")


def _told(slug: str, error: Any) -> Problem | None:
    if isinstance(error, str):
        return Problem(prefixed(slug, error))
    if not isinstance(error, dict):
        return None
    message = error.get("message") or error.get("msg")
    if not message:
        return None
    if isinstance(error.get("loc"), list):  # FastAPI's way of naming a field
        message = f"{'.'.join(map(str, error['loc']))}: {message}"
    return Problem(prefixed(slug, message), _text(error, "type"), _text(error, "param"), _code(error))


def unreadable(slug: str, body: bytes) -> Problem:
    """For a body nobody understands: as much of it as helps."""
    shown = body[: SHOWN * 4].decode("utf-8", "replace")[:SHOWN]
    return Problem(f"Invalid response received from {slug}: {shown}")


def invalid(slug: str, data: bytes) -> Problem:
    """For an event or an answer that cannot be read."""
    shown = unreadable(slug, data)
    return Problem(shown.message, type="invalid_response", status=502)


def prefixed(slug: str, message: Any) -> str:
    text = message if isinstance(message, str) else dumps(message).decode()
    return f"{slug} error: {text}"


def _text(error: JSON, name: str) -> str | None:
    value = error.get(name)
    return value if isinstance(value, str) else None


def _code(error: JSON) -> str | int | None:
    code = error.get("code")
    return code if isinstance(code, str | int) and not isinstance(code, bool) else None
