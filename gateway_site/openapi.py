"""The description of the API that /docs/ shows and /docs/openapi.json serves.

Written by hand: the data plane's bodies are the providers' own, so they are described loosely and take fields
that are not named here. A test holds the paths equal to what is routed. Header names are Portkey's.
"""

from typing import Any

from gateway_site import openapi_configs

JSON = dict[str, Any]

ABOUT = """\
One API for many providers, in OpenAI's words. Portkey's and OpenAI's SDKs work against it with nothing but
the base URL changed, and what it has no words for passes to the provider as it is, so Anthropic's SDK works,
too. Every call is on record.

A call says which stored provider key it uses, a *virtual key*, in one of three ways: the header
`x-portkey-virtual-key: slug`, the header `x-portkey-provider: @slug`, or a model written `@slug/model`. A
*config* in `x-portkey-config` can name several, and say when each of them is asked.
"""

HEADERS = {
    "x-portkey-virtual-key": "The slug of the virtual key to use.",
    "x-portkey-provider": "`@slug`, a virtual key; or a provider's name, with your own key in Authorization.",
    "x-portkey-config": "How the call is routed: a saved config's slug, `pc-…`, or a config as JSON.",
    "x-portkey-custom-host": "The base URL of another server that speaks the provider's words.",
    "x-portkey-request-timeout": "Milliseconds until the answer's headers; after that the answer is 408.",
    "x-portkey-trace-id": "Your id for this call; by default the id of its row in the request log.",
    "x-portkey-metadata": 'A JSON object of texts to find the call by, {"_user": "anna"} for one.',
    "x-portkey-debug": "`false` keeps the bodies of this call out of the log.",
    "x-portkey-strict-open-ai-compliance": "`false` adds what OpenAI's form cannot say, such as thinking.",
    "x-portkey-forward-headers": "Names of headers to be passed on to the provider, a comma list.",
    "x-portkey-cache-force-refresh": "`true` asks the provider anew where a config turns the cache on.",
    "x-portkey-cache-namespace": "Answers are kept by this, and no longer by the metadata.",
}

MESSAGE = {"role": "user", "content": "What is a gatehouse?"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather at a place",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}
CHAT: JSON = {"model": "@openai-sandbox/gpt-4o-mini", "messages": [MESSAGE]}
CHAT_EXAMPLES = {
    "whole": {"summary": "A whole answer", "value": CHAT},
    "stream": {"summary": "A stream", "value": CHAT | {"stream": True}},
    "tools": {"summary": "A tool the model may call", "value": CHAT | {"tools": [WEATHER]}},
    "anthropic": {
        "summary": "Another provider, by its slug",
        "value": CHAT | {"model": "@anthropic-sandbox/claude-sonnet-4-5", "max_tokens": 200},
    },
}

ANY_JSON = {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
STREAM = {"text/event-stream": {"schema": {"type": "string", "description": "Chunks as OpenAI sends them"}}}

SCHEMAS: JSON = {
    "ChatRequest": {
        "type": "object",
        "description": "OpenAI's Chat Completions. What is not named here is passed on as it is.",
        "required": ["model", "messages"],
        "additionalProperties": True,
        "properties": {
            "model": {
                "type": "string",
                "description": "A model's name, after `@slug/` where no header says it.",
            },
            "messages": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
            "stream": {"type": "boolean", "default": False},
            "tools": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        },
    },
    "CompletionRequest": {
        "type": "object",
        "description": "OpenAI's Completions. What is not named here is passed on as it is.",
        "required": ["model", "prompt"],
        "additionalProperties": True,
        "properties": {
            "model": {"type": "string"},
            "prompt": {"description": "A text, or a list where the provider takes several at once."},
            "max_tokens": {"type": "integer"},
            "stream": {"type": "boolean", "default": False},
        },
    },
    "EmbeddingRequest": {
        "type": "object",
        "description": "OpenAI's Embeddings. What is not named here is passed on as it is.",
        "required": ["model", "input"],
        "additionalProperties": True,
        "properties": {
            "model": {"type": "string"},
            "input": {"description": "A text or a list of texts."},
            "dimensions": {"type": "integer"},
            "encoding_format": {"type": "string", "enum": ["float", "base64"], "default": "float"},
        },
    },
    "Error": {
        "type": "object",
        "description": "`message` or `error.message` says what happened.",
        "additionalProperties": True,
        "properties": {
            "status": {"type": "string"},
            "message": {"type": "string"},
            "error": {"type": "object", "additionalProperties": True},
        },
    },
}

PROMPT = {"model": "@openai-sandbox/gpt-3.5-turbo-instruct", "prompt": "Say this is a test"}
INPUT = {"model": "@openai-sandbox/text-embedding-3-small", "input": "A gatehouse", "dimensions": 8}

PARAMETERS = [{"$ref": f"#/components/parameters/{name}"} for name in HEADERS]
REFUSALS: JSON = {
    "400": {"description": "The request cannot be carried out as it stands", "content": ERROR},
    "401": {"description": "The API key is unknown or has expired", "content": ERROR},
    "403": {"description": "The API key, or the virtual key, does not allow this", "content": ERROR},
    "408": {"description": "The provider did not answer in time", "content": ERROR},
    "413": {"description": "The body is too large", "content": ERROR},
    "501": {"description": "This version cannot do what was asked", "content": ERROR},
    "503": {"description": "Nobody can be served just now; try again", "content": ERROR},
    "default": {"description": "The provider's own error, under its own status", "content": ERROR},
}


def call(name: str, summary: str, answer: str, content: JSON, body: JSON | None = None) -> JSON:
    """An operation of the data plane."""
    told: JSON = {"operationId": name, "summary": summary, "tags": ["Calls"], "parameters": PARAMETERS}
    if body:
        told["requestBody"] = {"required": True, "content": body}
    return {**told, "responses": {"200": {"description": answer, "content": content}, **REFUSALS}}


def asked(schema: str, examples: JSON) -> JSON:
    """A JSON body of a schema."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}, "examples": examples}}


CHAT_COMPLETIONS = call(
    "chatComplete",
    "Ask a model, in OpenAI's words, whichever provider answers",
    "The model's answer, whole or as a stream of events",
    ANY_JSON | STREAM,
    asked("ChatRequest", CHAT_EXAMPLES),
)
COMPLETIONS = call(
    "complete",
    "Have a text completed, also by models that only know conversations",
    "The text, whole or as a stream of events",
    ANY_JSON | STREAM,
    asked("CompletionRequest", {"prompt": {"summary": "A prompt", "value": PROMPT}}),
)
EMBEDDINGS = call(
    "embed",
    "Turn texts into vectors",
    "The vectors",
    ANY_JSON,
    asked("EmbeddingRequest", {"text": {"summary": "A text", "value": INPUT}}),
)
MODELS = call(
    "models",
    "List models: of the provider that a header names, else all that this workspace's virtual keys know",
    "The list, in one form whoever it comes from",
    ANY_JSON,
)
THE_PATH: JSON = {
    "name": "path",
    "in": "path",
    "required": True,
    "description": "The provider's own path, `moderations` for one; it may have several parts.",
    "schema": {"type": "string"},
}
METHODS = ("get", "post", "put", "patch", "delete")  # that pass through
ANY_BODY: JSON = {"*/*": {"schema": {}}}


def passed(method: str) -> JSON:
    """What becomes of a path that has no operation of its own."""
    told = call(
        f"pass_{method}",
        "Anything else under /v1/ goes to the named provider as it is, where the virtual key allows it",
        "The provider's answer as it is",
        ANY_BODY,
        ANY_BODY if method in {"post", "put", "patch"} else None,
    )
    return {**told, "parameters": [THE_PATH, *PARAMETERS]}


HEALTHZ: JSON = {
    "summary": "Whether the process lives",
    "tags": ["Health"],
    "security": [],
    "responses": {"200": {"description": "It does", "content": ANY_JSON}},
}
READYZ: JSON = {
    "summary": "Whether it can serve",
    "tags": ["Health"],
    "security": [],
    "responses": {
        "200": {
            "description": 'It can; `{"database": "away"}` says that known keys alone are',
            "content": ANY_JSON,
        },
        "503": {"description": "Not yet; `why` says what for", "content": ANY_JSON},
    },
}


def document(version: str) -> JSON:
    """The whole description, in OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gatehouse", "version": version, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {"bearer": []}],
        "paths": {
            "/v1/chat/completions": {"post": CHAT_COMPLETIONS},
            "/v1/completions": {"post": COMPLETIONS},
            "/v1/embeddings": {"post": EMBEDDINGS},
            "/v1/models": {"get": MODELS},
            **openapi_configs.PATHS,
            "/v1/{path}": {method: passed(method) for method in METHODS},
            "/healthz": {"get": HEALTHZ},
            "/readyz": {"get": READYZ},
        },
        "components": {
            "schemas": SCHEMAS | openapi_configs.SCHEMAS,
            "parameters": {name: parameter(name, text) for name, text in HEADERS.items()},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-portkey-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def parameter(name: str, text: str) -> JSON:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": text,
        "schema": {"type": "string"},
    }
