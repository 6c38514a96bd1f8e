"""Whether a body says what it says but once: no member of an object has the name of another.

JSON allows it, and everybody reads it differently: one goes by the first, one by the last. A parser keeps one
of them, so the members that are written are counted against those of the value that was read: by the colons
outside of texts, of which each member has one, at the speed at which bytes are searched.
"""

import time
from typing import Any

from providers.json_text import dumps

LITTLE = 64 * 1024  # bytes that are counted in a millisecond


def is_clear(text: bytes, value: Any) -> bool:
    """Whether every member of a JSON text is one of the value that was read from it.

    False, too, for a text in another encoding than UTF-8, or one nested beyond measure.
    """
    if b"\0" in text:  # as each of the others has it, and JSON in UTF-8 never
        return False
    try:
        written = members(text)
        if len(text) > LITTLE:
            time.sleep(1e-6)  # a turn of the others, where gevent runs the process
        return written == members(dumps(value))
    except RecursionError:
        return False


def members(text: bytes) -> int:
    """How many members are written in a JSON text, of all its objects."""
    if b"\\" in text:
        # A run of backslashes begins with an escape, so they go in pairs; then escaped quotes go.
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2]).count(b":")
