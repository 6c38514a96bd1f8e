"""How a node of a config is known where something is remembered of it: a breaker, the choices of callers."""

from configs.tree import Tree

SEPARATOR = ":"
DIGITS = 16  # of the digest of a config's text
INLINE = "inline"  # in the place of a slug: the config stood in a request


def beginning(workspace_id: str, slug: str) -> str:
    """What the places of all nodes of a config begin with, in any version of it."""
    return f"{workspace_id}{SEPARATOR}{slug}{SEPARATOR}"


def room(place: str) -> str:
    """What a place shares with those of the same config, in any version: what is bounded together."""
    return SEPARATOR.join(place.split(SEPARATOR, 2)[:2])


def is_inline(place: str) -> bool:
    """Whether the config stood in a request, so that anybody who may call can make as many as they like."""
    return place.split(SEPARATOR, 2)[1:2] == [INLINE]


def lasting(workspace_id: str, slug: str, tree: Tree, path: str) -> str:
    """The same of a saved config whatever its text: choices are to last when a weight is changed."""
    if slug in ("", INLINE):
        return place(workspace_id, slug, tree, path)
    return beginning(workspace_id, slug) + path


def place(workspace_id: str, slug: str, tree: Tree, path: str) -> str:
    """The name of the node at `path`. With another text a config is another one."""
    return f"{beginning(workspace_id, slug or INLINE)}{tree.digest[:DIGITS]}:{path}"
