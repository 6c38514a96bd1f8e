"""From the bytes of a body to what it says: in the words of its dialect, as JSON, as text, or as bytes.

What it is shows in the bytes: an error may stand where a stream was asked for, and a cut body is no JSON.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from logs.story import chat, messages, responses, vectors
from logs.story.conversation import error
from logs.story.json_text import Complex, folded, parsed
from logs.story.turns import in_turns
from logs.story.values import JSON, TEXT, Told, shortened, sized
from providers.errors import Garbled
from providers.framing import sse_frames

Read = Callable[[JSON], Told]
Assemble = Callable[[Iterable[Any]], JSON]

REQUESTS: dict[str, Read] = {
    "chat": chat.request,
    "completions": chat.prompt,
    "messages": messages.request,
    "responses": responses.request,
    "embeddings": vectors.request,
}
ANSWERS: dict[str, Read] = {
    "chat": chat.answer,
    "completions": chat.answer,
    "messages": messages.answer,
    "responses": responses.answer,
    "embeddings": vectors.answer,
    "models": vectors.models,
}
STREAMS: dict[str, Assemble] = {
    "chat": chat.assembled,
    "completions": chat.assembled,
    "messages": messages.assembled,
    "responses": responses.assembled,
}
PATHS = {  # how paths end whose calls pass through
    "/chat/completions": "chat",
    "/completions": "completions",
    "/embeddings": "embeddings",
    "/messages": "messages",
    "/messages/count_tokens": "messages",
    "/responses": "responses",
    "/models": "models",
}
SPOKEN = {
    "anthropic": {"chat": "messages", "completions": "messages"}
}  # by providers with words of their own
OPENINGS = (b"data:", b"event:", b":", b"id:", b"retry:")  # of a stream of events
DONE = b"[DONE]"
ODD = 20  # one character of so many that is none makes bytes of a text
SAMPLE = 4096  # characters that are looked at for it


def speech(dialect: str, endpoint: str) -> str:
    """Which words a call's bodies are in; "" if nobody here knows them."""
    if dialect:
        return dialect
    path = endpoint.rstrip("/")
    return next((words for ending, words in PATHS.items() if path.endswith(ending)), "")


def spoken(provider: str, words: str) -> str:
    """Which words a provider (its slug) was asked in, where the client speaks `words`."""
    return SPOKEN.get(provider, {}).get(words, words)


def request(words: str, body: bytes, *, cut: bool = False) -> Told:
    """What a request says, in the words that `speech` names."""
    return told(body, REQUESTS.get(words), None, cut=cut)


def answer(words: str, body: bytes, *, cut: bool = False) -> Told:
    """What an answer says; a stream as the whole it adds up to."""
    return told(body, ANSWERS.get(words), STREAMS.get(words), cut=cut)


def told(body: bytes, read: Read | None, assemble: Assemble | None, *, cut: bool) -> Told:
    if not body.strip():
        return Told(notes=("It is empty.",))
    if assemble and read and body.lstrip().startswith(OPENINGS):
        return streamed(body, read, assemble, cut=cut)
    try:
        value = parsed(body)
    except ValueError as refused:
        return text(body, cut=cut, note=str(refused) if isinstance(refused, Complex) else "")
    if not isinstance(value, dict):
        return Told(pieces=folded(value))
    if read:
        return read(value)
    failed = error(value)
    return Told(pieces=folded(value), problem=failed.problem if failed else "")


def streamed(body: bytes, read: Read, assemble: Assemble, *, cut: bool) -> Told:
    """What the events of a stream add up to; a note tells of those that could not be read."""
    unread: list[bytes] = []
    try:
        whole = assemble(events(body, unread))
    except Garbled:
        return text(body, cut=cut)
    found = read(whole)
    if not found.turns and not found.problem:
        return text(body, cut=cut)
    notes = [f"{len(unread):,} events could not be read."] if len(unread) > cut else []
    notes += ["Only the beginning of the stream was kept."] if cut else []
    return Told(found.turns, found.settings, found.problem, (*found.notes, *notes))


def events(body: bytes, unread: list[bytes]) -> Iterator[Any]:
    """The JSON of each event; what is none is put aside."""
    for frame in in_turns(sse_frames([body])):
        if not frame.data or frame.data == DONE:
            continue
        try:
            yield parsed(frame.data)
        except ValueError:
            unread.append(frame.data)


def text(body: bytes, *, cut: bool, note: str = "") -> Told:
    """The body as the text it is, or how large it is where it is none."""
    read = body.decode("utf-8", "replace")
    notes = tuple(filter(None, (note, "Only its beginning was kept." if cut else "")))
    sample = read[:SAMPLE]
    if sum(is_odd(character) for character in sample) * ODD > len(sample):
        return Told(notes=(f"Binary, {sized(len(body))}.", *notes))
    shown, left_out = shortened(read, TEXT)
    return Told(raw=shown, left_out=left_out, notes=notes)


def is_odd(character: str) -> bool:
    return character == "\ufffd" or (character < " " and character not in "\t\n\r\f\x1b")
