"""A config as it may be kept and shown: without the credentials that one in a request may hold."""

import json
import re
from collections.abc import Mapping
from typing import Any

from configs import fields
from configs.lines import snake_case
from keys import tokens

LONGEST = 8 * 1024  # characters that are kept
LONGEST_SLUG = 40  # characters
SECRET = re.compile(r"(?:key|secret|token|password|authorization|credentials?)\Z")
NAMING = {"provider", "virtual_key"}


def masked(config: Mapping[str, Any]) -> str:
    """The config in its sender's own spelling, cut where it is long; "" if it is nested beyond measure."""
    try:
        return json.dumps(hidden(config), ensure_ascii=False)[:LONGEST]
    except RecursionError:
        return ""


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
    """Whether a member may hold a credential; one in the place of a slug is longer than slugs are."""
    name = snake_case(name)
    if name in NAMING:
        return isinstance(value, str) and len(value) > LONGEST_SLUG
    return bool(SECRET.search(name)) or fields.is_setting(name)


def mask(value: Any) -> str:
    return tokens.hint(value if isinstance(value, str) else json.dumps(value))


def member(name: str, value: Any) -> Any:
    return value if snake_case(name) in fields.THEIRS else hidden(value)
