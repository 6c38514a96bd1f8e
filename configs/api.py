"""`/v1/configs`, for both of Portkey's SDKs (control-plane, 2.7).

A config is a JSON object on its way in, and the text it is kept as on its way out. A workspace's key has its
own configs; an organisation's key names a workspace, or means the default one.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from configs.compiling import Invalid, NotJSON
from configs.creation import InUse, change_config, create_config, delete_config
from configs.models import UUID_FORM, Config, ConfigVersion, Status
from keys.management import envelope
from keys.management.paging import listed
from keys.management.view import ManagementView
from keys.models import Installation, Workspace

UNSAYABLE = re.compile(r"[\x00\ud800-\udfff]")  # what no database keeps
CHANGEABLE = {"name", "config", "status", "is_default", "isDefault"}
FOREIGN = "This key cannot touch that workspace."


class Conflict(APIException):
    status_code = 409


class ConfigView(ManagementView):
    """What all of them share: whose configs are meant, and how a wrong one is told."""

    def get_exception_handler(self) -> Any:
        return failed

    @property
    def workspace(self) -> Workspace:
        """The key's, or the one that an organisation's key names. Raises PermissionDenied, Http404."""
        named = self.named()
        own = self.caller.workspace_id
        if own is None:
            return Workspace.objects.default() if named == "" else workspace_called(named)
        if named not in ("", own, self.caller.workspace_slug):
            raise PermissionDenied(FOREIGN)
        return Workspace.objects.get(pk=own)

    def named(self) -> str:
        """The workspace that the query or the body names, if one does."""
        told = body_of(self.request) if self.request.method in ("POST", "PUT") else self.request.query_params
        named = told.get("workspace_id") or ""
        if not isinstance(named, str):
            raise ValidationError({"workspace_id": "The id or the slug of a workspace."})
        return named

    def config(self, name: str) -> Config:
        """The workspace's config of this slug or id. Raises Http404."""
        rows = Config.objects.within(self.workspace.pk).called(name).select_related("workspace")
        if (found := rows.first()) is None:
            raise Http404
        return found


class Configs(ConfigView):
    scopes = {"GET": ("configs.list",), "POST": ("configs.create",)}

    def get(self, request: Request) -> Response:
        organisation = str(Installation.objects.current().pk)
        rows = Config.objects.within(self.workspace.pk).select_related("workspace").defer("text")
        return listed(request, rows.order_by("-created_at", "pk"), lambda row: told(row, organisation))

    def post(self, request: Request) -> Response:
        body = body_of(request)
        config = create_config(
            self.workspace,
            text_at(body, "name", needed=True) or "",
            config_in(body, needed=True) or "",
            is_default=flag_in(body) or False,
        )
        made = {"id": str(config.pk), "version_id": str(config.current.pk), "slug": config.slug}
        return Response({**made, "object": "config"})


class OneConfig(ConfigView):
    scopes = {"GET": ("configs.read",), "PUT": ("configs.update",), "DELETE": ("configs.delete",)}

    def get(self, request: Request, name: str) -> Response:
        config, organisation = self.config(name), str(Installation.objects.current().pk)
        return Response(whole(config, config.current, organisation) | told(config, organisation))

    def put(self, request: Request, name: str) -> Response:
        config, body = self.config(name), body_of(request)
        if not CHANGEABLE & body.keys():
            raise ValidationError(f"Nothing is to change: name one of {', '.join(sorted(CHANGEABLE))}.")
        with told_as_conflict():
            change_config(
                config,
                name=text_at(body, "name"),
                text=config_in(body),
                status=text_at(body, "status", among=Status.values),
                is_default=flag_in(body),
            )
        return Response({"version_id": str(config.current.pk), "object": "config"})

    def delete(self, request: Request, name: str) -> Response:
        with told_as_conflict():
            delete_config(self.config(name))
        return Response({})


class Versions(ConfigView):
    scopes = {"GET": ("configs.read",)}

    def get(self, request: Request, name: str) -> Response:
        config, organisation = self.config(name), str(Installation.objects.current().pk)
        rows: QuerySet[ConfigVersion] = config.versions.all()
        return listed(request, rows, lambda version: whole(config, version, organisation))


@contextmanager
def told_as_conflict() -> Iterator[None]:
    """Raises Conflict where a default is to go."""
    try:
        yield
    except InUse as error:
        raise Conflict(error.message) from None


def failed(error: Exception, context: Mapping[str, Any]) -> Response:
    """The management API's answer to an exception; of a wrong config it tells each fault with its place."""
    if not isinstance(error, NotJSON | Invalid):
        return envelope.failed(error, context)
    faults = [f"config: This is no JSON: {error}"]
    if isinstance(error, Invalid):
        faults = [str(each) for each in error.violations]
    message = f"Invalid config passed: {'; '.join(faults)}"
    return Response({**envelope.envelope(400, message), "errors": faults}, status=400)


def workspace_called(name: str) -> Workspace:
    """The workspace of this slug or id. Raises Http404."""
    rows = Workspace.objects.filter(slug=name)
    if UUID_FORM.fullmatch(name):
        rows = rows | Workspace.objects.filter(pk=name)
    if (found := rows.first()) is None:
        raise Http404
    return found


def body_of(request: Request) -> Mapping[str, Any]:
    """The members of the body. Raises ValidationError."""
    told = request.data
    if not isinstance(told, Mapping):
        raise ValidationError("The body is to be a JSON object.")
    return told


def text_at(
    body: Mapping[str, Any], member: str, *, needed: bool = False, among: list[str] | None = None
) -> str | None:
    """A text of the body, None if it is not there. Raises ValidationError, also for null: none is cleared."""
    if member not in body and not needed:
        return None
    value = body.get(member)
    if not isinstance(value, str) or not value.strip() or UNSAYABLE.search(value):
        raise ValidationError({member: "A text that is not empty."})
    if among and value not in among:
        raise ValidationError({member: f"One of {', '.join(among)}."})
    return value


def config_in(body: Mapping[str, Any], *, needed: bool = False) -> str | None:
    """The text of the config in the body, which is an object or its JSON. Raises ValidationError."""
    if "config" not in body and not needed:
        return None
    value = body.get("config")
    if not isinstance(value, str | Mapping):
        raise ValidationError({"config": "A config is a JSON object, or the text of one."})
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        raise ValidationError({"config": "It is nested too deeply."}) from None


def flag_in(body: Mapping[str, Any]) -> bool | None:
    """`is_default`, in either spelling and as a number or not. Raises ValidationError."""
    value = body.get("is_default", body.get("isDefault"))
    if value not in (None, 0, 1):
        raise ValidationError({"is_default": "0 or 1."})
    return None if value is None else bool(value)


def told(config: Config, organisation: str) -> dict[str, Any]:
    """A config without what it says."""
    return {
        "id": str(config.pk),
        "name": config.name,
        "slug": config.slug,
        "workspace_id": str(config.workspace_id),
        "organisation_id": organisation,
        "is_default": int(config.workspace.default_config_id == config.pk),
        "status": config.status,
        "owner_id": config.owner,
        "updated_by": config.updated_by,
        "created_at": moment(config.created_at),
        "last_updated_at": moment(config.updated_at),
        "object": "config",
    }


def whole(config: Config, version: ConfigVersion, organisation: str) -> dict[str, Any]:
    """A config as it was in one of its versions."""
    return {
        **told(config, organisation),
        "updated_by": version.author,
        "last_updated_at": moment(version.created_at),
        "config": version.text,
        "format": "json",
        "type": "ORG_CONFIG",
        "version_id": str(version.pk),
    }


def moment(at: datetime) -> str:
    """`2026-11-22T21:37:06.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
