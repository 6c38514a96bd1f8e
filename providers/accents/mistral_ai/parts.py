"""Parts of a message as Mistral's chunks: documents by address, audio as bare base64, thinking in a list.

A part nobody here knows goes as it is: Mistral refuses what it cannot take, and says so.
"""

from __future__ import annotations

from typing import Any

from providers.types import JSON

PDF = "application/pdf"


def render_part(part: Any) -> Any:
    """A chunk; the same object if it is one already, None for what Mistral has no use for."""
    match part:
        case {"type": "file", "file": dict(file)}:
            return _file(file)
        case {"type": "document" | "image", "source": dict(source)}:
            return _source(source, part)
        case {"type": "input_audio", "input_audio": {"data": str(data)}}:
            return {"type": "input_audio", "input_audio": data}
        case {"type": "thinking", "thinking": str(text)}:
            return thinking(text)
        case {"type": "redacted_thinking"}:
            return None
        case {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "text", "text": str(text), "cache_control": _}:
            return {"type": "text", "text": text}
        case {"cache_control": _}:
            return {name: value for name, value in part.items() if name != "cache_control"}
    return part


def thinking(text: str, signature: Any = None) -> JSON:
    chunk: JSON = {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}
    return {**chunk, "signature": signature} if signature else chunk


def _file(file: JSON) -> JSON:
    """OpenAI's file part: a data URL or an id; Portkey's: bare base64 with a mime type, or a URL."""
    name = file.get("filename") or file.get("file_name")
    mime = file.get("mime_type") or PDF
    match file:
        case {"file_data": str(data)}:
            return _located(data if data.startswith("data:") else f"data:{mime};base64,{data}", mime, name)
        case {"file_url": str(url)}:
            return _located(url, mime, name)
        case {"file_id": str(id_)}:
            return {"type": "file", "file_id": id_}
    return {"type": "file", "file": file}


def _source(source: JSON, part: JSON) -> JSON:
    """Anthropic's image or document."""
    mime = source.get("media_type") or ("image/png" if part["type"] == "image" else PDF)
    match source:
        case {"type": "text", "data": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "base64", "data": str(data)}:
            return _located(f"data:{mime};base64,{data}", mime, part.get("title"))
        case {"type": "url", "url": str(url)}:
            return _located(url, mime, part.get("title"))
        case {"type": "file", "file_id": str(id_)}:
            return {"type": "file", "file_id": id_}
    return part


def _located(url: str, mime: str, name: Any) -> JSON:
    if mime.startswith("image/") or url.startswith("data:image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    chunk: JSON = {"type": "document_url", "document_url": url}
    return {**chunk, "document_name": name} if name else chunk
