"""A provider's list of models, told in one form whoever it comes from: OpenAI's.

Every model has `id`, `object`, `created` (seconds; 0 where nobody says) and `owned_by`; what else a provider
says of it stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from providers import problems
from providers.errors import Garbled, NotSupported
from providers.json_text import dumps, loads
from providers.problems import invalid, told
from providers.types import JSON, Ask, Problem, Provider, Reading

REMEMBERED = 2000  # names for the record
LONGEST = 256  # characters of one


@dataclass(frozen=True, slots=True)
class ModelList:
    """The format of a list: an object that holds it in `data` or `models`, or the list itself."""

    def passes(self, dialect: str) -> bool:
        return False

    def body(self, provider: Provider, ask: Ask) -> tuple[bytes, tuple[str, ...]]:
        return b"", ()

    def answer(self, provider: Provider, ask: Ask, body: bytes, reading: Reading) -> bytes:
        said = _parsed(provider, body)
        if isinstance(said, dict) and said.get("error"):
            reading.problem = replace(told(provider.slug, said["error"]), status=502)
        listed = said if isinstance(said, list) else said.get("data") or said.get("models") or []
        if not isinstance(listed, list):
            raise Garbled(invalid(provider.slug, body).message)
        models = [_model(provider, model) for model in listed if isinstance(model, dict)]
        rest = said if isinstance(said, dict) else {}
        answer = {**rest, "object": "list", "data": models, "provider": provider.slug}
        if not rest.get("has_more") and "?" not in ask.path:  # else it is a part, and not all there are
            reading.models = tuple(model["id"][:LONGEST] for model in models[:REMEMBERED])
        reading.content = reading.ended = True
        try:
            return dumps(answer)
        except RecursionError as error:
            raise Garbled(invalid(provider.slug, body).message) from error

    def stream(
        self, provider: Provider, ask: Ask, chunks: Iterable[bytes], reading: Reading
    ) -> Iterator[bytes]:
        raise NotSupported(f"A list of models is not streamed by {provider.slug}.")

    def problem(self, provider: Provider, status: int, body: bytes) -> Problem:
        return problems.problem_of(provider.slug, body)


def _parsed(provider: Provider, body: bytes) -> Any:
    try:
        said = loads(body)
    except ValueError:
        said = None
    if not isinstance(said, dict | list):
        raise Garbled(invalid(provider.slug, body).message)
    return said


def _model(provider: Provider, model: JSON) -> JSON:
    name = str(model.get("id") or model.get("name") or "")
    owner = model.get("owned_by") or model.get("organization") or provider.slug
    return {**model, "id": name, "object": "model", "created": _created(model), "owned_by": owner}


def _created(model: JSON) -> int:
    """Seconds since 1970, from a number or a date as Anthropic writes it."""
    created = model.get("created")
    try:
        if isinstance(created, int | float):
            return int(created)  # NaN and the infinities are none
        return int(datetime.fromisoformat(str(model.get("created_at"))).timestamp())
    except (ValueError, OverflowError):
        return 0
