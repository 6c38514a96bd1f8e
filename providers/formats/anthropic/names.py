"""Tool names: Anthropic takes [a-zA-Z0-9_-], at most 128 of them, OpenAI-like clients send more.

A name that will not do is rewritten on the way out and given back on the way in, by what the call itself
declares, so nothing has to be remembered between the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from providers.types import Ask

ALLOWED = re.compile(r"[a-zA-Z0-9_-]{1,128}")
FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")
LONGEST = 64  # of a rewritten name; all models take that many


@dataclass(frozen=True, slots=True)
class Names:
    """The rewritten names of one call, by the name as the client wrote it, and the other way round."""

    rewritten: dict[str, str]
    originals: dict[str, str]

    @classmethod
    def of(cls, ask: Ask) -> Names:
        declared = set(_declared(ask))
        taken = {name for name in declared if ALLOWED.fullmatch(name)}
        rewritten: dict[str, str] = {}
        for name in sorted(declared - taken):
            rewritten[name] = _free(_plain(name), taken)
            taken.add(rewritten[name])
        return cls(rewritten, {plain: name for name, plain in rewritten.items()})

    def wire(self, name: str) -> str:
        """A name as Anthropic takes it; one that the call did not declare is rewritten all the same."""
        return self.rewritten.get(name) or (name if ALLOWED.fullmatch(name) else _plain(name))

    def original(self, name: str) -> str:
        return self.originals.get(name, name)


def _declared(ask: Ask) -> Iterator[str]:
    """The names of all functions; what is no function is refused where tools are rendered."""
    tools = ask.body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict):
            yield str(tool["function"].get("name", ""))


def _plain(name: str) -> str:
    return FORBIDDEN.sub("_", name)[:LONGEST] or "_"


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name[: LONGEST - 4]}_{number}"
    return candidate
