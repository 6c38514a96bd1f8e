"""The parameters of a request as a config changes them: defaults, the client's own, overrides, drops.

Pure, and without Django: large bodies are changed in a process of their own (proxy/apart_child.py).
"""

from collections.abc import Iterable, Mapping
from operator import is_not
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

NOT_A_MODEL = "portkey-default"  # Portkey's Python SDK sends it where the caller named none


def laid_over(
    body: Mapping[str, Any], default: Mapping[str, Any], override: Mapping[str, Any], drop: tuple[Path, ...]
) -> dict[str, Any]:
    """The parameters of a body that is a target's own."""
    if body.get("model") == NOT_A_MODEL:
        body = {name: value for name, value in body.items() if name != "model"}
    told = {**default, **body, **override}
    return dict(without(told, Drops(drop))) if drop else told


class Drops:
    """The paths that lead on from one place, in their order.

    `whole`: one of them ends here. `names`: which may be members; `*` is one as well. `is_counting`: whether
    any goes by an index.
    """

    __slots__ = ("below", "is_counting", "names", "paths", "plans", "whole")

    def __init__(self, paths: Iterable[Path]) -> None:
        every = list(paths)
        self.paths = [path for path in every if path]
        self.whole = len(self.paths) < len(every)
        self.names = {path[0] for path in self.paths if isinstance(path[0], str)}
        self.is_counting = any(isinstance(path[0], int) for path in self.paths)
        self.below: dict[str, Drops] = {}
        self.plans: dict[int, dict[int, Drops | None]] = {}

    def after(self, name: str) -> "Drops":
        """What leads on from that member, or with `*` from every element; made once for all of them."""
        if name not in self.below:
            self.below[name] = Drops(path[1:] for path in self.paths if path[0] == name)
        return self.below[name]

    def plan(self, length: int) -> "dict[int, Drops | None]":
        """The same for each element of a list of that length, see `planned`."""
        if length not in self.plans:
            self.plans[length] = planned(self.paths, length)
        return self.plans[length]


def without(value: Any, drops: Drops) -> Any:
    """The value without what the paths lead to, one after the other; what does not change is not copied."""
    if isinstance(value, dict):
        return thinned(value, drops)
    if isinstance(value, list) and value:
        return recounted(value, drops) if drops.is_counting else shortened(value, drops)
    return value


def thinned(value: dict[str, Any], drops: Drops) -> dict[str, Any]:
    """An object without some members, or with some shortened."""
    changed = value
    for name in value.keys() & drops.names:
        below = drops.after(name)
        if not below.whole and (inner := without(value[name], below)) is value[name]:
            continue
        changed = dict(value) if changed is value else changed
        if below.whole:
            del changed[name]
        else:
            changed[name] = inner
    return changed


def shortened(value: list[Any], drops: Drops) -> list[Any]:
    """A list whose elements are all the same to the paths."""
    if "*" not in drops.names:
        return value
    if (below := drops.after("*")).whole:
        return []
    changed = [without(each, below) if isinstance(each, dict | list) else each for each in value]
    return changed if any(map(is_not, changed, value)) else value


def recounted(value: list[Any], drops: Drops) -> list[Any]:
    """A list of whose elements some are named by their place among those that are left by then."""
    plan = drops.plan(len(value))
    common = drops.after("*")
    changed = [
        without(each, plan[at] or common) if isinstance(each := value[at], dict | list) else each
        for at in plan
    ]
    return changed if len(changed) < len(value) or any(map(is_not, changed, value)) else value


def planned(paths: Iterable[Path], length: int) -> dict[int, Drops | None]:
    """Which of so many elements are left, each with what leads on from it; None: what does from all."""
    left, leading = list(range(length)), list[tuple[int | str, Path]]()
    for step, *rest in paths:
        if step == "*":
            if not rest:
                return {}
            leading.append(("*", tuple(rest)))
        elif isinstance(step, int) and step < len(left):
            if rest:
                leading.append((left[step], tuple(rest)))
            else:
                del left[step]
    own = {at for at, _ in leading}
    return {at: Drops(path for to, path in leading if to in ("*", at)) if at in own else None for at in left}
