"""What is another in a text than it was before, line by line, with a few lines around it.

Of very much a part is shown, and it is said how much is not: a config has room for a hundred thousand lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

AROUND = 3  # lines
SHOWN = 500  # lines of very many that went, and of very many that came
LONGEST = 4_000  # characters of a line that are shown
COMPARED = 250  # lines at most that are compared with one another: it takes their product


@dataclass(frozen=True, slots=True)
class Line:
    """`mark`: "-" for a line that went, "+" for one that came, " " for one that stayed, "…" for a gap."""

    mark: str
    text: str = ""


def differences(before: str, after: str) -> list[Line]:
    """Empty if there are none."""
    return [replace(line, text=cut(line.text)) for line in every(before, after)]


def cut(text: str) -> str:
    rest = len(text) - LONGEST
    return f"{text[:LONGEST]} … and {rest:,} more characters, which are not shown" if rest > 0 else text


def every(before: str, after: str) -> list[Line]:
    old, new = before.splitlines(), after.splitlines()
    if old == new:
        return []
    start = same(old, new)
    end = same(old[start:][::-1], new[start:][::-1])
    head = old[max(0, start - AROUND) : start]
    tail = old[len(old) - end :][:AROUND]
    told = [Line("…")] if start > AROUND else []
    told += [Line(" ", text) for text in head]
    told += between(old[start : len(old) - end], new[start : len(new) - end])
    told += [Line(" ", text) for text in tail]
    return [*told, Line("…")] if end > AROUND else told


def same(some: list[str], others: list[str]) -> int:
    """How many lines are the same from the beginning."""
    for index, (one, other) in enumerate(zip(some, others, strict=False)):
        if one != other:
            return index
    return min(len(some), len(others))


def between(old: list[str], new: list[str]) -> Iterator[Line]:
    if max(len(old), len(new)) > COMPARED:
        yield from few("-", old)
        yield from few("+", new)
        return
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            yield from stayed(old[a:b])
            continue
        yield from (Line("-", text) for text in old[a:b])
        yield from (Line("+", text) for text in new[c:d])


def few(mark: str, lines: list[str]) -> Iterator[Line]:
    yield from (Line(mark, text) for text in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield Line("…", f"and {len(lines) - SHOWN:,} more, which are not shown")


def stayed(lines: list[str]) -> Iterator[Line]:
    """Lines between two changes; of many those next to the changes."""
    if len(lines) <= 2 * AROUND + 1:
        yield from (Line(" ", text) for text in lines)
        return
    yield from (Line(" ", text) for text in lines[:AROUND])
    yield Line("…")
    yield from (Line(" ", text) for text in lines[-AROUND:])
