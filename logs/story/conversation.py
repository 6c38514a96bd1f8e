"""What the readers of all dialects share: turns within bounds, settings, and the words for an error."""

from collections.abc import Callable, Iterable
from typing import Any

from logs.story.json_text import dumped, folded, summary
from logs.story.parts import EMPTY, other, said, text_of
from logs.story.turns import in_turns
from logs.story.values import JSON, Part, Setting, Told, Turn

FIRST, LAST = 20, 50  # turns that are shown of a long conversation
SETTINGS = 60
SHORT = 200  # characters of a setting that need no folding
NAMES = 40  # of tools that are offered


def turns(messages: Any, read: Callable[[Any], Turn]) -> list[Turn]:
    """The messages as turns: the first and the last, where they are many."""
    if messages in EMPTY:
        return []
    if not isinstance(messages, list):
        return [read(messages)]
    if len(messages) <= FIRST + LAST:
        return [read(message) for message in in_turns(messages)]
    left_out = Turn("", note=f"{len(messages) - FIRST - LAST:,} turns between are not shown here.")
    first = [read(message) for message in in_turns(messages[:FIRST])]
    return [*first, left_out, *(read(message) for message in in_turns(messages[-LAST:]))]


def unknown(message: Any) -> Turn:
    """A message that is none."""
    return Turn("unknown", (said("text", message) if isinstance(message, str) else other(message),))


def role_of(message: JSON, usual: str) -> str:
    return text_of(message.get("role"))[:40] or usual


def settings(body: JSON, told: Iterable[str]) -> tuple[Setting, ...]:
    """What else a body holds, each under its own name."""
    left = [(name, value) for name, value in body.items() if name not in told and value not in EMPTY]
    more = [Setting("…", f"and {len(left) - SETTINGS:,} more")] if len(left) > SETTINGS else []
    return (*(setting(name[:80], value) for name, value in left[:SETTINGS]), *more)


def setting(name: str, value: Any) -> Setting:
    """One of them: in a line if it is short, tools by their names."""
    if name in ("tools", "functions") and isinstance(value, list):
        return Setting(name, offered(value), folded(value))
    text = value if isinstance(value, str) else dumped(value)
    if len(text) <= SHORT:
        return Setting(name, text)
    return Setting(name, f"{text[:SHORT]} …" if isinstance(value, str) else summary(value), folded(value))


def offered(tools: list[Any]) -> str:
    """The names of tools."""
    names = ", ".join(name_of(tool) for tool in tools[:NAMES])
    return f"{names} and {len(tools) - NAMES} more" if len(tools) > NAMES else names


def name_of(tool: Any) -> str:
    match tool:
        case {"function": {"name": str(name)}} | {"name": str(name)} | {"type": str(name)}:
            return name[:80]
    return "unnamed"


def error(body: JSON) -> Told | None:
    """An answer that is an error, in the envelopes of OpenAI, Anthropic and our own; else None."""
    match body:
        case {"error": {"message": str(message)} as inner} if message:
            kind = inner.get("type") or inner.get("code")
            return Told(
                problem=f"{kind}: {message}" if isinstance(kind, str) else message,
                settings=settings(body, ()),
            )
        case {"error": str(message)} if message:
            return Told(problem=message, settings=settings(body, ("error",)))
        case {"status": "failure", "message": str(message)}:
            return Told(problem=message, settings=settings(body, ("message",)))
        case {"type": "error", "message": str(message)}:  # an event of Responses
            return Told(problem=message, settings=settings(body, ("message",)))
    return None


def ended(reason: Any) -> str:
    """Why a turn ended."""
    return f"ended: {text_of(reason)[:80]}" if reason else ""


def some(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts of a turn, with a word where there are none."""
    return tuple(parts) or (Part("other", "empty"),)
