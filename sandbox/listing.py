"""The lists of models, OpenAI's and Anthropic's. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/models and
https://docs.anthropic.com/en/api/models-list; the models are real ones, but no list is kept up to date.
"""

from sandbox import room
from sandbox.manners import manners
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Mistaken

OPENAI = {  # id → when it was made, and by whom
    "gpt-5": (1_754_425_777, "system"),
    "gpt-5-mini": (1_754_425_928, "system"),
    "gpt-4.1": (1_744_316_542, "system"),
    "gpt-4o": (1_715_367_049, "system"),
    "gpt-4o-mini": (1_721_172_741, "system"),
    "o4-mini": (1_744_225_351, "system"),
    "gpt-3.5-turbo": (1_677_610_602, "openai"),
    "gpt-3.5-turbo-instruct": (1_692_901_427, "system"),
    "text-embedding-3-large": (1_705_953_180, "system"),
    "text-embedding-3-small": (1_705_948_997, "system"),
    "gpt-image-1": (1_745_517_030, "system"),
    "dall-e-3": (1_698_785_189, "system"),
    "tts-1": (1_681_940_951, "openai-internal"),
    "whisper-1": (1_677_532_384, "openai-internal"),
    "omni-moderation-latest": (1_731_689_265, "system"),
}
ANTHROPIC = {  # id → its name and the day it was released; the latest first
    "claude-opus-4-5-20251101": ("Claude Opus 4.5", "2025-11-24"),
    "claude-haiku-4-5-20251001": ("Claude Haiku 4.5", "2025-10-15"),
    "claude-sonnet-4-5-20250929": ("Claude Sonnet 4.5", "2025-09-29"),
    "claude-sonnet-4-20250514": ("Claude Sonnet 4", "2025-05-22"),
    "claude-3-haiku-20240307": ("Claude Haiku 3", "2024-03-07"),
    "claude-2.1": ("Claude 2.1", "2023-11-21"),
    "claude-instant-1.2": ("Claude Instant 1.2", "2023-08-09"),
    "claude-2.0": ("Claude 2", "2023-07-11"),
}
MOST = 1_000  # entries of a page


def openai_models(arrived: Arrived) -> Reply:
    return room.whole(arrived.manners(), {"object": "list", "data": [openai(name) for name in OPENAI]})


def openai(name: str) -> JSON:
    created, owner = OPENAI[name]
    return {"id": name, "object": "model", "created": created, "owned_by": owner}


def openai_model(arrived: Arrived) -> Reply:
    if arrived.name in OPENAI:
        return room.whole(arrived.manners(), openai(arrived.name))
    told, _ = manners(arrived.name, "")
    if told.status != 200:
        return room.whole(told, {})
    message = f"The model '{arrived.name}' does not exist"
    raise Mistaken(message, param="model", code="model_not_found", status=404)


def anthropic_models(arrived: Arrived) -> Reply:
    """A page of `limit` models, after `after_id` or before `before_id`."""
    names = list(ANTHROPIC)
    most = limit(arrived.option("limit") or "20")
    if after := arrived.option("after_id"):
        names = names[place(names, after, "after_id") + 1 :]
    if before := arrived.option("before_id"):
        names = names[: place(names, before, "before_id")]
    page = names[-most:] if before else names[:most]
    listed = {
        "data": [anthropic(name) for name in page],
        "has_more": len(names) > len(page),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }
    return room.whole(arrived.manners(), listed)


def limit(given: str) -> int:
    if given.isdecimal() and 1 <= int(given) <= MOST:
        return int(given)
    raise Mistaken(f"limit: Input should be a valid integer from 1 to {MOST}")


def place(names: list[str], name: str, option: str) -> int:
    if name in names:
        return names.index(name)
    raise Mistaken(f"{option}: no such model: {name}")


def anthropic(name: str) -> JSON:
    shown, released = ANTHROPIC[name]
    return {
        "type": "model",
        "id": name,
        "display_name": shown,
        "created_at": f"{released}T00:00:00Z",
        "lifecycle": "active",
    }


def anthropic_model(arrived: Arrived) -> Reply:
    if arrived.name in ANTHROPIC:
        return room.whole(arrived.manners(), anthropic(arrived.name))
    told, _ = manners(arrived.name, "")
    if told.status != 200:
        return room.whole(told, {})
    raise Mistaken(f"model: {arrived.name}", status=404)
