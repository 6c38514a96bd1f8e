"""The whole answer that a stream of chunks adds up to (docs/common-form.md), in the client's dialect.

Texts grow; things in a list are added to the one of their number; of everything else the last that was said
counts, and what is null says nothing.
"""

from typing import Any

from providers.types import JSON

KINDS = {"chat.completion.chunk": "chat.completion"}  # what a whole answer is called, where that differs
PADDING = {"obfuscation", "p"}  # of random length, in every chunk, so that nobody can guess by its size
# What is told piece by piece. Other texts (a channel, a format) are said again and again.
GROWING = {
    "content",
    "reasoning_content",
    "reasoning",
    "refusal",
    "text",
    "thinking",
    "signature",
    "summary",
    "data",
    "transcript",
    "arguments",
    "input",
}
OPEN = 64  # things of one list that may still grow


class Assembling:
    """One answer, as far as it has been told."""

    def __init__(self) -> None:
        self.head: JSON = {}
        self.choices: dict[Any, JSON] = {}
        self.usage: JSON | None = None

    def add(self, chunk: JSON) -> None:
        """The next chunk. Raises MISSHAPEN."""
        for name, value in chunk.items():
            if name == "usage":
                self.usage = value or self.usage
            elif name not in PADDING and name != "choices":
                self.head[name] = joined(name, self.head.get(name), value)
        for choice in chunk.get("choices") or ():
            add(self.choices.setdefault(choice.get("index", 0), {}), prepared(choice))

    def answer(self) -> JSON:
        """The whole answer. Raises MISSHAPEN if nothing was told."""
        kind = self.head.get("object") or self.kind()
        told = {**self.head, "object": KINDS.get(kind, kind)}
        told["choices"] = [whole_choice(choice, chat=kind in KINDS) for choice in self.choices.values()]
        return told if self.usage is None else {**told, "usage": self.usage}

    def kind(self) -> str:
        """What its chunks are where they do not say so. Raises LookupError if there were none."""
        if not self.choices:
            raise LookupError("no answer")
        is_chat = any("delta" in choice for choice in self.choices.values())
        return "chat.completion.chunk" if is_chat else "text_completion"


def prepared(choice: JSON) -> JSON:
    """A choice of a chunk whose pieces of blocks can be added like anything else."""
    delta = choice.get("delta")
    if not isinstance(delta, dict) or not delta.get("content_blocks"):
        return choice
    blocks = [prepared_block(block) for block in delta["content_blocks"]]
    return {**choice, "delta": {**delta, "content_blocks": blocks}}


def prepared_block(block: JSON) -> JSON:
    """A citation is one of a list; it is told alone."""
    delta = dict(block["delta"])
    if "citation" in delta:
        delta["citations"] = [delta.pop("citation")]
    return {**block, "delta": delta}


def add(whole: JSON, piece: JSON) -> None:
    for name, value in piece.items():
        whole[name] = joined(name, whole.get(name), value)


def joined(name: str, before: Any, piece: Any) -> Any:
    """What was said under a name so far, with what is said of it now."""
    match before, piece:
        case _, None:
            return before
        case str(), str():
            return before + piece if name in GROWING else piece or before
        case dict(), dict():
            add(before, piece)
            return before
        case ((list() | None), list()):
            return extended(before or [], piece)
    return piece


def extended(whole: list[Any], pieces: list[Any]) -> list[Any]:
    """A list with more of it. What is told at once is never one thing."""
    growing = whole[-OPEN:]
    for piece in pieces:
        known = grown_by(piece, growing) if isinstance(piece, dict) and "index" in piece else None
        if known is None:
            whole.append(piece)
        else:
            add(known, piece)
    return whole


def grown_by(piece: JSON, growing: list[Any]) -> JSON | None:
    """The thing that a piece belongs to; None where it begins one, as a block does that says its type."""
    if isinstance(piece.get("delta"), dict) and "type" in piece["delta"]:
        return None
    for known in reversed(growing):
        if isinstance(known, dict) and known.get("index") == piece["index"]:
            return known if piece.get("type", known.get("type")) == known.get("type") else None
    return None


def whole_choice(choice: JSON, *, chat: bool) -> JSON:
    """A choice as a whole answer has it."""
    rest = {name: value for name, value in choice.items() if name not in ("index", "delta", "text")}
    said = {"message": message(choice.get("delta") or {})} if chat else {"text": choice.get("text") or ""}
    return {"index": choice.get("index", 0), **said, "finish_reason": None, **rest}


def message(said: JSON) -> JSON:
    told = {"role": "assistant", "content": None, **said}
    if calls := told.get("tool_calls"):
        told["tool_calls"] = [{name: call[name] for name in call if name != "index"} for call in calls]
    if not told["content"] and (told.get("tool_calls") or told.get("function_call")):
        told["content"] = None
    if blocks := told.get("content_blocks"):
        told["content_blocks"] = [typed(block["delta"]) for block in blocks]
    return told


def typed(block: JSON) -> JSON:
    """A block with its kind, which pieces of text and thinking do not tell."""
    kind = "thinking" if "thinking" in block or "signature" in block else "text"
    return {"type": kind, **block}
