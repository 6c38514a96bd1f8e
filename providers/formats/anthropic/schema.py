"""JSON schemas for structured output, which Anthropic takes in a smaller dialect.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs: objects are closed, and bounds
and patterns are not enforced there; they become words of the description, so that the model still sees them.
"""

from __future__ import annotations

from typing import Any

from providers.json_text import dumps
from providers.types import JSON

BOUNDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
)
FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
OF_SCHEMAS = ("properties", "$defs", "definitions")
LISTS = ("anyOf", "oneOf", "allOf")


def render_schema(schema: Any) -> Any:
    """The schema as Anthropic takes it; the client's own is left as it is."""
    if not isinstance(schema, dict):
        return schema
    rendered: JSON = {}
    told: JSON = {}
    for name, value in schema.items():
        if _is_enforced(name, value):
            rendered["anyOf" if name == "oneOf" else name] = _inner(name, value)
        else:
            told[name] = value
    if _is_object(schema):
        rendered["additionalProperties"] = False
    if told:
        words = ", ".join(f"{name}: {dumps(value).decode()}" for name, value in told.items())
        rendered["description"] = f"{schema.get('description', '')}\n\n{{{words}}}".strip()
    return rendered


def _is_object(schema: JSON) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _is_enforced(name: str, value: Any) -> bool:
    if name == "minItems":
        return value in (0, 1)
    if name == "format":
        return value in FORMATS
    return name not in BOUNDS


def _inner(name: str, value: Any) -> Any:
    if name in OF_SCHEMAS and isinstance(value, dict):
        return {key: render_schema(schema) for key, schema in value.items()}
    if name in LISTS and isinstance(value, list):
        return [render_schema(schema) for schema in value]
    return render_schema(value) if name == "items" else value
