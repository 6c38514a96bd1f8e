"""A value that fits a JSON schema, always the same: what the sandbox gives a tool as arguments.

Knows the words of JSON Schema that tools use; what it does not know it takes for a text. Pure.
"""

from collections.abc import Mapping
from typing import Any

DEEPEST = 8  # a schema may refer to itself
FORMATS = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example(schema: object, name: str = "text", root: object = None, depth: int = 0) -> Any:
    """A value for `schema`. A text without further rules is the `name` of the property it fills;
    `root` is where references (`#/$defs/…`) are looked up."""
    root = schema if root is None else root
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return name
    for word in ("const", "default"):
        if word in schema:
            return schema[word]
    for word in ("enum", "examples"):
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    if (inner := referred(schema, root)) is not None:
        return example(inner, name, root, depth + 1)
    return of_type(schema, name, root, depth)


def referred(schema: Mapping[str, Any], root: object) -> object | None:
    """The schema that a reference or a choice of schemas (the first of them) stands for."""
    if isinstance(path := schema.get("$ref"), str):
        found: object = root
        for step in path.removeprefix("#").strip("/").split("/"):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(word), list) and schema[word]:
            choice: object = schema[word][0]
            return choice
    return None


def of_type(schema: Mapping[str, Any], name: str, root: object, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    if kind == "object":
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return {}
        return {key: example(value, key, root, depth + 1) for key, value in properties.items()}
    if kind == "array":
        items = max(int(number(schema.get("minItems"), 1)), 0)
        return [example(schema.get("items"), name, root, depth + 1)] * min(items, 10)
    return plain(schema, name, kind)


def plain(schema: Mapping[str, Any], name: str, kind: object) -> Any:
    match kind:
        case "integer":
            return int(number(schema.get("minimum"), 1))
        case "number":
            return number(schema.get("minimum"), 1.5)
        case "boolean":
            return True
        case "null":
            return None
    return FORMATS.get(str(schema.get("format", "")), name)


def number(value: object, otherwise: float) -> float:
    return value if isinstance(value, int | float) else otherwise
