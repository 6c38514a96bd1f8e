"""The saved configs that name a virtual key: each of their calls is refused when it is gone."""

from collections.abc import Iterator

from configs.compiling import targets_of
from configs.models import Config, Status
from configs.saved import read
from configs.tree import Tree
from keys.models import VirtualKey


def told(key: VirtualKey) -> Iterator[str]:
    """The active ones, in words, for keys/uses.py."""
    rows = Config.objects.within(key.workspace_id).filter(status=Status.ACTIVE, text__contains=key.slug)
    for slug, text in rows.order_by("slug").values_list("slug", "text").iterator():
        if names(read(text)[0], key.slug):
            yield f"config {slug}"


def names(tree: Tree, slug: str) -> bool:
    """Whether a tree names a virtual key, as a target's or before a model."""
    if slug in tree.slugs:
        return True
    models = (each.settings.override.get("model") for each in targets_of(tree.root))
    return any(isinstance(model, str) and model.startswith(f"@{slug}/") for model in models)
