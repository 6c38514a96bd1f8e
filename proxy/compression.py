"""Bodies that come compressed although we asked for none: taken apart in small pieces, and to their end."""

import zlib

CODINGS = {"gzip", "x-gzip", "deflate"}
REFUSED = {"br", "zstd", "compress", "dcb", "dcz"}
PIECE = 16 * 1024  # bytes that come out at once: what comes in may grow a thousandfold


class Inflating:
    """A compressed body. `more`: what was fed may hold more than has come out."""

    __slots__ = ("_begun", "_inflate", "more")

    def __init__(self, coding: str) -> None:
        """Raises ValueError for a coding we cannot undo."""
        if coding not in CODINGS:
            known = (
                coding if coding in REFUSED else "something"
            )  # a provider may say anything, our secret too
            raise ValueError(f"its body is compressed as {known}, which was not asked for")
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._begun = self.more = False

    @property
    def whole(self) -> bool:
        """Whether the end was seen. A body of no bytes at all is none to undo."""
        return self._inflate.eof or not self._begun

    def feed(self, data: bytes) -> bytes:
        """The next piece of the body. Raises ValueError, zlib.error."""
        self._begun = self._begun or bool(data)
        piece = self._inflate.decompress(self._inflate.unconsumed_tail + data, PIECE)
        if self._inflate.unused_data:
            raise ValueError("something follows its compressed body")
        self.more = len(piece) == PIECE or bool(self._inflate.unconsumed_tail)
        return piece
