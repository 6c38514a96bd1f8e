"""Functions, as clients called them before there were tools: told as tools, and their calls told back.

A call had no id and came alone. Its id is made up from its place in the conversation, and the result that
follows it goes by that.
"""

from dataclasses import replace
from typing import Any

from providers.dialects.envelope import Chunks
from providers.errors import Unrenderable
from providers.types import JSON, Ask, Event

PARAMETERS = ("functions", "function_call")


def common(ask: Ask) -> Ask:
    """The call with tools; the same one if there is nothing of the kind in it. Raises Unrenderable."""
    body, messages = ask.body, _messages(ask.body.get("messages"))
    if messages is body.get("messages") and all(body.get(name) is None for name in PARAMETERS):
        return ask
    told = {**body, "messages": messages}
    _put_tools(told, told.pop("functions", None))
    _put_choice(told)
    return replace(ask, body=told, raw=b"")


def _put_tools(body: JSON, functions: Any) -> None:
    if functions is None or functions == []:
        return
    if not isinstance(functions, list):
        raise Unrenderable("functions must be a list.")
    tools = [{"type": "function", "function": function} for function in functions]
    if body.get("tools") is None:
        body |= {"tools": tools, "parallel_tool_calls": False}
    elif isinstance(body["tools"], list):
        body["tools"] = [*body["tools"], *tools]


def _put_choice(body: JSON) -> None:
    """function_call as tool_choice, where it can be read and there is none; else it stays."""
    choice: Any = body.get("function_call")
    if isinstance(choice, dict) and isinstance(choice.get("name"), str):
        choice = {"type": "function", "function": choice}
    elif choice not in ("auto", "none"):
        return
    del body["function_call"]
    if body.get("tool_choice") is None:
        body["tool_choice"] = choice


def _messages(messages: Any) -> Any:
    if not isinstance(messages, list) or not any(map(_is_old, messages)):
        return messages
    waiting: list[str] = []  # ids of calls without a result yet
    return [_message(message, f"function_{number}", waiting) for number, message in enumerate(messages)]


def _is_old(message: Any) -> bool:
    return isinstance(message, dict) and (
        message.get("role") == "function" or bool(message.get("function_call"))
    )


def _message(message: Any, id_: str, waiting: list[str]) -> Any:
    if not _is_old(message):
        return message
    if message.get("role") == "function":
        return {**message, "role": "tool", "tool_call_id": waiting.pop(0) if waiting else "function_0"}
    waiting.append(id_)
    call = {"id": id_, "type": "function", "function": message["function_call"]}
    rest = {name: value for name, value in message.items() if name != "function_call"}
    return {**rest, "tool_calls": rest.get("tool_calls") or [call]}


def are_wanted(ask: Ask) -> bool:
    """Whether the client expects a function_call where a tool is called."""
    return bool(ask.body.get("functions")) and not ask.body.get("tools")


def choice(told: JSON) -> JSON:
    """A choice of the common form with its call in the old form."""
    return {**told, "message": _said(told["message"]), "finish_reason": _reason(told["finish_reason"])}


class FunctionChunks:
    """Tells one stream with its call in the old form."""

    def __init__(self, chunks: Chunks) -> None:
        self.chunks = chunks

    def write(self, event: Event) -> bytes:
        return self.chunks.write(event._replace(delta=_said(event.delta), finish=_reason(event.finish)))


def _reason(reason: str) -> str:
    return "function_call" if reason == "tool_calls" else reason


def _said(said: JSON) -> JSON:
    """A message or a delta; the first call is the only one the old form can tell."""
    if "tool_calls" not in said:
        return said
    calls = [call["function"] for call in said["tool_calls"] if call.get("index", 0) == 0]
    rest = {name: value for name, value in said.items() if name != "tool_calls"}
    return {**rest, "function_call": calls[0]} if calls else rest
