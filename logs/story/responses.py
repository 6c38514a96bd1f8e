"""OpenAI's Responses (https://platform.openai.com/docs/api-reference/responses), whole and streamed."""

from collections.abc import Iterable
from typing import Any

from logs.story.conversation import ended, error, role_of, settings, some, turns, unknown
from logs.story.merging import Ordered, last
from logs.story.parts import call, content, other, rest, result, text_of
from logs.story.values import JSON, Part, Told, Turn

MESSAGE = ("type", "role", "content", "id", "status")
ENDS = ("response.completed", "response.incomplete", "response.failed")
TEXTS = {  # deltas by their event: where the thing they fill stands in its item, its type, its text
    "response.output_text.delta": ("content", "content_index", "output_text", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "reasoning_text", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "summary_text", "text"),
}
ARGUMENTS = {
    "response.function_call_arguments.delta": ("function_call", "arguments"),
    "response.mcp_call_arguments.delta": ("mcp_call", "arguments"),
    "response.custom_tool_call_input.delta": ("custom_tool_call", "input"),
}


def request(body: JSON) -> Told:
    """The instructions first, then the input: a text or items."""
    given = body.get("input")
    told = [Turn("instructions", tuple(content(body["instructions"])))] if body.get("instructions") else []
    told += [Turn("user", tuple(content(given)))] if isinstance(given, str) and given else turns(given, item)
    return Told(tuple(told), settings(body, ("instructions", "input")))


def answer(body: JSON) -> Told:
    """The items of the output. What it repeats of its request is among the settings."""
    failed = error(body)
    if "output" not in body and failed:
        return failed
    told = turns(body.get("output"), item)
    left = settings(body, ("output", "object"))
    return Told(tuple(told), left, problem=failed.problem if failed else "")


def item(given: Any) -> Turn:
    """An item of input or output."""
    if not isinstance(given, dict):
        return unknown(given)
    kind = given.get("type") or "message"
    if kind == "message":
        told = [*content(given.get("content")), *rest(given, MESSAGE)]
        status = given.get("status")
        return Turn(role_of(given, "no role"), some(told), "" if status == "completed" else ended(status))
    if kind == "reasoning":
        return Turn("assistant", some(thoughts(given)))
    if kind in ("function_call", "mcp_call", "custom_tool_call"):
        arguments = given.get("arguments", given.get("input"))
        return Turn("assistant", (call(given.get("name"), given.get("call_id"), arguments),))
    if kind in ("function_call_output", "custom_tool_call_output"):
        return Turn("tool", tuple(result(given.get("call_id"), given.get("output"))))
    return Turn("assistant" if "call" in text_of(kind) else "item", (other(given),))


def thoughts(given: JSON) -> list[Part]:
    sealed = given.get("encrypted_content")
    hidden = [
        Part("thinking", f"thinking that only the provider can read, {len(text_of(sealed)):,} characters")
    ]
    return [*content(given.get("summary")), *content(given.get("content")), *(hidden if sealed else [])]


def assembled(events: Iterable[Any]) -> JSON:
    """The response of a stream: the last event holds it whole, or the deltas add up to what there is."""
    whole: JSON = {}
    items = Ordered()
    for event in events:
        if not isinstance(event, dict):
            continue
        kind, inner = event.get("type"), event.get("response")
        if isinstance(inner, dict):
            last(whole, inner)
            if kind in ENDS and inner.get("output"):
                return whole
        elif kind == "error" or "error" in event:
            last(whole, {"error": event.get("error") or {"message": text_of(event.get("message"))}})
        else:
            grow(items.at(event.get("output_index")), event)
    told = [unfolded(each) for each in items.values() if each]
    return whole | ({"output": told} if told else {})


def grow(thing: JSON, event: JSON) -> None:
    """Add one event to the item it is about."""
    kind, given = text_of(event.get("type")), event.get("item")
    if isinstance(given, dict):
        last(thing, given, but=("content", "summary") if kind.endswith(".added") else ())
    elif kind in TEXTS:
        place, number, type_, name = TEXTS[kind]
        inner = numbered(thing, place).at(event.get(number))
        inner["type"] = type_
        inner[name] = text_of(inner.get(name)) + text_of(event.get("delta"))
    elif kind in ARGUMENTS:
        type_, name = ARGUMENTS[kind]
        thing.setdefault("type", type_)
        thing[name] = text_of(thing.get(name)) + text_of(event.get("delta"))


def numbered(thing: JSON, place: str) -> Ordered:
    """The parts of an item that are being filled."""
    if not isinstance(had := thing.get(place), Ordered):
        had = thing[place] = Ordered()
    return had


def unfolded(thing: JSON) -> JSON:
    return {name: value.values() if isinstance(value, Ordered) else value for name, value in thing.items()}
