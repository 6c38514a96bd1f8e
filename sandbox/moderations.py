"""OpenAI's moderations: what speaks of killing is violence, and nothing else is anything. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/moderations.
"""

import re
from collections.abc import Mapping
from typing import Any

from sandbox import room
from sandbox.content import text_of
from sandbox.manners import manners
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Mistaken, seeded

VIOLENT = re.compile(r"\b(kill|murder|stab)", re.IGNORECASE)
OF_IMAGES = (
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "sexual",
    "violence",
    "violence/graphic",
)
OF_TEXTS = ("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent")
MOST_INPUTS = 128
CATEGORIES = (*OF_TEXTS, "sexual/minors", *OF_IMAGES)


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    model = str(body.get("model") or "omni-moderation-latest")
    texts, kinds = inputs(body)
    told, _ = manners(model, "\n".join(texts))
    results = [result(bool(VIOLENT.search(text)), kinds) for text in texts]
    return room.whole(told, {"id": f"modr-{seeded(model, *texts)[:24]}", "model": model, "results": results})


def inputs(body: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The texts to judge, one result for each, and the kinds of input among them: a list of parts is one
    input, a list of texts several."""
    match body.get("input"):
        case str(text):
            return [text], ["text"]
        case [{"type": _}, *_] as parts:
            kinds = [part.get("type") for part in parts if isinstance(part, Mapping)]
            shown = {"text": "text", "image_url": "image"}
            return [text_of(parts)], [word for kind, word in shown.items() if kind in kinds]
        case [_, *_] as many if len(many) > MOST_INPUTS:
            message = f"Invalid 'input': array too long. Expected at most {MOST_INPUTS} items."
            raise Mistaken(message, param="input")
        case [str(), *_] as texts if all(isinstance(text, str) for text in texts):
            return list(texts), ["text"]
    message = "Missing required parameter: 'input'."
    raise Mistaken(message, param="input", code="missing_required_parameter")


def result(violent: bool, kinds: list[str]) -> JSON:
    found = {name: violent and name == "violence" for name in CATEGORIES}
    applied = {name: [k for k in kinds if k == "text" or name in OF_IMAGES] for name in CATEGORIES}
    return {
        "flagged": violent,
        "categories": found,
        "category_scores": {name: 0.92 if flagged else 0.0001 for name, flagged in found.items()},
        "category_applied_input_types": applied,
    }
