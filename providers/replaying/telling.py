"""A whole answer told as the frames it could have come in: like a live stream of the gateway.

Each choice opens, says its texts in pieces, its calls each as a name and then the arguments, and ends. What
belongs to a choice or to the answer besides comes with the end. Usage has a chunk of its own.
"""

from collections.abc import Iterator
from typing import Any

from providers.json_text import dumps
from providers.types import JSON

PIECE = 500  # characters of a text in one chunk
KINDS = {"chat.completion": "chat.completion.chunk"}  # what a chunk is called, where that differs
HEAD = ("id", "object", "created", "model", "provider", "system_fingerprint", "service_tier")
MOST_OF_A_HEAD = 4096  # bytes; it stands in every chunk
THOUGHTS = ("reasoning_content", "reasoning")  # told before the content
TEXTS = ("content", "refusal")
CALLED = {"arguments": "function", "input": "custom"}  # what a call is given, and where it stands


def frames(answer: JSON, *, wants_usage: bool) -> Iterator[bytes]:
    """All frames but the end. Raises MISSHAPEN."""
    head, choices = head_of(answer), answer["choices"]
    rest = {name: answer[name] for name in answer if name not in (*HEAD, "choices", "usage")}
    if not choices and rest:
        yield frame({**head, "choices": [], **rest})
    for number, choice in enumerate(choices):
        yield from told(head, {"index": number, **choice}, rest if choice is choices[-1] else {})
    if wants_usage and isinstance(answer.get("usage"), dict):
        yield usage_frame(head, answer["usage"])


def head_of(said: JSON) -> JSON:
    """What every chunk of an answer begins with. Raises ValueError where that is beyond measure."""
    head = {name: said[name] for name in HEAD if name in said}
    if "object" in said:
        head["object"] = KINDS.get(said["object"], said["object"])
    if len(dumps(head)) > MOST_OF_A_HEAD:
        raise ValueError("too long to be said in every chunk")
    return head


def usage_frame(said: JSON, usage: JSON) -> bytes:
    """The chunk of usage, under the head that the answer, or a chunk of it, has."""
    return frame({**head_of(said), "choices": [], "usage": usage})


def frame(chunk: JSON) -> bytes:
    return b"data: %s\n\n" % dumps(chunk)


def told(head: JSON, choice: JSON, rest: JSON) -> Iterator[bytes]:
    """A choice from its opening to its end; `rest` is the answer's."""
    index, key = choice["index"], "delta" if "message" in choice else "text"
    unended = {name: None for name in ("logprobs", "finish_reason") if name in choice}
    pieces = deltas(choice["message"]) if key == "delta" else cut(choice["text"])
    for said in pieces:
        yield frame({**head, "choices": [{"index": index, key: said, **unended}]})
    ending = {name: choice[name] for name in choice if name not in ("index", "message", "text")}
    yield frame({**head, "choices": [{"index": index, key: {} if key == "delta" else "", **ending}], **rest})


def deltas(message: JSON) -> Iterator[JSON]:
    """What a message says, in the order in which a model comes to it."""
    yield opening(message)
    for name in (*THOUGHTS, *TEXTS):
        yield from ({name: piece} for piece in cut(message.get(name)))
    yield from ({"content_blocks": [piece]} for piece in blocks(message.get("content_blocks") or ()))
    for name, value in message.items():
        if value and name not in (*THOUGHTS, *TEXTS, *SAID_APART):
            yield {name: value}
    for number, call in enumerate(message.get("tool_calls") or ()):
        yield from ({"tool_calls": [{"index": number, **piece}]} for piece in called(call))
    if function := message.get("function_call"):
        yield from ({"function_call": piece} for piece in in_two(function, "arguments"))


SAID_APART = ("role", "content_blocks", "tool_calls", "function_call")


def opening(message: JSON) -> JSON:
    """The role, and all that is empty, so that nothing of it is lost."""
    empty = {name: value for name, value in message.items() if not value}
    content = "" if isinstance(message.get("content"), str) else message.get("content")
    return {"role": message.get("role", "assistant"), "content": content, **empty}


def cut(text: Any) -> Iterator[str]:
    """A text in pieces; none of what is empty."""
    if text is None:
        return
    if not isinstance(text, str):
        raise TypeError("no text")
    yield from (text[start : start + PIECE] for start in range(0, len(text), PIECE))


def blocks(given: Any) -> Iterator[JSON]:
    """Blocks with their numbers, what is long in them piece by piece."""
    for index, block in enumerate(given):
        long = next((name for name in ("text", "thinking") if isinstance(block.get(name), str)), "")
        pieces = list(cut(block[long])) if long else []
        yield {"index": index, "delta": {**block, long: pieces[0]} if pieces else block}
        yield from ({"index": index, "delta": {long: piece}} for piece in pieces[1:])


def called(call: JSON) -> Iterator[JSON]:
    """A call's name and then what it is given; the number is the list's."""
    call = {name: value for name, value in call.items() if name != "index"}
    for given, place in CALLED.items():
        if isinstance(function := call.get(place), dict) and isinstance(function.get(given), str):
            name, rest = in_two(function, given)
            yield {**call, place: name}
            yield {place: rest}
            return
    yield call


def in_two(function: JSON, given: str) -> tuple[JSON, JSON]:
    return {**function, given: ""}, {given: function[given]}
