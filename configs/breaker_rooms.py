"""What is kept by a breaker's key, bounded: in all, and for each config, so that it pushes out no other's."""

from collections.abc import ItemsView, Iterator, MutableMapping
from typing import Generic, TypeVar

from configs.places import room

AT_MOST = 10_000  # values
AT_MOST_EACH = 2_000  # of one config

V = TypeVar("V")


class Rooms(MutableMapping[str, V], Generic[V]):
    """Values by key. One too many drives the oldest out: of its config's, or else of all."""

    def __init__(self) -> None:
        self._values: dict[str, V] = {}
        self._rooms: dict[str, dict[str, None]] = {}

    def __getitem__(self, key: str) -> V:
        return self._values[key]

    def get(self, key: str, default: V | None = None) -> V | None:  # type: ignore[override]
        """As the class it comes from has it, but quick: each call asks."""
        return self._values.get(key, default)

    def __setitem__(self, key: str, value: V) -> None:
        if key in self._values:
            self._values[key] = value
            return
        self._values[key] = value
        mine = self._rooms.setdefault(room(key), {})
        mine[key] = None
        if len(mine) > AT_MOST_EACH:
            del self[next(iter(mine))]
        elif len(self._values) > AT_MOST:
            del self[next(iter(self._values))]

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        mine = self._rooms[room(key)]
        del mine[key]
        if not mine:
            del self._rooms[room(key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def items(self) -> ItemsView[str, V]:
        return self._values.items()

    def __len__(self) -> int:
        return len(self._values)
