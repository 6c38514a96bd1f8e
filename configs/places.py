"""How a node of a config is known where something is remembered of it: a breaker, the choices of callers."""

from configs.tree import Tree

INLINE = "inline"  # in the place of a slug: the config stood in a request


def lasting(workspace_id: str, slug: str, tree: Tree, path: str) -> str:
    """The same of a saved config whatever its text: choices are to last when a weight is changed."""
    if slug in ("", INLINE):
        return place(workspace_id, slug, tree, path)
    return f"{workspace_id}:{slug}:{path}"


def place(workspace_id: str, slug: str, tree: Tree, path: str) -> str:
    """The name of the node at `path`. With another text a config is another one."""
    return f"{workspace_id}:{slug or INLINE}:{tree.digest[:16]}:{path}"
