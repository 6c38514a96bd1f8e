"""What the sandbox answers, in no provider's words: the same for the same question.

A room (chat.py, messages.py …) reads a question from a provider's request and writes the answer as that
provider does; stage.py sends it. Pure: no clock, no chance; even `id` and `created` come from the question.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from sandbox.example import example
from sandbox.manners import Manners

JSON: TypeAlias = dict[str, Any]

QUOTED = 2_000  # characters of the prompt that an answer repeats
FIRST_SECOND = 1_735_689_600  # 2025-01-01: `created` is this and up to a year more
YEAR = 31_536_000
BEYOND_ASCII = "Grüße, naïve café, 日本語, 🙂🙃"
REFUSAL = "I cannot help with that."
NUMBERS = re.compile(r"\b(both|all|every|each)\b", re.IGNORECASE)


class Mistaken(Exception):
    """The request is not one the provider would take: it answers `status` (400 but where something is
    not to be found). `param` names the field, if one is to blame."""

    def __init__(
        self, message: str, param: str | None = None, code: str | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the caller offers, and the JSON schema of its arguments."""

    name: str
    schema: object


@dataclass(frozen=True, slots=True)
class Question:
    """A request, read. `prompt` is the last user text without directives, `results` what the caller's
    tools answered after it, `choice` one of auto, none, any or a tool's name."""

    model: str
    prompt: str
    turns: int
    characters: int
    manners: Manners
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    parallel: bool = True
    results: tuple[str, ...] = ()
    limit: int | None = None
    stops: tuple[str, ...] = ()
    thinks: bool = False
    caches: bool = False
    schema: object = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool the sandbox wants called; `arguments` is JSON, `id` without a provider's prefix."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, in pieces of one token each, and how it ended: stop, stop_sequence, length, tool or
    refusal. Tokens are pieces; those of the prompt a quarter of its characters."""

    id: str
    created: int
    pieces: tuple[str, ...]
    thoughts: tuple[str, ...]
    calls: tuple[ToolCall, ...]
    ending: str
    stop: str | None
    input: int
    output: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def thinking(self) -> str:
        return "".join(self.thoughts)


def answer(question: Question) -> Answer:
    """The one answer to this question."""
    seed = digest(question)
    calls = () if question.manners.refuse else tuple(tool_calls(question, seed))
    thoughts = thinking(question) if question.thinks else ()
    pieces, ending, stop = ((), "tool", None) if calls else limited(said(question), question)
    if question.manners.refuse:
        ending = "refusal"
    arguments = sum(len(call.arguments) for call in calls)
    return Answer(
        id=seed[:24],
        created=second(seed),
        pieces=pieces,
        thoughts=thoughts,
        calls=calls,
        ending=ending,
        stop=stop,
        input=tokens(question.characters),
        output=max(len(pieces) + len(thoughts) + arguments // 4, 1),
    )


def digest(question: Question) -> str:
    """Hexadecimal, the same for a question asked whole and streamed."""
    named = ",".join(tool.name for tool in question.tools)
    return seeded(
        question.model, question.prompt, question.turns, question.characters, named, question.results
    )


def seeded(*told: object) -> str:
    """64 hexadecimal digits that depend on nothing but what is told."""
    return hashlib.sha256(repr(told).encode(errors="replace")).hexdigest()


def second(seed: str) -> int:
    """When what has this seed pretends to have been made."""
    return FIRST_SECOND + int(seed[:8], 16) % YEAR


def thinking(question: Question) -> tuple[str, ...]:
    return pieces_of(f"They said something of {len(question.prompt)} characters. I shall say so.")


def tool_calls(question: Question, seed: str) -> Iterator[ToolCall]:
    """The calls to make: none once results are there; else what the choice demands or the prompt names."""
    for place, tool in enumerate(wanted(question)):
        value = example(tool.schema)
        arguments = json.dumps(value if isinstance(value, dict) else {}, ensure_ascii=False)
        yield ToolCall(f"{seed[24:44]}{place:04d}", tool.name, arguments)


def wanted(question: Question) -> list[Tool]:
    if question.results or question.choice == "none" or not question.tools:
        return []
    tools = list(question.tools)
    if question.choice not in ("auto", "any"):
        return [tool for tool in tools if tool.name == question.choice]
    prompt = question.prompt.lower()
    named = [tool for tool in tools if spoken_of(tool.name, prompt)]
    if not named and (question.choice == "any" or "tool" in prompt):
        named = tools if NUMBERS.search(prompt) else tools[:1]
    return named if question.parallel else named[:1]


def spoken_of(name: str, prompt: str) -> bool:
    """`get_weather` is meant by its own name and by "get weather"."""
    name = name.lower()
    return bool(name) and (name in prompt or name.replace("_", " ") in prompt)


def said(question: Question) -> tuple[str, ...]:
    """The text in pieces, before any limit."""
    manners = question.manners
    if manners.empty:
        return ()
    if manners.pieces:
        return tuple(f"piece {number} " for number in range(1, manners.pieces + 1))
    return pieces_of(text(question) + (f" {BEYOND_ASCII}" if manners.split_utf8 else ""))


def text(question: Question) -> str:
    if question.manners.refuse:
        return REFUSAL
    if question.manners.say:
        return question.manners.say
    if question.manners.echo:
        return question.body
    if question.schema is not None:
        return json.dumps(example(question.schema), ensure_ascii=False)
    if question.results:
        return f"The tool answered: {quoted('; '.join(question.results))}"
    counts = f"{len(question.prompt)} characters, message {question.turns} of our conversation"
    return f"You said: {quoted(question.prompt)} ({counts})"


def quoted(words: str) -> str:
    return words if len(words) <= QUOTED else words[:QUOTED] + "…"


def pieces_of(words: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\s*\S+|\s+$", words))


def limited(pieces: tuple[str, ...], question: Question) -> tuple[tuple[str, ...], str, str | None]:
    """The pieces that may be said, how it ends, and the stop sequence that ended it."""
    whole = "".join(pieces)
    stop = min((s for s in question.stops if s and s in whole), key=whole.index, default=None)
    if stop is not None:
        pieces = cut_at(pieces, whole.index(stop))
    if question.limit is not None and len(pieces) > question.limit:
        return pieces[: max(question.limit, 0)], "length", None
    return pieces, "stop" if stop is None else "stop_sequence", stop


def cut_at(pieces: tuple[str, ...], place: int) -> tuple[str, ...]:
    """The pieces as far as the character at `place`."""
    kept = []
    for piece in pieces:
        if place <= 0:
            break
        kept.append(piece[:place])
        place -= len(piece)
    return tuple(kept)


def tokens(characters: int) -> int:
    return max(characters // 4, 1)
