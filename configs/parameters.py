"""The parameters of a request as a config changes them: defaults, the client's own, overrides, drops.

Pure, and without Django: large bodies are changed in a process of their own (proxy/apart_child.py).
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

NOT_A_MODEL = "portkey-default"  # Portkey's Python SDK sends it where the caller named none


def laid_over(
    body: Mapping[str, Any], default: Mapping[str, Any], override: Mapping[str, Any], drop: tuple[Path, ...]
) -> dict[str, Any]:
    """The parameters of a body that is a target's own."""
    if body.get("model") == NOT_A_MODEL:
        body = {name: value for name, value in body.items() if name != "model"}
    told: Any = {**default, **body, **override}
    for path in drop:
        told = without(told, path)
    return dict(told)


def without(value: Any, path: Path) -> Any:
    """A copy of the value in which what stands at the path is not; the value itself if nothing does."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(value, dict) and step in value:
        if rest:
            return {**value, step: without(value[step], rest)}
        return {name: inner for name, inner in value.items() if name != step}
    if isinstance(value, list):
        return shortened(value, step, rest)
    return value


def shortened(value: list[Any], step: str | int, rest: Path) -> list[Any]:
    """A list without an element, or with that element shortened; `*` means all of them."""
    hit = [step == "*" or step == index for index in range(len(value))]
    if rest:
        return [without(each, rest) if at else each for each, at in zip(value, hit, strict=True)]
    return [each for each, at in zip(value, hit, strict=True) if not at]
