"""How far the ingester has come, left in a file beside the journal for whoever wants to know: the admin.

Nothing depends on it. The file's time is when the last look began that brought everything into the
database: whatever is unread came later.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from keys.seldom import Seldom

NAME = "progress.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """`read` is the bytes of each segment, by its name, that are done with; `away` why no more can be."""

    read: Mapping[str, int] = field(default_factory=dict)
    away: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the file told; `looked_at` in seconds since 1970, None if nobody ever looked."""

    progress: Progress
    looked_at: float | None


class Reporter:
    """The ingester's side of the file in `folder`. It is no reason to stop that it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.told = seen(folder).progress
        self.seldom = Seldom(60)

    def looked(self, began: float, read: Mapping[str, int]) -> None:
        """All that was written before `began` is in the database."""
        self.tell(Progress(dict(read)), began)

    def waits(self, reason: str) -> None:
        """Nothing can be written to the database just now."""
        before = seen(self.path.parent).looked_at
        self.tell(Progress(self.told.read, reason), 0 if before is None else before)

    def tell(self, progress: Progress, at: float) -> None:
        try:
            if progress != self.told or not self.path.exists():
                draft = self.path.with_suffix(".new")
                draft.touch(mode=0o600)
                draft.write_text(json.dumps(asdict(progress)))
                draft.replace(self.path)
                self.told = progress
            os.utime(self.path, (at, at))
        except OSError as error:
            if self.seldom.now(error.errno):
                logger.warning("How far the journal was read could not be noted: %s", error)


def seen(folder: Path) -> Seen:
    """What the ingester of this journal told last."""
    path = folder / NAME
    try:
        told, at = json.loads(path.read_bytes()), path.stat().st_mtime
        return Seen(Progress(told["read"], told["away"]), at or None)
    except (OSError, ValueError, KeyError, TypeError):
        return Seen(Progress(), None)
