"""The saved configs of a workspace: from a slug to the tree it stands for, by heart where it is known."""

import re
from dataclasses import dataclass

from django.db.models import OuterRef, Subquery

from configs.aside import KEPT
from configs.compiling import Invalid, NotJSON, compiled
from configs.creation import violations_of
from configs.models import Config, ConfigVersion, Status
from configs.tree import PLAIN, Tree
from configs.violations import Violation
from configs.weighing import weight
from keys import directory
from keys.shelf import Kind, Tag

AT_MOST = 5_000  # configs known by heart …
ROOM = 64 << 20  # … and bytes of them: a tree may have a thousand targets
SLUG = re.compile(r"[A-Za-z0-9_-]{1,255}")
VERSION_ID = Subquery(
    ConfigVersion.objects.filter(config=OuterRef("pk"), number=OuterRef("number")).values("pk")
)


@dataclass(frozen=True, slots=True)
class Saved:
    """An active config, in its present version.

    `violations`: why its text, which was a config when it was saved, is none for this release; the tree is
    then of no meaning. Empty, as a rule. `weight`: bytes that all of this comes to.
    """

    id: str
    slug: str
    version_id: str
    version: int
    tree: Tree
    violations: tuple[Violation, ...] = ()
    weight: int = 0

    @property
    def problem(self) -> str:
        """What is wrong with it, in a line; "" as a rule."""
        return "; ".join(map(str, self.violations))


def find(workspace_id: str, slug: str) -> Saved | None:
    """The workspace's config of that slug; None if it is unknown or archived. Raises DirectoryAway."""
    if not workspace_id or not SLUG.fullmatch(slug):
        return None
    return shelf.find((workspace_id, slug))


def load(place: tuple[str, str]) -> tuple[Saved, list[Tag]] | None:
    """The config at `(workspace id, slug)`, in one question, and what it depends on."""
    workspace_id, slug = place
    rows = Config.objects.within(workspace_id).filter(slug=slug, status=Status.ACTIVE)
    row = rows.values_list("pk", "number", "text", VERSION_ID).first()
    if row is None:
        return None
    pk, number, text, version_id = row
    tree, violations = read(text)
    found = Saved(str(pk), slug, str(version_id), number, tree, violations, weight(text, tree))
    return found, [(Config.kind, str(pk))]


def read(text: str) -> tuple[Tree, tuple[Violation, ...]]:
    """The tree of a text, or what is wrong with it; the rules for saving are not asked again."""
    try:
        return compiled(text, whose=KEPT), ()
    except (NotJSON, Invalid) as error:
        return PLAIN, tuple(violations_of(error))


def weigh(found: Saved) -> int:
    return found.weight


shelf = directory.shelf(
    Kind(Config.kind, load, heeds=frozenset({Config.kind}), size=AT_MOST, weigh=weigh, room=ROOM)
)
