"""Mistral's errors: {object, message, type, param, code}; what it cannot validate, FastAPI's {detail: [...]},
alone or as the message of the former.
"""

from typing import Any

from providers.json_text import dumps, loads
from providers.problems import problem_of
from providers.types import JSON, Problem


def read_problem(slug: str, status: int, body: bytes) -> Problem:
    """What the body of an error answer says: every detail of it."""
    try:
        said = loads(body)
    except ValueError:
        return problem_of(slug, body)
    if not isinstance(said, dict):
        return problem_of(slug, body)
    message = said.get("message")
    details = said.get("detail") or (message.get("detail") if isinstance(message, dict) else None)
    if not isinstance(details, list) or not all(map(_is_detail, details)):
        return problem_of(slug, body)
    head = {name: said[name] for name in ("type", "param", "code") if said.get(name) is not None}
    try:
        told = {"type": details[0].get("type"), **head, "message": "; ".join(map(_sentence, details))}
        return problem_of(slug, dumps(told))
    except RecursionError:
        return problem_of(slug, body)


def _is_detail(detail: Any) -> bool:
    return isinstance(detail, dict) and isinstance(detail.get("msg"), str)


def _sentence(detail: JSON) -> str:
    place = ".".join(map(str, detail.get("loc") or ()))
    return f"{place}: {detail['msg']}" if place else detail["msg"]
