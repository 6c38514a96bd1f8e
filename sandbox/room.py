"""What a room of the sandbox is given, and what it gives back.

A room is a function from Arrived to Reply, one for each kind of endpoint; views.py has the table of
them, stage.py sends what they reply. A request that the provider would refuse raises Mistaken. Pure.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from sandbox.manners import Manners, manners
from sandbox.speech import JSON, Mistaken

STREAM = "text/event-stream; charset=utf-8"
LOOKED_INTO = 8 << 20  # bytes of a body; all is read in the one thread there is


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request. `target` is path and query string as they came, `name` what stands in the path where
    the table leaves it open (an id); the names of `headers` are lower-case."""

    method: str
    target: str
    name: str
    headers: Mapping[str, str]
    body: bytes

    def modest(self) -> bytes:
        """The body, unless looking into it would take long."""
        if len(self.body) > LOOKED_INTO:
            raise Mistaken(f"The sandbox looks into no more than {LOOKED_INTO} bytes.", status=413)
        return self.body

    def json(self) -> object:
        try:
            return json.loads(self.modest())
        except (ValueError, RecursionError) as wrong:
            raise Mistaken(f"We could not parse the JSON body of your request: {wrong}") from wrong

    def fields(self) -> Mapping[str, Any]:
        """The body as an object, which is what all but a few rooms want."""
        if isinstance(value := self.json(), Mapping):
            return value
        raise Mistaken("We could not parse the JSON body of your request: an object is expected")

    def option(self, name: str) -> str:
        """The first value of a parameter in the query string; empty without one."""
        return parse_qs(self.target.partition("?")[2]).get(name, [""])[0]

    def manners(self) -> Manners:
        """How to answer where no body says it: the query string may name a model."""
        return manners(self.option("model"), "")[0]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way: the pieces of one body, or the events of a stream, the last of which is its
    terminal marker. `broken` is the event that a stream may break off with."""

    manners: Manners
    pieces: Iterable[bytes]
    kind: str = "application/json"
    broken: bytes = b""


def whole(told: Manners, value: JSON) -> Reply:
    """A reply of one JSON object."""
    return Reply(told, (json.dumps(value, ensure_ascii=False).encode(errors="replace"),))


def stream(told: Manners, events: Iterable[bytes], broken: bytes) -> Reply:
    return Reply(told, events, STREAM, broken)
