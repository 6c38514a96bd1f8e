"""OpenAI's words as most providers speak them (https://platform.openai.com/docs/api-reference).

Clients of the same words are passed through; this file only knows where their answers say something.
"""

from providers.accent import Accent, choices_of
from providers.formats import WireFormat
from providers.formats.listing import ModelList
from providers.problems import told
from providers.types import JSON, Ask, Frame, Operation, Problem, Provider, Reading
from providers.usage import usage_of

# What an error inside a stream amounts to, by its type or code; anything else is the provider's fault.
STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "overloaded_error": 503,
}


class ChatTap:
    """Reads chat completions and their chunks as they pass."""

    def additions(self, provider: Provider, ask: Ask) -> JSON:
        """Usage in a stream, for the record, where the client did not ask for it."""
        body = ask.body
        if not body.get("stream") or not provider.takes_stream_usage:
            return {}
        options = body.get("stream_options")
        if isinstance(options, dict):
            return (
                {} if options.get("include_usage") else {"stream_options": {**options, "include_usage": True}}
            )
        return {"stream_options": {"include_usage": True}} if options is None else {}

    # Of bytes, count() and slices take half the time of `in` and startswith(), and these are asked most.
    def quiet(self, data: bytes) -> bool:
        open_choices = data.count(b'"finish_reason":null')
        return (
            open_choices > 0
            and open_choices == data.count(b'"finish_reason"')
            and data[-1] == 125
            and not data.count(b'"error"')
            and data.count(b'"usage"') == data.count(b'"usage":null')
        )

    def calm(self, chunk: bytes) -> bool:
        events = chunk.count(b"\n\n")
        return (
            chunk[:7] == b"data: {"
            and chunk[-3:] == b"}\n\n"
            and events == chunk.count(b'"finish_reason":null') == chunk.count(b'"finish_reason"')
            and events == chunk.count(b"data: {")
            and not chunk.count(b'"error"')
            and 13 not in chunk
            and chunk.count(b'"usage"') == chunk.count(b'"usage":null')
        )

    def ends(self, frame: Frame) -> bool:
        return frame.data.strip() == b"[DONE]"

    def read_event(self, provider: Provider, frame: Frame, event: JSON, reading: Reading) -> None:
        if error := event.get("error"):
            reading.problem = _problem(provider.slug, error)
            return
        if frame.event == "error":
            reading.problem = _problem(provider.slug, event)
            return
        self._read(event, reading)
        reading.content = reading.content or any(map(self._has_content, choices_of(event)))

    def read_answer(self, provider: Provider, answer: JSON, reading: Reading) -> None:
        if error := answer.get("error"):
            reading.problem = _problem(provider.slug, error)
        self._read(answer, reading)

    def surplus(self, event: JSON) -> bool:
        return not event.get("choices") and bool(event.get("usage"))

    def _has_content(self, choice: JSON) -> bool:
        """Whether a chunk's choice holds more than the opening: text, thinking, tools, a refusal ..."""
        delta = choice.get("delta")
        return isinstance(delta, dict) and any(value for name, value in delta.items() if name != "role")

    def _read(self, said: JSON, reading: Reading) -> None:
        reading.model = _text(said, "model") or reading.model
        if isinstance(usage := said.get("usage"), dict):
            reading.usage = usage_of(usage)
        for choice in choices_of(said):
            reading.finish = _text(choice, "finish_reason") or reading.finish


def _text(said: JSON, name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _problem(slug: str, error: object) -> Problem:
    problem = told(slug, error)
    status = problem.code if isinstance(problem.code, int) and 400 <= problem.code < 600 else None
    by_name = STATUS.get(problem.type or "") or STATUS.get(str(problem.code))
    return Problem(problem.message, problem.type, problem.param, problem.code, status or by_name or 502)


class CompletionTap(ChatTap):
    """Reads text completions, whose choices have a text where those of chat have a message."""

    def _has_content(self, choice: JSON) -> bool:
        return bool(choice.get("text"))


class EmbeddingTap:
    """Reads embeddings, which are never streamed."""

    def additions(self, provider: Provider, ask: Ask) -> JSON:
        return {}

    def quiet(self, data: bytes) -> bool:
        return False

    calm = quiet

    def ends(self, frame: Frame) -> bool:
        return frame.data.strip() == b"[DONE]"

    def read_event(self, provider: Provider, frame: Frame, event: JSON, reading: Reading) -> None:
        self.read_answer(provider, event, reading)

    def read_answer(self, provider: Provider, answer: JSON, reading: Reading) -> None:
        if error := answer.get("error"):
            reading.problem = _problem(provider.slug, error)
        reading.model = _text(answer, "model") or reading.model
        if isinstance(usage := answer.get("usage"), dict):
            reading.usage = usage_of(usage)

    def surplus(self, event: JSON) -> bool:
        return False


def chat(accent: Accent | None = None) -> WireFormat:
    return WireFormat("chat", ChatTap(), accent)


def completions(accent: Accent | None = None) -> WireFormat:
    return WireFormat("completions", CompletionTap(), accent)


def embeddings(accent: Accent | None = None) -> WireFormat:
    return WireFormat("embeddings", EmbeddingTap(), accent)


CHAT = chat()
MODELS = Operation("/models", ModelList(), "GET")
OPERATIONS = {
    "chatComplete": Operation("/chat/completions", CHAT),
    "complete": Operation("/completions", completions()),
    "embed": Operation("/embeddings", embeddings()),
    "models": MODELS,
}
