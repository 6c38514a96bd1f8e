"""How clients speak: each dialect puts its calls into the common form and tells answers from it.

One file a dialect. `chat` is the common form itself, but for the extras a strict client does not get.
"""

from typing import Protocol

from providers.dialects import chat, completions
from providers.errors import NotSupported
from providers.types import JSON, Ask, Event, Provider


class Writer(Protocol):
    """Tells one stream of events to the client."""

    def write(self, event: Event) -> bytes:
        """What one event says to the client, in one piece; empty if nothing."""


class Dialect(Protocol):
    def common(self, ask: Ask) -> Ask:
        """The call in the common form."""

    def answer(self, provider: Provider, ask: Ask, common: JSON) -> JSON:
        """A whole answer for the client."""

    def writer(self, provider: Provider, ask: Ask) -> Writer: ...


DIALECTS: dict[str, Dialect] = {"chat": chat.Chat(), "completions": completions.Completions()}


def dialect_of(ask: Ask) -> Dialect:
    """Raises NotSupported."""
    try:
        return DIALECTS[ask.dialect]
    except KeyError:
        raise NotSupported(f"Calls in the words of {ask.dialect} are not served here.") from None
