"""OpenAI's responses: a request read. Pure.

The shapes are those of https://platform.openai.com/docs/api-reference/responses; what is said is
speech.py's, and how it is written is responding.py's.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox import room
from sandbox.chat import model_of
from sandbox.content import text_of
from sandbox.manners import manners
from sandbox.responding import broken, events, whole
from sandbox.room import Arrived, Reply
from sandbox.speech import Mistaken, Question, Tool, answer


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    asked = question(body)
    told = answer(asked)
    if not asked.stream:
        return room.whole(asked.manners, whole(body, asked, told))
    return room.stream(asked.manners, events(body, asked, told), broken())


def question(body: Mapping[str, Any]) -> Question:
    """The question in a request's body; raises Mistaken for what OpenAI would refuse."""
    model, given = model_of(body), items(body.get("input"))
    told, prompt = manners(model, last_user_text(given))
    return Question(
        model=model,
        prompt=prompt,
        turns=len(given),
        characters=sum(len(said(item)) for item in given) + len(text_of(body.get("instructions"))),
        manners=told,
        stream=bool(body.get("stream")),
        tools=tuple(tools(body.get("tools"))),
        choice=choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls") is not False,
        results=results(given),
        limit=limit(body),
        thinks=isinstance(body.get("reasoning"), Mapping) and body["reasoning"].get("effort") != "none",
        schema=schema(body.get("text")),
        body=json.dumps(body, ensure_ascii=False) if told.echo else "",
    )


def items(given: object) -> list[Mapping[str, Any]]:
    """The items of the input; a text is a message of the user."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if isinstance(given, list) and given:
        return [item for item in given if isinstance(item, Mapping)]
    message = "Missing required parameter: 'input'."
    raise Mistaken(message, param="input", code="missing_required_parameter")


def last_user_text(given: list[Mapping[str, Any]]) -> str:
    return next((said(item) for item in reversed(given) if item.get("role") == "user"), "")


def said(item: Mapping[str, Any]) -> str:
    """What a message holds, or what a tool answered."""
    return text_of(item.get("content") or item.get("output"))


def results(given: list[Mapping[str, Any]]) -> tuple[str, ...]:
    """What tools answered at the end of the input."""
    found: list[str] = []
    for item in reversed(given):
        if item.get("type") != "function_call_output":
            break
        found.append(said(item))
    return tuple(reversed(found))


def tools(offered: object) -> Iterator[Tool]:
    for tool in offered if isinstance(offered, list) else []:
        match tool:
            case {"type": "function", "name": str(name)}:
                yield Tool(name, tool.get("parameters"))


def choice(wanted: object) -> str:
    match wanted:
        case "none":
            return "none"
        case "required":
            return "any"
        case {"type": "function", "name": str(name)}:
            return name
    return "auto"


def limit(body: Mapping[str, Any]) -> int | None:
    value = body.get("max_output_tokens")
    if value is None or (type(value) is int and value >= 1):
        return value
    message = "Invalid 'max_output_tokens': expected a positive integer."
    raise Mistaken(message, param="max_output_tokens", code="invalid_value")


def schema(wanted: object) -> object:
    match wanted:
        case {"format": {"type": "json_schema", "schema": found}}:
            return found
        case {"format": {"type": "json_object"}}:
            return {"properties": {"answer": {"type": "string"}}}
    return None
