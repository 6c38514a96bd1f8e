"""The data plane's views: read the call, hand it on, write the answer.

DataView itself serves every path under `/v1/` that no other view and no part of the management API has.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from keys.authentication import ApiKeyAuthentication
from keys.callers import Caller
from proxy import apart, errors, pipeline, turns
from proxy.apart_child import Bytes
from proxy.call import MODELS, PASSTHROUGH, Headers
from proxy.outcome import Outcome

AUTHENTICATION = ApiKeyAuthentication()


class DataView(APIView):
    """A route of the data plane: authentication, and nothing else of DRF's defaults, which cost a call.

    `method` on it is `fn`; any other method is a path we do not know, and passes through.
    """

    fn: ClassVar[str] = PASSTHROUGH
    dialect: ClassVar[str] = ""
    method: ClassVar[str] = "POST"
    caller: Caller
    http_method_names = ["get", "post", "put", "patch", "delete"]
    schema = None
    default_response_headers: ClassVar[dict[str, str]] = {}  # DRF's would be made for every call

    def post(self, request: Request) -> HttpResponseBase:
        headers = Headers(request._request.META)
        if headers.environ["REQUEST_METHOD"] == self.method:
            return response(pipeline.answer(self.caller, self.fn, self.dialect, headers))
        return response(pipeline.answer(self.caller, PASSTHROUGH, "", headers))

    get = put = patch = delete = post

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        return Request(request, authenticators=[AUTHENTICATION], parser_context={})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # What `request.user` would do, without the guards DRF puts around authentications it does not know.
        self.caller, _ = AUTHENTICATION.authenticate(request)

    def finalize_response(  # type: ignore[override]  # Django's responses, DRF's are rendered twice
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return response

    def get_exception_handler(self) -> Callable[..., HttpResponse]:
        return errors.handle


class ChatCompletions(DataView):
    """POST /v1/chat/completions, in OpenAI's words for every provider."""

    fn, dialect = "chatComplete", "chat"


class Completions(DataView):
    """POST /v1/completions: text completions, also of providers that only know conversations."""

    fn, dialect = "complete", "completions"


class Embeddings(DataView):
    """POST /v1/embeddings."""

    fn, dialect = "embed", "embeddings"


class Models(DataView):
    """GET /v1/models: the models of the provider that is named, else those of the workspace's keys."""

    fn, dialect, method = MODELS, "models", "GET"


def response(outcome: Outcome) -> HttpResponseBase:
    """The outcome in Django's terms."""
    made: HttpResponseBase
    if outcome.stream is not None:
        made = StreamingHttpResponse(outcome.stream, status=outcome.status, content_type=outcome.content_type)
    elif apart.is_large(outcome.body):
        parts = slices(outcome.body)
        made = StreamingHttpResponse(parts, status=outcome.status, content_type=outcome.content_type)
        made["content-length"] = len(outcome.body)
    else:
        made = HttpResponse(bytes(outcome.body), status=outcome.status, content_type=outcome.content_type)
    if not outcome.content_type:
        del made["content-type"]  # the provider named none
    # Django would encode and check each name and value again; proxy/http1.py let no line end through.
    made.headers._store |= {name.lower(): (name, value) for name, value in outcome.headers.items()}
    return made


def slices(content: Bytes) -> Iterator[bytes]:
    """A large answer, not all at once: others get their turn between its parts."""
    for start in range(0, len(content), apart.LARGE):
        yield bytes(content[start : start + apart.LARGE])
        turns.give()
