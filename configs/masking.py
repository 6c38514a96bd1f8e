"""A config as it may be kept and shown: without the credentials that one in a request may hold."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from configs import fields
from configs.lines import snake_case
from keys import tokens
from providers.json_text import loads

SHORT = 4 * 1024  # characters of a text that is masked once for many calls
LONGEST = 8 * 1024  # characters that are kept
LONGEST_SLUG = 40  # characters
HIDDEN = {"api_key", "apiKey"}
NAMING = {"provider", "virtual_key"}


def masked(text: str) -> str:
    """The config in its sender's own spelling, cut where it is long; "" for what is none."""
    return once(text) if len(text) <= SHORT else told(text)


def told(text: str) -> str:
    try:
        config = hidden(loads(text))
    except (ValueError, RecursionError):
        return ""
    return json.dumps(config, ensure_ascii=False)[:LONGEST]


once = lru_cache(maxsize=512)(told)


def hidden(value: Any) -> Any:
    """Parameters stay as they are: what is in them goes to a provider, and is on record as it was sent."""
    if isinstance(value, list):
        return [hidden(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: mask(inner) if is_secret(name, inner) else member(name, inner) for name, inner in value.items()
    }


def is_secret(name: str, value: Any) -> bool:
    """Whether a member holds a credential; one in the place of a slug is longer than slugs are."""
    if snake_case(name) in NAMING:
        return isinstance(value, str) and len(value) > LONGEST_SLUG
    return name in HIDDEN or fields.is_setting(snake_case(name))


def mask(value: Any) -> str:
    return tokens.hint(value if isinstance(value, str) else json.dumps(value))


def member(name: str, value: Any) -> Any:
    return value if snake_case(name) in fields.THEIRS else hidden(value)
