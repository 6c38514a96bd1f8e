"""When two questions are the same: what goes to the provider, what of it shapes the answer's form, and whose
they are.

Not of a question are what a client wants streamed, in dialects whose answers can be told either way, and who
exactly asks: the API key and a stored credential may change. Never do two workspaces share an answer. The
metadata of a call keep apart what is asked for different users, unless the client names a namespace instead.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import orjson

from providers.types import JSON
from providers.values import made_often

FORM = ("stream", "stream_options")  # of an answer that can be told either way
# Headers that go along and say nothing of the answer: of one try, of the client's program, of traces.
OF_THE_WAY = {
    "user-agent",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "pragma",
    "priority",
    "origin",
    "referer",
    "traceparent",
    "tracestate",
    "x-request-id",
    "idempotency-key",
}
OF_PROGRAMS = "x-stainless-"


@made_often(frozen=True, slots=True)
class Question:
    """`asked`: what of the client's own body shapes the answer, as where it is translated. `credential`: one
    that the client brought. `scope`: a namespace or metadata."""

    workspace: str
    provider: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: JSON
    fn: str
    dialect: str
    strict: bool
    scope: str
    asked: JSON | None = None
    credential: str = ""
    either_form: bool = True  # a stream serves a whole question, and the other way round
    model: str = ""  # that is asked, where the body does not say

    def key(self) -> str:
        """The key that all questions have which are the same as this. Raises RecursionError."""
        return hashed(
            "question",
            *self.frame(),
            self.formless(self.body),
            None if self.asked is None else self.formless(self.asked),
        )

    def partition(self, apart: JSON) -> str:
        """The key of all that are the same but for what is said in their messages.

        `apart`: the client's body without that. Raises RecursionError.
        """
        return hashed("partition", *self.frame(), self.formless(apart))

    def frame(self) -> tuple[Any, ...]:
        return (
            self.workspace,
            self.provider,
            self.method,
            self.url,
            self.model,
            telling(self.headers),
            self.fn,
            self.dialect,
            self.strict,
            self.scope,
            hashlib.sha256(self.credential.encode()).hexdigest() if self.credential else "",
        )

    def formless(self, body: JSON) -> JSON:
        if not self.either_form:
            return body
        return {name: value for name, value in body.items() if name not in FORM}


def telling(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may change an answer, by their lower-case names."""
    named = ((name.lower(), value) for name, value in headers.items())
    return {
        name: value for name, value in named if name not in OF_THE_WAY and not name.startswith(OF_PROGRAMS)
    }


def scope(namespace: str, metadata: Mapping[str, str]) -> str:
    """What keeps a workspace's answers apart."""
    return f"ns:{namespace}" if namespace else "metadata:" + canonical(dict(metadata)).decode()


def hashed(*parts: Any) -> str:
    return hashlib.sha256(canonical(parts)).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON in which the same is always said the same way. Raises RecursionError."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a lone surrogate, a large integer
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
