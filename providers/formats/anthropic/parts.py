"""Parts of a message as Anthropic's content blocks.

A part that Anthropic cannot be given is refused by name: left out, it would change what was asked.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any
from urllib.parse import unquote_to_bytes

from providers.errors import Unrenderable
from providers.types import JSON

# Blocks of Anthropic's own that clients of the common form may send as they are.
NATIVE = ("image", "document", "search_result", "thinking", "redacted_thinking", "container_upload")
MIME_ALIASES = {"image/jpg": "image/jpeg", "": "image/png"}
DATA_URL = re.compile(r"data:(?P<mime>[^;,]*)(?P<options>[^,]*),", re.ASCII)


def render_content(content: Any, where: str) -> list[JSON]:
    """The blocks of a message's content: a text or a list of parts. Empty texts, refused upstream, go."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise Unrenderable(f"{where} must be a text or a list of parts.")
    blocks = [_render_part(part, f"{where}[{number}]") for number, part in enumerate(content)]
    return [block for block in blocks if block.get("text") != "" or block["type"] != "text"]


def _render_part(part: Any, where: str) -> JSON:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not isinstance(part, dict):
        raise Unrenderable(f"{where} must be an object.")
    block = _block(part, where)
    if part.get("cache_control") and "cache_control" not in block:
        block = {**block, "cache_control": part["cache_control"]}
    return block


def _block(part: JSON, where: str) -> JSON:
    kind = part.get("type")
    if kind in NATIVE:
        return part
    match part:
        case {"type": "text", "text": str(text)}:
            block: JSON = {"type": "text", "text": text}
            return {**block, "citations": part["citations"]} if part.get("citations") else block
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return _image(url, where)
        case {"type": "file", "file": dict(file)}:
            return _file(file, where)
    raise Unrenderable(f"{where}: anthropic takes no part of type {kind!r} like this.")


def _image(url: str, where: str) -> JSON:
    if url.startswith("data:"):
        mime, data = _data_url(url, where)
        return _inline(MIME_ALIASES.get(mime, mime), data, {})
    if not url.startswith(("https://", "http://")):
        raise Unrenderable(f"{where}: anthropic takes images from https and data URLs only.")
    return {"type": "image", "source": {"type": "url", "url": url}}


def _file(file: JSON, where: str) -> JSON:
    """OpenAI's file part: a data URL or an id; Portkey's: bare base64 with a mime type, or a URL."""
    name = file.get("filename") or file.get("file_name")
    title = {"title": name} if name else {}
    mime = file.get("mime_type") or ""
    match file:
        case {"file_data": str(data)} if data.startswith("data:"):
            found, data = _data_url(data, where)
            return _inline(found or mime or "application/pdf", data, title)
        case {"file_data": str(data)} if mime == "text/plain":
            return {"type": "document", "source": {"type": "text", "media_type": mime, "data": data}, **title}
        case {"file_data": str(data)}:
            return _inline(mime or "application/pdf", data, title)
        case {"file_url": str(url)}:
            return _source({"type": "url", "url": url}, mime, title)
        case {"file_id": str(id_)}:
            return _source({"type": "file", "file_id": id_}, mime, title)
    raise Unrenderable(f"{where}: a file needs file_data, file_url or file_id.")


def _inline(mime: str, data: str, title: JSON) -> JSON:
    """A block of base64 data; a plain text is given as text."""
    if mime == "text/plain":
        text = base64.b64decode(data).decode("utf-8", "replace")
        return {"type": "document", "source": {"type": "text", "media_type": mime, "data": text}, **title}
    return _source({"type": "base64", "media_type": mime, "data": data}, mime, title)


def _source(source: JSON, mime: str, title: JSON) -> JSON:
    if mime.startswith("image/"):
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, **title}


def listed(value: Any, where: str) -> list[Any]:
    """A list the client may have left out. Raises Unrenderable."""
    if value is None or isinstance(value, list):
        return value or []
    raise Unrenderable(f"{where} must be a list.")


def _data_url(url: str, where: str) -> tuple[str, str]:
    """The mime type and the base64 text of a data URL."""
    found = DATA_URL.match(url)
    if found is None:
        raise Unrenderable(f"{where}: this data URL cannot be read.")
    data = url[found.end() :]
    if not found["options"].endswith(";base64"):
        return found["mime"], base64.b64encode(unquote_to_bytes(data)).decode()
    if found["mime"] == "text/plain":
        _check(data, where)
    return found["mime"], data


def _check(data: str, where: str) -> None:
    try:
        base64.b64decode(data)
    except binascii.Error as error:
        raise Unrenderable(f"{where}: the base64 of this data URL is broken.") from error
