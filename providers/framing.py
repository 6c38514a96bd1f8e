"""Bytes to frames: server-sent events, however the bytes were cut on the way.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, with one
difference: what is left at the end without a blank line is a last frame, since providers forget that line.
Each frame keeps its bytes, so that a stream can be passed on as it came.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from providers.errors import Garbled
from providers.types import Frame

PAUSE = Frame("", b"", b"")
FRAME_LIMIT = 1024 * 1024  # bytes; a frame that grows beyond is no event but a fault
LINES_LIMIT = 10_000  # in one frame
BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
LINE_ENDS = (b"\n", b"\r")
BOM = b"\xef\xbb\xbf"


def sse_frames(
    chunks: Iterable[bytes], calm: Callable[[bytes], bool] = lambda chunk: False
) -> Iterator[Frame]:
    """The frames of a stream of server-sent events. An empty chunk comes out as PAUSE.

    A frame without data (a comment, blank lines) is yielded too, for its bytes; and so are, in one, whole
    frames of which `calm` says that nobody needs to look at them. Raises Garbled.
    """
    held = bytearray()
    for chunk in chunks:
        if not chunk:
            yield PAUSE
        elif not held and calm(chunk):
            yield Frame("", b"", chunk)
        elif not held and (frame := _plain_frame(chunk)):
            yield frame
        else:
            searched = max(len(held) - 3, 0)
            held += chunk
            yield from _whole_frames(held, searched)
    if held:
        yield _frame(bytes(held))


def _plain_frame(chunk: bytes) -> Frame | None:
    """The frame of a chunk that is one frame of the plainest form, as most chunks are; else None."""
    if chunk[-2:] != b"\n\n" or b"\r" in chunk:
        return None
    event, data = b"", chunk[6:-2]
    if chunk.startswith(b"event: "):
        event, _, data = chunk[7:-2].partition(b"\ndata: ")
    elif not chunk.startswith(b"data: "):
        return None
    if not data or b"\n" in data or b"\n" in event:
        return None
    return Frame(event.decode("utf-8", "replace"), data, chunk)


def _whole_frames(held: bytearray, searched: int) -> Iterator[Frame]:
    """Takes the complete frames out of what is held, whose first `searched` bytes hold no blank line."""
    while end := _frame_end(held, searched):
        raw = bytes(held[:end])
        del held[:end]
        searched = 0
        yield _plain_frame(raw) or _frame(raw)
    if len(held) > FRAME_LIMIT:
        raise Garbled(f"An event of the stream is larger than {FRAME_LIMIT} bytes.")


def _frame_end(held: bytearray, searched: int) -> int:
    """Where the first frame ends; 0 if that is not known yet."""
    found = BLANK_LINE.search(held, searched)
    if found is None:
        return 0
    end = found.end()
    # A carriage return at the very end may be the first half of a line end.
    return 0 if end == len(held) and held[-1] == 13 else end


def _frame(raw: bytes) -> Frame:
    if raw.count(b"\n") + raw.count(b"\r") > 2 * LINES_LIMIT:
        raise Garbled(f"An event of the stream has more than {LINES_LIMIT} lines.")
    event = ""
    data = []
    for line in raw.removeprefix(BOM).splitlines():
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ").decode("utf-8", "replace")
    return Frame(event, b"\n".join(data), raw)
