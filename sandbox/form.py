"""A multipart form, read. Pure, and the whole body is in memory: it is for pretending only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from sandbox.speech import Mistaken

MOST_PARTS = 128
BOUNDARY = re.compile(r'multipart/form-data;.*?boundary="?([^";,]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A field (its `filename` is empty) or a file."""

    name: str
    filename: str
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace")


def parts(kind: str, body: bytes) -> dict[str, Part]:
    """The parts by name, the last of each; `kind` is the request's content type. Raises Mistaken."""
    boundary = BOUNDARY.match(kind)
    if boundary is None:
        raise Mistaken("Could not parse multipart form")
    return {part.name: part for part in read(b"\r\n--" + boundary[1].strip().encode(), body)}


def read(delimiter: bytes, body: bytes) -> Iterator[Part]:
    for section in (b"\r\n" + body).split(delimiter, MOST_PARTS)[1:]:
        if section.startswith(b"--"):
            return
        head, found, data = section.partition(b"\r\n\r\n")
        if not found:
            raise Mistaken("Could not parse multipart form")
        yield part(head.decode(errors="replace"), data)


def part(head: str, data: bytes) -> Part:
    header = Message()
    for line in head.split("\r\n"):
        title, _, value = line.partition(":")
        if title.strip().lower() == "content-disposition":
            header["Content-Disposition"] = value.strip()
    name = header.get_param("name", "", "content-disposition")
    return Part(str(name), header.get_filename(""), data)


def file(found: dict[str, Part]) -> Part:
    """The part named `file`, which uploads must have. Raises Mistaken."""
    if "file" in found and found["file"].filename:
        return found["file"]
    message = "Missing required parameter: 'file'."
    raise Mistaken(message, param="file", code="missing_required_parameter")


def field(found: dict[str, Part], name: str, otherwise: str = "") -> str:
    return found[name].text if name in found else otherwise
