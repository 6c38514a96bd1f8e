"""OpenAI's Chat Completions and text completions (https://platform.openai.com/docs/api-reference/chat)."""

from collections.abc import Iterable, Iterator
from typing import Any

from logs.story.conversation import ended, error, role_of, settings, some, turns, unknown
from logs.story.merging import THINGS, Ordered, last, merged
from logs.story.parts import PARTS, call, content, embedded, rest, result, said, text_of
from logs.story.turns import in_turns
from logs.story.values import JSON, Part, Told, Turn

MESSAGE = (
    "role",
    "name",
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
    "tool_calls",
    "function_call",
    "tool_call_id",
    "audio",
)


def request(body: JSON) -> Told:
    told = tuple(turns(body.get("messages"), turn))
    return Told(told, settings(body, ("messages",)))


def prompt(body: JSON) -> Told:
    """The request of a text completion."""
    parts = some(content(body.get("prompt")))
    return Told((Turn("prompt", parts),), settings(body, ("prompt",)))


def answer(body: JSON) -> Told:
    """Choices, each a turn."""
    choices = body.get("choices")
    if not choices and (failed := error(body)):
        return failed
    told = turns(choices, choice)
    failed = error(body)
    return Told(tuple(told), settings(body, ("choices",)), problem=failed.problem if failed else "")


def turn(message: Any) -> Turn:
    if not isinstance(message, dict):
        return unknown(message)
    role = role_of(message, "no role")
    name = f"named {text_of(message['name'])[:80]}" if message.get("name") else ""
    if role in ("tool", "function"):
        id_ = message.get("tool_call_id") or message.get("name")
        return Turn(role, (*result(id_, message.get("content")), *rest(message, MESSAGE)))
    return Turn(role, some(parts(message)), name)


def parts(message: JSON) -> Iterator[Part]:
    """What a message says, in the order in which a model comes to it."""
    if thoughts := message.get("reasoning_content") or message.get("reasoning"):
        yield said("thinking", text_of(thoughts), "thinking")
    yield from content(message.get("content"))
    if refusal := message.get("refusal"):
        yield said("refusal", text_of(refusal), "refuses")
    if isinstance(audio := message.get("audio"), dict):
        yield embedded("audio", audio.get("data"), "")
        yield from content(audio.get("transcript"))
    calls = message.get("tool_calls")
    calls = calls if isinstance(calls, list) else []
    for each in in_turns(calls[:PARTS]):
        yield from called(each)
    if len(calls) > PARTS:
        yield Part("other", f"{len(calls) - PARTS:,} more calls, not shown here")
    if isinstance(old := message.get("function_call"), dict):
        yield call(old.get("name"), None, old.get("arguments"))
    yield from rest(message, MESSAGE)


def called(tool_call: Any) -> Iterator[Part]:
    match tool_call:
        case {"function": {"name": name, **function}}:
            yield call(name, tool_call.get("id"), function.get("arguments"))
        case {"custom": {"name": name, **custom}}:
            yield call(name, tool_call.get("id"), custom.get("input"))
        case dict():
            yield call(None, tool_call.get("id"), tool_call)
        case _:
            yield call(None, None, tool_call)


def choice(given: Any) -> Turn:
    """One of the answers; numbered, but for the first."""
    if not isinstance(given, dict):
        return unknown(given)
    message = given.get("message")
    said_here = parts(message) if isinstance(message, dict) else content(given.get("text"))
    role = role_of(message, "assistant") if isinstance(message, dict) else "completion"
    number = given.get("index")
    notes = [f"answer {number + 1}"] if isinstance(number, int) and number else []
    extra = rest(given, ("message", "text", "index", "finish_reason", "logprobs"))
    reason = ended(given.get("finish_reason"))
    return Turn(role, some([*said_here, *extra]), ", ".join([*notes, reason] if reason else notes))


def assembled(events: Iterable[Any]) -> JSON:
    """The whole answer that a stream of chunks adds up to."""
    whole: JSON = {}
    choices = Ordered()
    for event in events:
        if not isinstance(event, dict):
            continue
        last(whole, event, but=("choices",))
        given = event.get("choices")
        for each in given[:THINGS] if isinstance(given, list) else []:
            if isinstance(each, dict):
                grow(choices.at(each.get("index")), each)
    return whole | ({"choices": choices.values()} if choices.values() else {})


def grow(whole: JSON, piece: JSON) -> None:
    """Add what one chunk says to its choice."""
    if isinstance(delta := piece.get("delta"), dict):
        whole["message"] = merged(whole.get("message"), delta)
    if isinstance(text := piece.get("text"), str):
        whole["text"] = text_of(whole.get("text")) + text
    last(whole, piece, but=("delta", "text"))
