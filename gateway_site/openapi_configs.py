"""The part of the API's description that is about saved configs (configs/api.py)."""

from typing import Any

JSON = dict[str, Any]

CONFIG: JSON = {"type": "object", "additionalProperties": True, "description": "See docs/configs.md."}
SCHEMAS: JSON = {
    "NewConfig": {
        "type": "object",
        "required": ["name", "config"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "config": CONFIG,
            "is_default": {"type": "integer", "enum": [0, 1], "description": "Of its workspace."},
            "workspace_id": {"type": "string", "description": "For an organisation's key alone."},
        },
    },
    "ChangedConfig": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "config": CONFIG,
            "status": {"type": "string", "enum": ["active", "archived"]},
            "is_default": {"type": "integer", "enum": [0, 1]},
        },
    },
}
ANY_JSON: JSON = {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}
ERROR: JSON = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
REFUSALS: JSON = {
    status: {"description": description, "content": ERROR}
    for status, description in {
        "400": "What was sent is no config; `errors` tells each fault with its place",
        "401": "The API key is unknown or has expired",
        "403": "The API key does not allow this",
        "404": "There is no such config in the workspace",
        "409": "It is the default of an API key or a workspace",
        "413": "The body is too large",
        "503": "Nobody can be served just now; try again",
    }.items()
}
NAME: JSON = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "A config's slug, `pc-…`, or its id.",
    "schema": {"type": "string", "minLength": 1},
}
PAGING: list[JSON] = [
    {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "integer", "minimum": least, "maximum": most},
    }
    for name, description, least, most in (
        ("current_page", "Counted from 0.", 0, 1_000),
        ("page_size", "50 unless said.", 1, 100),
    )
]
EXAMPLE: JSON = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "@openai-sandbox"}, {"provider": "@anthropic-sandbox"}],
}
EXAMPLES: JSON = {
    "NewConfig": {"fallback": {"value": {"name": "Fallback", "config": EXAMPLE}}},
    "ChangedConfig": {"name": {"value": {"name": "Another name"}}},
}


def operation(name: str, summary: str, *, parameters: list[JSON], body: str = "") -> JSON:
    """One of them; `body`: the name of the schema of what is sent."""
    told: JSON = {"operationId": name, "summary": summary, "tags": ["Configs"], "parameters": parameters}
    if body:
        schema = {"$ref": f"#/components/schemas/{body}"}
        content = {"application/json": {"schema": schema, "examples": EXAMPLES[body]}}
        told["requestBody"] = {"required": True, "content": content}
    return {**told, "responses": {"200": {"description": "Done", "content": ANY_JSON}, **REFUSALS}}


PATHS: JSON = {
    "/v1/configs": {
        "get": operation("listConfigs", "List the configs of the workspace", parameters=PAGING),
        "post": operation("createConfig", "Save a config", parameters=[], body="NewConfig"),
    },
    "/v1/configs/{name}": {
        "get": operation("getConfig", "Read a config", parameters=[NAME]),
        "put": operation(
            "updateConfig", "Give a config a new version", parameters=[NAME], body="ChangedConfig"
        ),
        "delete": operation("deleteConfig", "Delete a config", parameters=[NAME]),
    },
    "/v1/configs/{name}/versions": {
        "get": operation("listConfigVersions", "List what a config said", parameters=[NAME, *PAGING]),
    },
}
