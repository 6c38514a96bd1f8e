"""The cache on the way of a call: the answer of an earlier one, or where this one's is to be kept.

A config turns it on (`cache`), and only what has no state and no effect is served: chats, text completions,
embeddings, and of what passes through the paths named here. A hit asks no provider. What counts as the same
question is cache/questions.py's, how an answer is told again proxy/replayed.py's, when one is whole enough to
be kept proxy/remembering.py's.

An answer that was found by likeness is kept aside for the question that found it: under a key that only calls
look up which may be answered by likeness. So it never becomes what the mode simple finds.

A body in which a member is named twice is not served (cache/naming.py): which of the two the provider heeds
is not known, and what it answers to one must not be kept as the answer to the other.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cache import ages, naming, questions, store
from cache.entries import Entry
from cache.questions import Question
from configs.tree import CacheRule
from providers.json_text import loads
from providers.types import JSON, Ask, WireRequest
from providers.values import made_often
from proxy import apart, likeness, replayed, turns
from proxy.call import LONGEST, PASSTHROUGH, Call, Headers, as_text, metadata_given
from proxy.likeness import Comparison
from proxy.outcome import Outcome
from proxy.record import Record
from proxy.remembering import Place
from proxy.targets import Leaf

DISABLED, HIT, MISS, REFRESH = "DISABLED", "HIT", "MISS", "REFRESH"
SEMANTIC, SEMANTIC_HIT, SEMANTIC_MISS = "semantic", "SEMANTIC HIT", "SEMANTIC MISS"
EITHER_FORM = ("chatComplete", "complete")  # can be told whole or as a stream
SERVED = (*EITHER_FORM, "embed")
PASSED = {  # paths that pass through and have neither state nor effect
    "/moderations",
    "/images/generations",
    "/messages",
    "/messages/count_tokens",
    "/responses",
    "/rerank",
    "/ocr",
}
STATE = {  # parameters by which a call has a state or an effect beside its answer; "": of a chat
    "": ("store",),
    "/responses": ("background", "conversation", "previous_response_id"),
    "/messages": ("container", "mcp_servers"),
}
# How tools begin that act at the provider's.
RUN_THERE = ("mcp", "code_interpreter", "code_execution", "shell")
NO_HEADERS: Mapping[str, str] = {}


@made_often(frozen=True, slots=True)
class Consulted:
    """What the cache says of a call: the answer, or where the provider's is to be kept, or neither."""

    outcome: Outcome | None = None
    place: Place | None = None

    def keeping(self, outcome: Outcome) -> Outcome:
        """The provider's outcome, which is kept if it is worth it."""
        return outcome if self.place is None else self.place.keeping(outcome)


NOT_ASKED = Consulted()


def consult(
    leaf: Leaf,
    wire: WireRequest,
    record: Record,
    asked: Ask | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Consulted:
    """What the cache says of what is about to be sent. The record's cache status is set in any case.

    `asked`: the client's call, unless it passes through. `headers`: those a hit is answered with.
    """
    record.cache_status, record.cache_age, record.cache_similarity = DISABLED, None, None
    if leaf.cache is None:
        return NOT_ASKED
    question = question_of(leaf, wire, record, asked)
    if question is None:
        return NOT_ASKED
    return Consulting(leaf, leaf.cache, record, question, asked, headers).consulted()


@made_often(frozen=True, slots=True)
class Consulting:
    """One question to the cache."""

    leaf: Leaf
    rule: CacheRule
    record: Record
    question: Question
    asked: Ask | None
    headers: Mapping[str, str]

    def consulted(self) -> Consulted:
        try:
            key = self.question.key()
        except RecursionError:
            return NOT_ASKED
        passed = path_of(self.leaf.call) if self.leaf.call.fn == PASSTHROUGH else ""
        place = Place(key, self.seconds, self.leaf.provider.slug, passed)
        if refreshes(self.leaf.call.headers):
            return self.refreshed(place)
        self.record.cache_status = MISS
        if hit := self.found(key):
            return Consulted(hit)
        comparison = self.comparison(place)
        return Consulted(place=place) if comparison is None else self.compared(comparison, place)

    def refreshed(self, place: Place) -> Consulted:
        """Nothing that is kept, not even what was found by likeness."""
        self.record.cache_status = REFRESH
        store.drop(place.key)
        if comparison := self.comparison(place):
            store.drop(comparison.aside)
        return Consulted(place=place)

    def comparison(self, place: Place) -> Comparison | None:
        """How the question is compared with others; None if it is not."""
        if self.rule.mode != SEMANTIC:
            return None
        return likeness.comparison(self.question, self.asked, place.key, place.seconds)

    def compared(self, comparison: Comparison, place: Place) -> Consulted:
        """What was answered to a question like this: found earlier for the same one, or now."""
        if hit := self.found(comparison.aside):
            return Consulted(hit)
        self.record.cache_status = SEMANTIC_MISS
        for found in comparison.alike(self.record):
            if hit := self.hit(found.entry, SEMANTIC_HIT):
                self.record.cache_similarity = round(found.similarity, 6)
                store.keep(comparison.aside, found.entry, max(1, place.seconds - int(found.entry.age)))
                return Consulted(hit)
        return Consulted(place=replace(place, then=comparison.learn))

    def found(self, key: str) -> Outcome | None:
        """The answer under a key, where it may be told."""
        entry = store.find(key)
        return None if entry is None else self.hit(entry)

    @property
    def seconds(self) -> int:
        return ages.seconds(self.rule.max_age, self.leaf.call.headers.get("cache-control", ""))

    def hit(self, entry: Entry, status: str = HIT) -> Outcome | None:
        """The answer in an entry, if it is young enough and can be told as it is wanted."""
        if entry.age > self.seconds:
            return None
        stream = self.leaf.call.stream
        body = replayed.told(entry, stream=stream, asked=self.told_for)
        turns.give()  # nothing else is waited for
        if body is None:
            return None
        self.record.cache_status, self.record.cache_age = status, round(entry.age, 3)
        return replayed.outcome(entry, body, self.record, stream=stream, headers=self.headers)

    @property
    def told_for(self) -> JSON | None:
        """The client's body, of what can be told either way."""
        return self.asked.body if self.asked and self.question.either_form else None


def question_of(leaf: Leaf, wire: WireRequest, record: Record, asked: Ask | None) -> Question | None:
    """What is asked, in full; None of what the cache does not serve."""
    call = leaf.call
    body = served(call, wire)
    if body is None:
        return None
    return Question(
        workspace=record.facts["workspace_id"],
        provider=leaf.provider.slug,
        method=wire.method,
        url=wire.url,
        headers={
            name: value
            for name, value in wire.headers.items()
            if name.lower() != leaf.provider.auth.header.lower()
        },
        body=body,
        fn=call.fn,
        dialect=call.dialect,
        strict=call.strict,
        scope=scope(call.headers, record),
        asked=shaping(leaf, asked),
        credential="" if leaf.held else leaf.credential.secret,
        either_form=call.fn in EITHER_FORM,
        model=leaf.model,
    )


def served(call: Call, wire: WireRequest) -> JSON | None:
    """The body that goes to the provider, of a call that the cache serves."""
    if apart.is_large(call.raw) or not replayed.is_simple(wire.body):
        return None
    path = path_of(call)
    if call.fn not in SERVED and not (call.fn == PASSTHROUGH and wire.method == "POST" and path in PASSED):
        return None
    sent, turn = bytes(wire.body), turns.Turn()
    try:
        body = loads(sent)
    except ValueError:
        return None
    if not isinstance(body, dict) or has_state(path, body):
        return None
    turn.offer()
    clear = naming.is_clear(sent, body)
    turn.offer()
    return body if clear else None


def path_of(call: Call) -> str:
    return call.path.partition("?")[0].rstrip("/")


def has_state(path: str, body: JSON) -> bool:
    """Whether a call leaves something behind or goes on from it. A response is stored unless told not to."""
    if path == "/responses" and body.get("store") is not False:
        return True
    return any(body.get(name) for name in STATE.get(path, ())) or any(map(is_run_there, tools(body)))


def tools(body: JSON) -> list[Any]:
    told = body.get("tools")
    return told if isinstance(told, list) else []


def is_run_there(tool: Any) -> bool:
    """Whether a tool does something at the provider's, each time the call is made."""
    return isinstance(tool, dict) and str(tool.get("type", "")).startswith(RUN_THERE)


def shaping(leaf: Leaf, asked: Ask | None) -> JSON | None:
    """What of the client's own body decides how the answer is told, where it is not told as it comes."""
    if asked is None or leaf.provider.speaks(leaf.call.fn, asked):
        return None
    return {name: value for name, value in asked.body.items() if name != "model"}


def scope(headers: Headers, record: Record) -> str:
    """The namespace, or the metadata: where these were cut for the record, as they came."""
    namespace, metadata = headers.get("x-portkey-cache-namespace", ""), record.facts["metadata"]
    if namespace or all(len(name) < LONGEST > len(value) for name, value in metadata.items()):
        return questions.scope(namespace, metadata)
    whole = metadata_given(headers, record.defaults)
    return questions.scope("", {name: as_text(value) for name, value in whole.items()})


def refreshes(headers: Headers) -> bool:
    """Whether the client wants an answer of today, whatever is kept."""
    return headers.get("x-portkey-cache-force-refresh", "").lower() == "true"
