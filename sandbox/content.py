"""The text of a message's content, whichever dialect it is in; what is no text is told of in brackets.

`[image] (image/png, 68 bytes)` or `[document] (https://…)`: so an answer shows that, and in which form,
an attachment arrived. Pure; an attachment is not opened.
"""

from collections.abc import Iterator, Mapping
from typing import Any

MARKS = {
    "image_url": "image",  # chat
    "image": "image",  # messages
    "input_image": "image",  # responses
    "file": "document",
    "document": "document",
    "input_file": "document",
    "input_audio": "audio",
    "audio": "audio",
}
LINK_SHOWN = 200  # characters


def text_of(content: object) -> str:
    """The text of `content`, a string or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(said(part) for part in parts if isinstance(part, Mapping))


def said(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    if isinstance(kind, str) and kind in MARKS:
        return f" [{MARKS[kind]}] ({source(part)})"
    text = part.get("text")
    return text if isinstance(text, str) else ""


def source(part: Mapping[str, Any]) -> str:
    """Where the attachment is, or its kind and size: the first thing in the part that tells."""
    return next((told for found in places(part) if (told := described(found))), "nothing in it")


def places(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects that may hold an attachment: the part itself and those right inside it."""
    yield part
    for value in part.values():
        if isinstance(value, Mapping):
            yield value


def described(found: Mapping[str, Any]) -> str:
    for name in ("url", "image_url", "file_url", "file_id"):
        if isinstance(link := found.get(name), str):
            return linked(link)
    for name in ("data", "file_data"):
        if isinstance(data := found.get(name), str):
            return inline(found, data)
    if isinstance(found.get("content"), str | list):
        return f"text/plain, {len(text_of(found['content']).encode(errors='replace'))} bytes"
    return ""


def linked(link: str) -> str:
    """A link as it is, or what a data: URL holds."""
    head, comma, data = link.partition(",")
    if link.startswith("data:") and comma:
        return f"{head.removeprefix('data:').partition(';')[0] or 'text/plain'}, {decoded(data)} bytes"
    return link[:LINK_SHOWN]


def inline(found: Mapping[str, Any], data: str) -> str:
    if data.startswith("data:"):
        return linked(data)
    kind = found.get("media_type") or found.get("format") or found.get("filename") or "unnamed"
    size = len(data.encode(errors="replace")) if found.get("type") == "text" else decoded(data)
    return f"{kind}, {size} bytes"


def decoded(data: str) -> int:
    """How many bytes base64 stands for."""
    return len(data.rstrip("=")) * 3 // 4
