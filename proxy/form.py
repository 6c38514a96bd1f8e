"""The model in a multipart form: read where it stands, and written anew there. The rest is not looked at.

Forms carry files of any size, so only their beginning and their end are searched, where SDKs put what is
short (https://www.rfc-editor.org/rfc/rfc7578).
"""

import re

from proxy.apart_child import Bytes

KIND = "multipart/form-data"
SEARCHED = 64 * 1024  # bytes at either end
HEADERS = 4  # of the part at most on either side of the one that names it, or a search could take seconds
LONGEST = 512  # bytes of a model's name
BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})"?', re.ASCII)


def model(content_type: str, raw: Bytes) -> str:
    """The name in the part `model`; "" if there is none."""
    found = part(content_type, raw)
    return raw[found[0] : found[1]].decode("utf-8", "replace") if found else ""


def relabelled(content_type: str, raw: Bytes, name: str) -> Bytes:
    """The form with another model's name, where it has one."""
    found = part(content_type, raw)
    return spliced(raw, found, name.encode()) if found else raw


def with_model(content_type: str, raw: Bytes, name: str) -> Bytes:
    """The form with this model's name, in a part of its own where there was none."""
    found, boundary = part(content_type, raw), BOUNDARY.search(content_type)
    if found or boundary is None:
        return relabelled(content_type, raw, name)
    line = b"--%s\r\n" % boundary[1].encode()
    if not raw.startswith(line):
        return raw
    return spliced(
        raw, (0, 0), b'%sContent-Disposition: form-data; name="model"\r\n\r\n%s\r\n' % (line, name.encode())
    )


def spliced(raw: Bytes, place: tuple[int, int], text: bytes) -> bytes:
    """The bytes with others at a place of theirs; copied once, for they can be many."""
    whole = memoryview(raw)
    return b"".join((whole[: place[0]], text, whole[place[1] :]))


def part(content_type: str, raw: Bytes) -> tuple[int, int] | None:
    """Where the content of the part `model` begins and ends."""
    boundary = BOUNDARY.search(content_type)
    if boundary is None:
        return None
    line = re.escape(b"--" + boundary[1].encode())
    named = rb'content-disposition:[^\r\n]{0,200}[;\s]name="?model"?[ \t]*(?:;[^\r\n]*)?\r\n'
    others = rb"(?:[^\r\n]{1,500}\r\n){0,%d}" % HEADERS
    written = re.compile(
        line + rb"\r\n%s?" % others + named + rb"%s\r\n([^\r\n]{1,%d})\r\n" % (others, LONGEST) + line,
        re.IGNORECASE,
    )
    found = written.search(raw, 0, SEARCHED) or written.search(raw, max(len(raw) - SEARCHED, 0))
    return found.span(1) if found else None
