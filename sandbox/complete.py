r"""Anthropic's text completions, the legacy endpoint of Claude 2 and Claude Instant. Pure.

The shapes are those of https://docs.anthropic.com/en/api/complete and /streaming. Its prompt is a
dialogue, `\n\nHuman: …\n\nAssistant:`, and its events end their lines with CR LF.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox import errors, frames, room
from sandbox.chat import stops
from sandbox.manners import manners
from sandbox.messages import ELSEWHERE, named
from sandbox.room import Arrived, Reply
from sandbox.speech import JSON, Answer, Mistaken, Question, answer

HUMAN, ASSISTANT = "\n\nHuman:", "\n\nAssistant:"
CRLF = "\r\n"
TURNS = re.compile(rf"({HUMAN}|{ASSISTANT})")


def play(arrived: Arrived) -> Reply:
    body = arrived.fields()
    asked = question(body, arrived.body)
    told = answer(asked)
    if not asked.stream:
        return room.whole(asked.manners, whole(asked, told))
    return room.stream(asked.manners, events(asked, told), frames.named(errors.overloaded(), CRLF))


def question(body: Mapping[str, Any], raw: bytes) -> Question:
    """The question in a request's body; raises Mistaken for what Anthropic would refuse."""
    model, dialogue = named(body), prompt(body.get("prompt"))
    if not model.startswith(ELSEWHERE):
        raise Mistaken(f"model: {model}", status=404)
    turns = TURNS.split(dialogue)
    told, said = manners(model, last_human(turns))
    return Question(
        model=model,
        prompt=said,
        turns=len(turns) // 2 - 1,  # the last turn is to be written yet
        characters=len(dialogue),
        manners=told,
        stream=body.get("stream") is True,
        limit=limit(body),
        stops=stops(body.get("stop_sequences")),
        body=raw.decode(errors="replace") if told.echo else "",
    )


def prompt(given: object) -> str:
    if not isinstance(given, str):
        raise Mistaken("prompt: Field required")
    if not given.startswith(HUMAN):
        raise Mistaken('prompt must start with "\n\nHuman:" turn')
    if ASSISTANT not in given:
        raise Mistaken('prompt must end with "\n\nAssistant:" turn')
    return given


def last_human(turns: list[str]) -> str:
    """The text of the last human turn; `turns` are what TURNS splits a dialogue into, speakers between."""
    spoken = (text for speaker, text in zip(turns[1::2], turns[2::2], strict=True) if speaker == HUMAN)
    return list(spoken)[-1]


def limit(body: Mapping[str, Any]) -> int:
    value = body.get("max_tokens_to_sample")
    if value is None:
        raise Mistaken("max_tokens_to_sample: Field required")
    if type(value) is not int or value < 1:
        raise Mistaken("max_tokens_to_sample: Input should be greater than or equal to 1")
    return value


def whole(asked: Question, told: Answer) -> JSON:
    """The answer as one object."""
    reason, stop = ending(told)
    return completion(asked, told, f" {told.text}" if told.pieces else "", reason, stop)


def ending(told: Answer) -> tuple[str, str | None]:
    """Why it ended. That it is the human's turn is a stop sequence, too."""
    if told.ending == "length":
        return "max_tokens", None
    return "stop_sequence", told.stop or HUMAN


def completion(asked: Question, told: Answer, text: str, reason: str | None, stop: str | None) -> JSON:
    return {
        "type": "completion",
        "id": f"compl_{told.id}",
        "completion": text,
        "stop_reason": reason,
        "model": asked.model,
        "stop": stop,
        "log_id": f"compl_{told.id}",
    }


def events(asked: Question, told: Answer) -> Iterator[bytes]:
    """The answer as a stream, an event for each token; the last tells why it ended."""
    for place, piece in enumerate(told.pieces):
        text = piece if place else f" {piece}"
        yield frames.named(completion(asked, told, text, None, None), CRLF)
        if place == 0:
            yield frames.named({"type": "ping"}, CRLF)
    yield frames.named(completion(asked, told, "", *ending(told)), CRLF)
