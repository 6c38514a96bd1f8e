"""HTTP/1.1 as bytes: the head of a request, the head of an answer, where an answer's body ends.

Nothing here opens or reads a socket. http.client does the same for five times the CPU, and loses its place
when it is interrupted while it waits; these take bytes as they come and can be asked again at any time.
Whatever is not HTTP is a ValueError that says why.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

HEAD_LIMIT = 128 * 1024
HEADERS_LIMIT = 200
NAME_LIMIT = 256
LINE_LIMIT = 8 * 1024
TRAILERS_LIMIT = 100

OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "upgrade")
)
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TARGET = re.compile(r"[\x21-\x7e]+")
STATUS = re.compile(r"HTTP/1\.([01]) +([1-5][0-9]{2})(?: .*)?")
SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
HEAD_BYTES = bytes((*b"\t\r\n", *range(0x20, 0x7F), *range(0x80, 0x100)))
LONE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")


class Headers(dict[str, str]):
    """Headers by lower-case name, found in any case; those given twice are joined by a comma."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)


def request_head(method: str, target: str, host: str, headers: Mapping[str, str], length: int) -> bytes:
    """The head of a request; what frames the message is written here, whatever `headers` say of it."""
    if not TARGET.fullmatch(target):
        raise ValueError("its path has characters that must be quoted")
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", "accept-encoding: identity"]
    if length or method not in {"GET", "HEAD", "DELETE"}:
        lines.append(f"content-length: {length}")
    for name, value in headers.items():
        if _known(name) not in OURS:
            lines.append(f"{name}: {value}")
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or "\0" in text:
        raise ValueError("a header has a line break in it")
    try:
        return text.encode("latin-1") + b"\r\n\r\n"
    except UnicodeEncodeError:
        raise ValueError("a header has characters that HTTP cannot carry") from None


def _known(name: str) -> str:
    """The name in lower case. What is kept of names that others choose has a size."""
    if len(name) > NAME_LIMIT:
        raise ValueError(f"a header's name is longer than {NAME_LIMIT} characters")
    return _checked(name)


@lru_cache(1000)
def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("a header's name has characters that HTTP cannot carry")
    return name.lower()


def head_end(data: bytes) -> int:
    """Where the body begins in `data`; 0 while the head is not complete."""
    if (at := data.find(b"\r\n\r\n")) >= 0:
        return at + 4
    if (at := data.find(b"\n\n")) >= 0:  # servers written by hand
        return at + 2
    if len(data) > HEAD_LIMIT:
        raise ValueError("its headers do not end")
    return 0


class Head:
    """The head of an answer: `status`, `headers`, and whether its connection can be used again."""

    __slots__ = ("headers", "persistent", "status")

    def __init__(self, data: bytes) -> None:
        if data.translate(None, HEAD_BYTES):
            raise ValueError("its headers have control characters in them")
        first, *lines = data.decode("latin-1").rstrip("\r\n").split("\n")
        if not (found := STATUS.fullmatch(first.rstrip("\r"))):
            raise ValueError("it does not begin with an HTTP status")
        self.status = int(found[2])
        self.headers = _headers(lines)
        connection = (self.headers.get("connection") or "").lower()
        self.persistent = "close" not in connection if found[1] == "1" else "keep-alive" in connection


def _headers(lines: list[str]) -> Headers:
    if len(lines) > HEADERS_LIMIT:
        raise ValueError(f"it has more than {HEADERS_LIMIT} headers")
    headers = Headers()
    last = ""
    for line in lines:
        if line[:1] in {" ", "\t"} and last:  # folded, as HTTP once allowed
            dict.__setitem__(headers, last, f"{dict.__getitem__(headers, last)} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        last = _known(name)
        if not colon:
            raise ValueError("one of its headers has no colon")
        value = value.strip()
        if "\r" in value:
            raise ValueError("one of its headers has a line break in it")
        known = dict.get(headers, last)
        dict.__setitem__(headers, last, value if known is None else f"{known}, {value}")
    return headers


class Framing:
    """Where a body ends. `feed` takes bytes as they came and gives those of the body.

    `ended`: the body is whole; `rest`: what came after it.
    """

    ended = False
    rest = b""

    def feed(self, data: bytes) -> bytes:
        """A body that ends with its connection has no other sign of it."""
        return data

    def closed(self) -> bool:
        """Whether the body is whole now that the connection has ended."""
        self.ended = True
        return True


class Counted(Framing):
    """A body of `length` bytes."""

    def __init__(self, length: int) -> None:
        self.left = length
        self.ended = length == 0

    def feed(self, data: bytes) -> bytes:
        body = data[: self.left]
        self.left -= len(body)
        if not self.left:
            self.ended = True
            self.rest = data[len(body) :]
        return body

    def closed(self) -> bool:
        return self.ended


class Chunked(Framing):
    """A body in chunks, each with its size before it; the last one is empty and may have trailers."""

    def __init__(self) -> None:
        self.tail = b""  # a line not yet complete
        self.left = 0  # of the chunk being read
        self.expected = "size"
        self.trailers = 0

    def feed(self, data: bytes) -> bytes:
        if self.expected == "size" and not self.tail and (found := LONE.match(data)):
            begin, end = found.end(), found.end() + int(found[1], 16)
            if begin < end == len(data) - 2 and data.endswith(b"\r\n"):
                return data[begin:end]  # one event, one chunk, as most streams come
        if self.tail:
            data, self.tail = self.tail + data, b""
        pieces, at, end = [], 0, len(data)
        while at < end and not self.ended:
            if self.left:
                piece = data[at : at + self.left]
                pieces.append(piece)
                self.left -= len(piece)
                at += len(piece)
            elif (line_end := data.find(b"\n", at)) >= 0:
                self._line(data[at:line_end].removesuffix(b"\r"))
                at = line_end + 1
            else:
                self.tail, at = data[at:], end
        if len(self.tail) > LINE_LIMIT:
            raise ValueError("a chunk's size does not end")
        self.rest = data[at:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _line(self, line: bytes) -> None:
        match self.expected:
            case "size":
                if not (size := SIZE.fullmatch(line)):
                    raise ValueError("a chunk has no size")
                self.left = int(size[1], 16)
                self.expected = "end" if self.left else "trailer"
            case "end":
                if line:
                    raise ValueError("a chunk is longer than it said")
                self.expected = "size"
            case _:
                self.trailers += 1
                self.ended = not line
                if self.trailers > TRAILERS_LIMIT:
                    raise ValueError("its trailers do not end")

    def closed(self) -> bool:
        return self.ended


def framing(method: str, head: Head) -> Framing:
    """How the body after `head` ends (RFC 9112 §6.3)."""
    if method == "HEAD" or head.status in {204, 304}:
        return Counted(0)
    if coding := head.headers.get("transfer-encoding"):
        if coding.lower() != "chunked":
            raise ValueError("its transfer-encoding is another than chunked")
        return Chunked()
    if length := head.headers.get("content-length"):
        lengths = {part.strip() for part in length.split(",")}
        if len(lengths) != 1 or not (found := lengths.pop()).isdecimal() or not found.isascii():
            raise ValueError("its content-length is no number")
        return Counted(int(found))
    head.persistent = False
    return Framing()
