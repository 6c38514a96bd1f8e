"""An answer to a question that is like this one, for configs whose cache is semantic.

Looked for where a workspace has that on (cache/semantic.py), the question is one that may be compared
(cache/conversations.py) and it was not found as it stands. What its embedding leads to is an answer that was
kept; where that is over by now, nothing is found. What was found is kept aside, for calls that may be
answered by likeness too. A new answer is learnt with the embedding it was asked by.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cache import conversations, questions, semantic, shared_vectors, store
from cache.conversations import Conversation
from cache.entries import Entry
from cache.questions import Question
from cache.semantic import Likeness
from cache.shared_vectors import Learnt
from cache.vectors import Partition, vectors
from keys.errors import DirectoryAway
from providers.types import Ask
from proxy.embedding import embedded
from proxy.record import Record


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that answers a question like this one, and how like it is: a cosine."""

    entry: Entry
    similarity: float


@dataclass(slots=True)
class Comparison:
    """One question, compared with those of its partition. `key`: its own, `seconds`: how long it is kept."""

    name: str  # of the partition
    conversation: Conversation
    way: Likeness
    workspace: str
    key: str
    seconds: int
    vector: Any = None

    @property
    def aside(self) -> str:
        """The key of what was found for this very question by likeness, told in this very way."""
        return questions.hashed("alike", self.name, self.key, self.way.threshold)

    def alike(self, record: Record) -> Iterator[Found]:
        """What was answered to questions like this, the most alike first; nothing without an embedding."""
        self.vector = embedded(self.conversation.text, self.way, self.workspace, record)
        if self.vector is None:
            return
        partition = self.partition()
        shared_vectors.hear(self.name, partition)
        vectors.trim()
        for similarity, key in partition.like(self.vector, self.way.threshold):
            if (entry := store.find(key)) is not None:
                yield Found(entry, similarity)
            else:
                partition.drop(key)

    def learn(self, entry: Entry) -> None:
        """What was answered to it now. An answer that calls a tool is none to anybody else's question."""
        if self.vector is None or entry.says_calls:
            return
        learnt = Learnt(self.key, self.vector, time.time() + self.seconds)
        self.partition().put(*learnt)
        vectors.trim()
        shared_vectors.tell(self.name, learnt)

    def partition(self) -> Partition:
        return vectors.of(self.name, len(self.vector))


def comparison(question: Question, asked: Ask | None, key: str, seconds: int) -> Comparison | None:
    """How a question is compared; None if it is not."""
    conversation = conversations.conversation(question.fn, asked.body) if asked else None
    way = way_of(question.workspace) if conversation else None
    if conversation is None or way is None:
        return None
    name = questions.hashed(
        question.partition(conversation.apart), way.virtual_key, way.model, way.dimensions
    )
    return Comparison(name, conversation, way, question.workspace, key, seconds)


def way_of(workspace: str) -> Likeness | None:
    try:
        return semantic.find(workspace)
    except DirectoryAway:
        return None
