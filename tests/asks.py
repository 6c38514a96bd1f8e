"""What the SDK tests ask: a tool, and the words that make the sandbox use it or fail."""

from typing import Any

SANDBOXES = ["openai-sandbox", "anthropic-sandbox"]
MODEL = "sandbox-model"
ASKED = "Use the tool get_weather for Berlin"
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather somewhere",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}
