"""The base view of the management API: who calls, what for, and every answer in JSON.

A part of it derives from ManagementView in the `api.py` of its own app, says which scopes each method needs
and filters by the caller's workspace. Management paths no app serves yet are Unbuilt: none of them is ever
taken for a provider's. The trace id on every answer is set by the middleware in front of all of the API.
"""

from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException, MethodNotAllowed, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actors import Actor, acting, address
from keys.authentication import ApiKeyAuthentication
from keys.callers import Caller
from keys.errors import forbidden
from keys.management import envelope

# The first segments of its paths (design, 4.10).
MANAGEMENT = (
    "admin",
    "analytics",
    "api-keys",
    "audit-logs",
    "collections",
    "configs",
    "feedback",
    "guardrails",
    "integrations",
    "labels",
    "logs",
    "mcp-integrations",
    "mcp-servers",
    "model-configs",
    "policies",
    "prompts",
    "providers",
    "scim",
    "secret-references",
    "virtual-keys",
)

# With Portkey's own services of the data plane, which are no provider's either (gateway, otel: the logs').
RESERVED = (*MANAGEMENT, "agent", "dataservice", "gateway", "otel")


class TooLarge(APIException):
    status_code = 413
    default_detail = "The body is larger than the management API takes."


class NotBuilt(APIException):
    status_code = 501
    default_detail = "This part of the management API is not built yet."


class AlwaysJSON(BaseContentNegotiation):
    """Whatever the client says it accepts: an error about that would have to be JSON, too."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class BoundedJSON(JSONParser):
    """JSON that is nested as deeply as Python follows, which is deeper than any body of this API."""

    def parse(self, *args: Any, **options: Any) -> Any:
        try:
            return super().parse(*args, **options)
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None


class ManagementView(APIView):
    authentication_classes = [ApiKeyAuthentication]
    parser_classes = [BoundedJSON]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJSON

    # For each method, scopes of which the key needs one. A method that is not here is allowed to nobody.
    scopes: Mapping[str, tuple[str, ...]] = {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's, and rendered: the middleware in front of this leaves nothing to render it later."""
        with acting(self.actor):
            response = super().dispatch(request, *args, **kwargs)
        rendered: HttpResponseBase = cast(Response, response).render()
        return rendered

    def check_permissions(self, request: Request) -> None:
        if not hasattr(self, str(request.method).lower()):
            raise MethodNotAllowed(str(request.method))
        if not self.caller.may(*self.scopes.get(str(request.method), ())):
            raise forbidden()
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge

    @property
    def caller(self) -> Caller:
        return cast(Caller, self.request.user)

    def actor(self) -> Actor:
        """Who the audit log says it was."""
        return Actor("api_key", self.caller.id, self.caller.name, address(self.request.META))

    def get_exception_handler(self) -> Any:
        return envelope.failed


class Unbuilt(ManagementView):
    """501 to every known key, whatever it may."""

    def check_permissions(self, request: Request) -> None:
        pass

    def refuse(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotBuilt

    get = post = put = patch = delete = refuse
    options = refuse  # type: ignore[assignment]  # a Request is what DRF hands it
