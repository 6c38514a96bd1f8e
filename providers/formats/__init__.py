"""The wire formats: one file, or one folder, for each.

A WireFormat serves clients that speak its words by passing bytes on, all others by translation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from providers import passing, problems, retelling, translating
from providers.accent import Accent
from providers.errors import NotSupported, Unrenderable
from providers.passing import Tap
from providers.translating import Translation
from providers.types import Ask, Problem, Provider, Reading


def _common_problem(slug: str, status: int, body: bytes) -> Problem:
    return problems.problem_of(slug, body)


@dataclass(frozen=True, slots=True)
class WireFormat:
    """`dialect`: whose words these are. Without a tap that dialect is translated too; without a
    translation no other is served. `accent`: how this provider's differ."""

    dialect: str
    tap: Tap | None = None
    accent: Accent | None = None
    translation: Translation | None = None
    problems: Callable[[str, int, bytes], Problem] = _common_problem

    def passes(self, dialect: str) -> bool:
        return self.tap is not None and dialect == self.dialect and self._retold() is None

    def body(self, provider: Provider, ask: Ask) -> tuple[bytes, tuple[str, ...]]:
        try:
            if self.tap and ask.dialect == self.dialect:
                return passing.body(self.tap, self.accent, provider, ask)
            return translating.body(self._translation(provider, ask), ask)
        except RecursionError:
            raise Unrenderable("The body is nested too deeply.") from None

    def answer(self, provider: Provider, ask: Ask, body: bytes, reading: Reading) -> bytes:
        if self.tap and ask.dialect == self.dialect:
            if accent := self._retold():
                return retelling.answer(self.tap, accent, provider, ask, body, reading)
            return passing.answer(self.tap, provider, body, reading)
        return translating.answer(self._translation(provider, ask), provider, ask, body, reading)

    def stream(
        self, provider: Provider, ask: Ask, chunks: Iterable[bytes], reading: Reading
    ) -> Iterator[bytes]:
        if self.tap and ask.dialect == self.dialect:
            if accent := self._retold():
                return retelling.stream(self.tap, accent, provider, ask, chunks, reading)
            return passing.stream(self.tap, provider, ask, chunks, reading)
        return translating.stream(self._translation(provider, ask), provider, ask, chunks, reading)

    def problem(self, provider: Provider, status: int, body: bytes) -> Problem:
        return self.problems(provider.slug, status, body)

    def _retold(self) -> Accent | None:
        """The accent that answers come with, if they do."""
        return self.accent if self.accent and self.accent.answers else None

    def _translation(self, provider: Provider, ask: Ask) -> Translation:
        if self.translation is None:
            raise NotSupported(f"Calls in the words of {ask.dialect} are not supported by {provider.slug}.")
        return self.translation
