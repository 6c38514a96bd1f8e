"""Which kept answers are to questions like this one, as one worker remembers it.

Vectors have length 1, so that their products are cosines. They stand in partitions: only what is the same in
everything but its texts is compared. A partition keeps its newest thousand, a worker the partitions it used
last, up to ROOM: what their vectors take, however many numbers a model has, and what stands beside them.
"""

import time
from collections import OrderedDict
from typing import Any

from cache.numbers import numpy

MOST = 1000  # vectors of a partition
PARTITIONS = 1000  # of a worker
ROOM = 64 * 1024 * 1024  # bytes of a worker's partitions
BESIDE, BESIDE_EACH = 2048, 512  # bytes that a partition takes beside its vectors, and each of them
FIRST = 16  # vectors there is room for at first
ROUNDING = 1e-6  # the cosine of a vector and itself may be that much less than 1
BEST = 3  # of those that are alike enough


class Partition:
    """`seen`: up to where what others learnt has been read (cache/shared_vectors.py)."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows = numpy().zeros((FIRST, size), dtype="float32")
        self.places: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by key: the row, and until when
        self.free: list[int] = []
        self.seen = "-"

    @property
    def bytes(self) -> int:
        return int(self.rows.nbytes) + BESIDE + BESIDE_EACH * len(self.places)

    def put(self, key: str, vector: Any, until: float) -> None:
        """Remember a vector in place of the one its key had; the oldest goes if there are too many."""
        row, _ = self.places.pop(key, (-1, 0.0))
        if row < 0:
            row = self.room()
        self.rows[row] = vector
        self.places[key] = (row, until)

    def room(self) -> int:
        """A row that nothing stands in."""
        if self.free:
            return self.free.pop()
        count = len(self.places)
        if count >= MOST:
            _, (row, _) = self.places.popitem(last=False)
            return row
        if count == len(self.rows):
            more = min(count, MOST - count)
            self.rows = numpy().vstack([self.rows, numpy().zeros((more, self.size), dtype="float32")])
        return count

    def drop(self, key: str) -> None:
        row, _ = self.places.pop(key, (-1, 0.0))
        if row >= 0:
            self.rows[row] = 0
            self.free.append(row)

    def like(self, vector: Any, threshold: float) -> list[tuple[float, str]]:
        """The most alike that are alike enough, each with its cosine, the best first."""
        if not self.places:
            return []
        cosines, now = self.rows @ vector, time.time()
        alike = [
            (float(cosines[row]), key)
            for key, (row, until) in self.places.items()
            if until > now and cosines[row] >= threshold - ROUNDING
        ]
        return sorted(alike, reverse=True)[:BEST]


class Vectors:
    """The partitions of a worker."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self.partitions: OrderedDict[str, Partition] = OrderedDict()

    def of(self, name: str, size: int) -> Partition:
        """The partition of that name for vectors of this size; a new one if it has none."""
        found = self.partitions.get(name)
        if found is None or found.size != size:
            found = self.partitions[name] = Partition(size)
        self.partitions.move_to_end(name)
        self.trim()
        return found

    def trim(self) -> None:
        """Forget the partitions used least until the others have room: also when one has grown."""
        taken = sum(each.bytes for each in self.partitions.values())
        while len(self.partitions) > 1 and (taken > self.room or len(self.partitions) > PARTITIONS):
            _, least = self.partitions.popitem(last=False)
            taken -= least.bytes


vectors = Vectors()
