"""An answer on its way to the client that is to be kept, once it is known to be whole.

What is not finished, is no 200, or is larger than LARGEST is not kept. What passes through is finished when
it says so itself: a response that is completed, a message that tells why it stopped. Keeping takes no time
that a client would notice: what is shared with others is written by a thread (cache/store.py).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cache import store
from cache.entries import LARGEST, Entry
from providers.types import Reading
from proxy.outcome import Outcome

Then = Callable[[Entry], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer is kept, and for how many seconds. `then`: what else is done once it is.

    `passed`: the path of a call that passes through.
    """

    key: str
    seconds: int
    provider: str
    passed: str = ""
    then: Then | None = None

    def keeping(self, outcome: Outcome) -> Outcome:
        """The same outcome; what it answers is kept when it is finished."""
        if outcome.status != 200 or outcome.problem is not None:
            return outcome
        if outcome.stream is not None:
            if outcome.content_type.startswith("text/event-stream"):
                self.listen(outcome)
        elif outcome.content_type.startswith("application/json") and outcome.verdict == "finished":
            self.keep(bytes(outcome.body), outcome.reading, streamed=False)
        return outcome

    def listen(self, outcome: Outcome) -> None:
        """Keep a stream's bytes as they go to the client; those held back already are its first."""
        stream = outcome.stream
        assert stream is not None
        copy = Copy(self, stream.reading)
        copy.add(stream.held)
        stream.pieces = copy.following(stream.pieces)

    def keep(self, body: bytes, reading: Reading, *, streamed: bool) -> None:
        if len(body) > LARGEST or reading.problem is not None or not reading.ended:
            return
        if not says_its_end(self.passed, reading.finish, streamed=streamed):
            return
        usage = None if reading.partial else reading.usage
        entry = Entry(body, streamed, self.provider, reading.model, reading.finish, usage, time.time())
        store.keep(self.key, entry, self.seconds)
        if self.then is not None:
            self.then(entry)


def says_its_end(path: str, finish: str, *, streamed: bool) -> bool:
    """Whether what passes through is whole by its own word. Other streams have no word for it."""
    match path:
        case "":
            return True
        case "/responses":
            return finish == "completed"
        case "/messages":
            return finish not in ("", "pause_turn")
    return not streamed


class Copy:
    """What of a stream went to the client so far; nothing, once it is too much."""

    def __init__(self, place: Place, reading: Reading) -> None:
        self.place, self.reading = place, reading
        self.parts: list[bytes] | None = []
        self.size = 0

    def following(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.add(piece)
            yield piece

    def add(self, piece: bytes) -> None:
        """The next piece; the one that ends the answer has it kept."""
        if self.parts is None:
            return
        self.parts.append(piece)
        self.size += len(piece)
        if self.size > LARGEST or self.reading.problem is not None:
            self.parts = None
        elif self.reading.ended:
            self.place.keep(b"".join(self.parts), self.reading, streamed=True)
            self.parts = None
