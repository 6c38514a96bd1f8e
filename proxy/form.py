"""The model in a multipart form: found where it stands, and written anew there.

A form is read whole, once, and as RFC 2046 has it: its boundary, the parts between, the one that is named
`model` (proxy/form_headers.py). Nothing of it is copied, and other calls have their turns meanwhile. One that
could be read in two ways has a `fault`: it can pass through, but nobody can say that a model is set in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from proxy import form_headers
from proxy.apart_child import Bytes
from proxy.form_headers import LONGEST, MODEL, Unclear
from proxy.turns import Turn

KIND = "multipart/form-data"
LINE_END = b"\r\n"
PIECE = 256 * 1024  # bytes that are searched before others may get their turn
MOST_PARTS = 1_000
LONGEST_MODEL = 512  # bytes

MISPLACED = "its boundary stands where no part begins or ends (by lines that end in CR LF)"
SURROUNDED = "something stands before its first boundary or after its last"  # for some that is a part
NOT_CLOSED = "it does not end with its boundary"
TOO_MANY = f"it has more than {MOST_PARTS} parts"
NO_HEADERS = f"a part has no headers, or more than {LONGEST} bytes of them"
TWICE = "more than one of its parts is named `model`"
TOO_LONG = f"its model is longer than {LONGEST_MODEL} bytes"
IN_NAME = "its boundary stands in the name of the model"


@dataclass(frozen=True, slots=True)
class Form:
    """What has been read of a form.

    `line`: what separates the parts, `start`: where it stands first; `model`: where the content of the first
    part of that name begins and ends; `fault`: why another may read it otherwise, "" if nobody can.
    """

    line: bytes = b""
    start: int = 0
    model: tuple[int, int] | None = None
    fault: str = ""


def read(content_type: str, raw: Bytes) -> Form:
    """The form in these bytes, whatever they are."""
    try:
        line = b"--" + form_headers.boundary(content_type)
    except Unclear as unclear:
        return Form(fault=str(unclear))
    return Reading(raw, line).form()


def model(form: Form, raw: Bytes) -> str:
    """The name in the part `model`; "" if there is none."""
    return raw[slice(*form.model)].decode("utf-8", "replace") if form.model else ""


def relabelled(form: Form, raw: Bytes, name: str) -> Bytes:
    """The form with another model's name, where it has one."""
    return spliced(raw, form.model, name.encode()) if form.model else raw


def with_model(form: Form, raw: Bytes, name: str) -> tuple[Form, Bytes]:
    """The form with this model's name, in a part of its own where there was none. Raises Unclear."""
    text = name.encode()
    if form.fault:
        raise Unclear(form.fault)
    if form.line in text:
        raise Unclear(IN_NAME)
    if form.model:
        begin, end = form.model
        return replace(form, model=(begin, begin + len(text))), spliced(raw, (begin, end), text)
    head = form.line + b'\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
    begin = form.start + len(head)
    part = head + text + LINE_END
    return replace(form, model=(begin, begin + len(text))), spliced(raw, (form.start, form.start), part)


def spliced(raw: Bytes, place: tuple[int, int], text: bytes) -> Bytes:
    """The bytes with others at a place of theirs; copied once, and where they are many, piece by piece."""
    whole = memoryview(raw)
    parts = whole[: place[0]], memoryview(text), whole[place[1] :]
    return b"".join(parts) if len(raw) <= PIECE else joined(parts)


def joined(parts: Sequence[memoryview]) -> bytearray:
    """The same as one; others have their turns while it is copied."""
    turn = Turn()
    made = bytearray(sum(map(len, parts)))
    room, at = memoryview(made), 0
    for part in parts:
        for start in range(0, len(part), PIECE):
            piece = part[start : start + PIECE]
            room[at : at + len(piece)] = piece
            at += len(piece)
            turn.offer()
    return made


@dataclass(slots=True)
class Reading:
    """A form while it is read. `begun`: where the part that has not ended yet begins; 0: none has."""

    raw: Bytes
    line: bytes
    start: int = 0
    begun: int = 0
    is_closed: bool = False
    model: tuple[int, int] | None = None
    fault: str = ""

    def form(self) -> Form:
        for count, at in enumerate(places(self.raw, self.line)):
            if count > MOST_PARTS:
                self.doubt(TOO_MANY)
                break
            self.meet(at)
        if not self.is_closed:
            self.doubt(NOT_CLOSED)
        return Form(self.line, self.start, self.model, self.fault)

    def doubt(self, fault: str) -> None:
        self.fault = self.fault or fault

    def meet(self, at: int) -> None:
        """The separating line, if it is one, is met here."""
        after = at + len(self.line)
        is_alone = at == 0 or self.raw[max(at - 2, 0) : at] == LINE_END
        is_last = self.raw[after : after + 2] == b"--"
        if self.is_closed or not is_alone or not (is_last or self.raw[after : after + 2] == LINE_END):
            self.doubt(MISPLACED)
            return
        if self.begun:
            self.part(self.begun, at - 2)
        else:
            self.start = at
        self.begun, self.is_closed = after + 2, is_last
        is_first = self.start == at
        # A line end before the first boundary is nothing to anybody, nor are two behind the last.
        behind = bytes(self.raw[after + 2 : after + 7]) if is_last else b""
        if (is_first and at > 2) or behind not in (b"", LINE_END, LINE_END * 2):
            self.doubt(SURROUNDED)

    def part(self, begin: int, end: int) -> None:
        """A part stands here: headers, an empty line, content. One without headers begins with that line."""
        head = self.raw.find(LINE_END * 2, begin - 2, min(end, begin + LONGEST))
        if head < 0:
            self.doubt(NO_HEADERS)
            return
        try:
            if form_headers.name(bytes(self.raw[begin:head])) == MODEL:
                self.named(head + 4, end)
        except Unclear as unclear:
            self.doubt(str(unclear))

    def named(self, begin: int, end: int) -> None:
        """The name of the model stands here."""
        if self.model:
            self.doubt(TWICE)
        elif end - begin > LONGEST_MODEL:
            self.doubt(TOO_LONG)
        else:
            self.model = begin, end


def places(raw: Bytes, line: bytes) -> Iterator[int]:
    """Wherever the line stands, in order; others have their turns while it is looked for."""
    at, turn = 0, Turn()
    while at < len(raw):
        found = raw.find(line, at, at + PIECE + len(line) - 1)
        if found >= 0:
            yield found
        at = found + len(line) if found >= 0 else at + PIECE
        turn.offer()
