"""What is wrong with a value, and where; wrong kinds of members in the words of Portkey's validator."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

HUGE = 1e15

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong, and where."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"path: {','.join(map(str, self.path))}, message: {self.message}"


Found: TypeAlias = Iterator[Violation]


def kind(path: Path, expected: str, value: object) -> Violation:
    if value is Missing:
        return Violation(path, "Required")
    if expected == "number" and kind_of(value) == "number":
        return Violation(path, beyond(value))
    return Violation(path, f"Expected {expected}, received {kind_of(value)}")


def beyond(value: Any) -> str:
    """What is said of a number that cannot be reckoned with."""
    if value > 0:
        return f"Number must be less than or equal to {HUGE:.0f}"
    return (
        f"Number must be greater than or equal to {-HUGE:.0f}"
        if value < 0
        else "Expected number, received nan"
    )


class Missing:
    """In the place of a member that is not there."""


def kind_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


KINDS: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and fits(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
}


def fits(value: float) -> bool:
    """Whether a number is one that can be reckoned with; 1e400 is read as infinity."""
    return -HUGE <= value <= HUGE


def members(value: Mapping[str, Any], path: Path, **expected: str) -> Found:
    """Members of the wrong kind. A kind that begins with `!` is of one that must be there."""
    for name, wanted in expected.items():
        found = value.get(name, Missing)
        if found is Missing and not wanted.startswith("!"):
            continue
        if found is Missing or not KINDS[wanted.lstrip("!")](found):
            yield kind((*path, name), wanted.lstrip("!"), found)


def listed(value: Mapping[str, Any], name: str, path: Path, wanted: str) -> Found:
    """What in a list is of the wrong kind; that it is none is told as well."""
    found = value.get(name, Missing)
    if found is Missing:
        return
    if not isinstance(found, list):
        yield kind((*path, name), "array", found)
        return
    for index, each in enumerate(found):
        if not KINDS[wanted](each):
            yield kind((*path, name, index), wanted, each)


def unknown(value: Mapping[str, Any], path: Path, known: Iterable[str]) -> Found:
    for name in value:
        if name not in known:
            yield Violation((*path, name), f"There is no member '{name}' here.")


def outside(value: Mapping[str, Any], name: str, path: Path, least: int, most: int | None = None) -> Found:
    """That a number is below the least or above the most that it may be."""
    number: Any = value.get(name)
    if is_number(number) and number < least:
        yield Violation((*path, name), f"Number must be greater than or equal to {least}")
    elif is_number(number) and most is not None and number > most:
        yield Violation((*path, name), f"Number must be less than or equal to {most}")


def is_number(value: object) -> bool:
    return KINDS["number"](value)
