"""How a workspace tells that two questions are alike, by heart: also that it does not."""

from dataclasses import dataclass

from cache.models import SemanticCache
from keys import directory
from keys.shelf import Kind, Tag


@dataclass(frozen=True, slots=True)
class Likeness:
    """`virtual_key`: the slug of whose embeddings it goes by; `threshold`: the least cosine."""

    virtual_key: str
    model: str
    threshold: float
    dimensions: int | None = None


OFF = Likeness("", "", 1.0)


def find(workspace_id: str) -> Likeness | None:
    """The workspace's way; None if it has none. Raises DirectoryAway."""
    found = shelf.find(workspace_id)
    return None if found is None or not found.virtual_key else found


def load(workspace_id: str) -> tuple[Likeness, list[Tag]]:
    """The way, or OFF; either depends on a row whose key is the workspace's, whether there is one or not."""
    rows = SemanticCache.objects.filter(workspace_id=workspace_id, enabled=True)
    row = rows.select_related("virtual_key").first()
    tags = [(SemanticCache.kind, workspace_id)]
    if row is None:
        return OFF, tags
    return Likeness(row.virtual_key.slug, row.model, row.threshold, row.dimensions), tags


shelf = directory.shelf(Kind(SemanticCache.kind, load))
