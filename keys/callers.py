"""Who calls: from a token to a Caller, by heart where it is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Subquery, Value
from django.db.models.functions import Coalesce

from keys import directory, scopes, tokens
from keys.errors import expired_key, unknown_key
from keys.models import ApiKey, Installation
from keys.models.api_key import KeyType
from keys.shelf import Kind, Tag


@dataclass(frozen=True, slots=True)
class Caller:
    """An accepted API key. Ids are texts; `workspace_id` is None for an organisation's key."""

    id: str
    name: str
    type: str
    organisation_id: str
    workspace_id: str | None
    workspace_slug: str
    scopes: frozenset[str]
    expires_at: datetime | None
    log_bodies: bool
    metadata: Mapping[str, str]
    config: str  # the slug of the key's default config, or else of its workspace's; "" if there is none
    allow_config_override: bool
    token_until: datetime | None = None  # when the token that was shown ends, if it was rotated out

    @property
    def is_authenticated(self) -> bool:
        return True

    def may(self, *any_of: str) -> bool:
        """Whether the key has at least one of these scopes."""
        return not self.scopes.isdisjoint(any_of)


BESIDE = {
    "organisation": Subquery(Installation.objects.values("id")[:1]),
    "config": Coalesce("default_config__slug", "workspace__default_config__slug", Value("")),
}


def find(token: str) -> Caller:
    """The caller with this token. Raises KeyRefused, or DirectoryAway if that cannot be told now."""
    if not tokens.is_token(token):
        raise unknown_key()
    caller = shelf.find(tokens.digest(token))
    if caller is None:
        raise unknown_key()
    if caller.expires_at is not None or caller.token_until is not None:
        refuse_if_over(caller)
    return caller


def refuse_if_over(caller: Caller) -> None:
    now = datetime.now(UTC)
    if caller.token_until is not None and caller.token_until <= now:
        raise unknown_key()
    if caller.expires_at is not None and caller.expires_at <= now:
        raise expired_key()


def load(digest: str) -> tuple[Caller, list[Tag]] | None:
    """The caller whose token has this digest, in one question, and what the answer depends on."""
    key = ApiKey.objects.for_digest(digest).select_related("workspace").annotate(**BESIDE).first()
    if key is None:
        return None
    tags = [(ApiKey.kind, str(key.pk))]
    if key.workspace is not None:
        tags.append((key.workspace.kind, str(key.workspace.pk)))
    beside: Any = key  # with the annotations
    return caller_of(key, str(beside.organisation), beside.config, digest), tags


def caller_of(key: ApiKey, organisation_id: str, config: str, digest: str) -> Caller:
    workspace = key.workspace
    allowed = frozenset(key.scopes)
    return Caller(
        id=str(key.pk),
        name=key.name,
        type=key.type,
        organisation_id=organisation_id,
        workspace_id=str(workspace.pk) if workspace else None,
        workspace_slug=workspace.slug if workspace else "",
        scopes=allowed - scopes.DATA_PLANE if key.type == KeyType.ORGANISATION else allowed,
        expires_at=key.expires_at,
        log_bodies=key.log_bodies and (workspace is None or workspace.log_bodies),
        metadata=dict(key.default_metadata),
        config=config,
        allow_config_override=key.allow_config_override,
        token_until=None if key.digest == digest else key.previous_until,
    )


shelf = directory.shelf(Kind(ApiKey.kind, load, heeds=frozenset({ApiKey.kind})))
