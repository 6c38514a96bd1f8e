"""Content of a message, in any of the dialects, as parts to be read.

The kinds of OpenAI's Chat Completions and Responses and of Anthropic's Messages have names of their own, so
one table knows them all; a kind that stands in none of it is shown as the JSON it is. Images and files are
told of, never fetched and never decoded.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from logs.story.json_text import folded, parsed, pretty
from logs.story.turns import in_turns
from logs.story.values import JSON, Part, shortened, sized

PARTS = 100  # of one message
ADDRESS = 300  # characters of an address
EMPTY: tuple[Any, ...] = (None, "", [], {})


def content(value: Any) -> Iterator[Part]:
    """The parts of a message's content: a text, a list of parts, or a part."""
    if value in EMPTY:
        return
    blocks = value if isinstance(value, list) else [value]
    for block in in_turns(blocks[:PARTS]):
        yield from part(block)
    if len(blocks) > PARTS:
        yield Part("other", f"{len(blocks) - PARTS:,} more parts, not shown here")


def part(block: Any) -> Sequence[Part]:
    """One part of a content; results of tools hold parts of their own."""
    if isinstance(block, str):
        return [said("text", block)]
    kind = block.get("type") if isinstance(block, dict) else None
    read = READERS.get(kind) if isinstance(kind, str) else None
    return read(block) if read else [other(block)]


def said(kind: str, text: str, title: str = "") -> Part:
    shown, left_out = shortened(text)
    return Part(kind, title, shown, left_out)


def other(value: Any, title: str = "") -> Part:
    """What nobody here knows, as JSON."""
    kind = value.get("type") if isinstance(value, dict) else None
    return Part("other", title or (kind[:80] if isinstance(kind, str) else "other"), pieces=folded(value))


def rest(block: JSON, known: Sequence[str], title: str = "more") -> list[Part]:
    """What a part or message holds beside what is told of it."""
    left = {name: value for name, value in block.items() if name not in known and value not in EMPTY}
    return [other(left, title)] if left else []


def text_of(value: Any) -> str:
    """A text as it is, nothing as nothing, anything else as JSON."""
    return value if isinstance(value, str) else "" if value is None else pretty(value)


def call(name: Any, id_: Any, arguments: Any) -> Part:
    """A call of a tool; arguments that are JSON in a text are indented."""
    if isinstance(arguments, str):
        with contextlib.suppress(ValueError):  # a model may write anything: it is shown as it wrote it
            arguments = parsed(arguments)
    title = f"calls {text_of(name) or 'a tool without a name'}"
    return said("call", text_of(arguments), f"{title} ({text_of(id_)})"[:200] if id_ else title[:200])


def result(id_: Any, value: Any, *, failed: bool = False) -> list[Part]:
    """What a tool answered: texts, pictures; parts of any other kind as JSON."""
    title = f"{'error' if failed else 'result'} of {text_of(id_) or 'a tool'}"[:200]
    if isinstance(value, str):
        return [said("result", structured(value), title)]
    blocks = value if isinstance(value, list) else [] if value is None else [value]
    told = [each for block in blocks[:PARTS] for each in within(block, title)]
    return told or [said("result", "", title)]


def structured(text: str) -> str:
    """A text that is a JSON object or list, indented."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return pretty(parsed(text))
    except ValueError:
        return text


def within(block: Any, title: str) -> Sequence[Part]:
    """A part of a result; a result within a result is shown as JSON, or they could go on forever."""
    match block:
        case str(words) | {"type": "text" | "input_text" | "output_text", "text": str(words)}:
            return [said("result", structured(words), title)]
        case {"type": str(kind)} if kind in MEDIA:
            return part(block)
    return [Part("result", title, pieces=folded(block))]


def media(kind: str, source: Any, also: str = "") -> Part:
    """An image, a sound or a file by its address; of a data: URL the type and the size."""
    address = text_of(source)
    if address[:5].lower() == "data:":
        head, _, data = address[5:].partition(",")
        form = head.partition(";")[0].partition("/")[2] or head[:40]
        return embedded(kind, data, also or form[:40])
    shown, left_out = shortened(address, ADDRESS)
    where = host(address)
    return Part("media", f"{kind}{f' at {where}' if where else ''}, not loaded", shown, left_out)


def embedded(kind: str, data: Any, form: str) -> Part:
    """What came with the body in base64."""
    size = len(data) * 3 // 4 if isinstance(data, str) else 0
    return Part("media", ", ".join(filter(None, (kind, sized(size), form))))


def host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "")[:100]
    except ValueError:
        return ""


# The kinds, by the names their dialects gave them.


def text(block: JSON) -> list[Part]:
    return [
        said("text", text_of(block.get("text"))),
        *rest(block, ("type", "text", "cache_control", "logprobs")),
    ]


def thinking(block: JSON) -> list[Part]:
    words = block.get("thinking") or block.get("text") or block.get("summary")
    return [said("thinking", text_of(words), "thinking")]


def hidden(block: JSON) -> list[Part]:
    return [
        Part(
            "thinking",
            f"thinking that only the provider can read, {len(text_of(block.get('data'))):,} characters",
        )
    ]


def refusal(block: JSON) -> list[Part]:
    return [said("refusal", text_of(block.get("refusal")), "refuses")]


def image_url(block: JSON) -> list[Part]:
    match block.get("image_url"):
        case {"url": url}:
            return [media("image", url)]
        case given:
            return [media("image", given or block.get("file_id"))]


def audio(block: JSON) -> list[Part]:
    given = block.get("input_audio")
    inner = given if isinstance(given, dict) else {}
    return [embedded("audio", inner.get("data"), text_of(inner.get("format"))[:40])]


def file(block: JSON) -> list[Part]:
    given = block.get("file")
    inner = given if isinstance(given, dict) else block
    name = text_of(inner.get("filename") or inner.get("file_name"))[:100]
    if isinstance(data := inner.get("file_data"), str) and data[:5].lower() != "data:":
        return [embedded("file", data, name)]
    return [media("file", inner.get("file_data") or inner.get("file_url") or inner.get("file_id"), name)]


def sourced(block: JSON) -> list[Part]:
    """Anthropic's images and documents."""
    kind, source = text_of(block.get("type")), block.get("source")
    match source:
        case {"type": "base64", "data": data, "media_type": str(form)}:
            return [embedded(kind, data, form[:40].rpartition("/")[2])]
        case {"type": "url", "url": url}:
            return [media(kind, url)]
        case {"type": "file", "file_id": id_}:
            return [media(kind, id_)]
        case {"type": "text", "data": str(words)}:
            return [said("text", words, text_of(block.get("title"))[:100] or kind)]
    return [other(block)]


def used(block: JSON) -> list[Part]:
    return [call(block.get("name"), block.get("id"), block.get("input"))]


def answered(block: JSON) -> list[Part]:
    return result(block.get("tool_use_id"), block.get("content"), failed=block.get("is_error") is True)


MEDIA: dict[str, Callable[[JSON], list[Part]]] = {
    "image_url": image_url,
    "input_image": image_url,
    "input_audio": audio,
    "file": file,
    "input_file": file,
    "image": sourced,
    "document": sourced,
}
READERS: dict[str, Callable[[JSON], list[Part]]] = MEDIA | {
    "text": text,
    "input_text": text,
    "output_text": text,
    "summary_text": thinking,
    "reasoning_text": thinking,
    "thinking": thinking,
    "redacted_thinking": hidden,
    "refusal": refusal,
    "tool_use": used,
    "server_tool_use": used,
    "mcp_tool_use": used,
    "tool_result": answered,
    "mcp_tool_result": answered,
    "web_search_tool_result": answered,
}
