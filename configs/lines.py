"""Where in a JSON text something stands: from a path of members and elements to a line, counted from 1."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from configs.aside import turn
from configs.fields import CAPITAL
from configs.violations import Path
from providers.json_text import loads

AT_ONCE = 5_000  # marks between two turns for everybody else
TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+|\n')


def lines_of(text: str, paths: Iterable[Path]) -> list[int]:
    """For each path the line on which its value begins; where there is none, what is nearest above it."""
    wanted = [spelled(path) for path in paths]
    among = {path[:length] for path in wanted for length in range(len(path) + 1)}
    deepest = max(map(len, wanted), default=0)
    places = {place: line for place, line in lines(text, deepest) if place in among}
    return [nearest(path, places) for path in wanted]


def nearest(path: Path, places: Mapping[Path, int]) -> int:
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


def spelled(path: Path) -> Path:
    return tuple(snake_case(each) if isinstance(each, str) else each for each in path)


@lru_cache(maxsize=1024)
def snake_case(name: str) -> str:
    """Rules name members so, and a text may have them in camelCase."""
    return CAPITAL.sub("_\\1", name).lower()


def lines(text: str, deepest: int) -> Iterator[tuple[Path, int]]:
    """Each value of a JSON text by its path in snake_case, and the line it begins on.

    The text is known to be JSON. Paths end one step below `deepest`.
    """
    line, opened = 1, list[list[str | int]]()  # for each open object or list: the member, or the index
    is_name = False
    for count, found in enumerate(TOKEN.finditer(text)):
        if count % AT_ONCE == 0:
            turn()
        match mark := found[0]:
            case "\n":
                line += 1
            case "}" | "]":
                opened.pop()
            case ":":
                is_name = False
            case ",":
                is_name = isinstance(opened[-1][0], str)
                if not is_name:
                    opened[-1][0] += 1  # type: ignore[operator]
            case _ if is_name and mark not in "{[":
                opened[-1][0] = snake_case(loads(mark))
            case _:
                yield tuple(each[0] for each in opened[: deepest + 1]), line
                if mark in "{[":
                    opened.append(["" if mark == "{" else 0])
                is_name = mark == "{"
