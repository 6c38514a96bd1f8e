"""What came of a leaf: a value like any other, so that configs can decide by its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from providers.types import Problem, Reading
from proxy.apart_child import Bytes

if TYPE_CHECKING:
    from proxy.streaming import Stream


@dataclass(slots=True)
class Outcome:
    """An answer or an error, whole or streamed, on its way to the client.

    `verdict` is what the record calls it if it stands: finished, failed, or refused (by the gateway).
    `bodies` are kept with the record; a stream keeps its own. `unasked`: the provider offers no such
    thing, so the answer is the gateway's and none of a leaf's headers go with it. `is_retryable`: nothing was
    answered at all. `is_last`: the call has had its time or its tries. `amounts_to`: the status that a stream
    amounts to which goes out as it came, and failed before its first content. `from_cache`: no provider was
    asked.
    """

    status: int
    body: Bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    verdict: str = "finished"
    reading: Reading = field(default_factory=Reading)
    problem: Problem | None = None
    bodies: dict[str, Bytes] = field(default_factory=dict)
    stream: Stream | None = None
    unasked: bool = False
    is_retryable: bool = False
    is_last: bool = False
    amounts_to: int = 0
    from_cache: bool = False

    @property
    def counts_as(self) -> int:
        """The status that a config decides by."""
        return self.amounts_to or self.status

    @property
    def is_final(self) -> bool:
        """Whether nothing else is tried after it, whatever a config says."""
        return self.unasked or self.is_last

    def leave(self) -> None:
        """Something else is tried in its place."""
        if self.stream is not None:
            self.stream.leave()
