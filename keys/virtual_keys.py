"""What a workspace can call: from a slug to the credential it stands for, by heart where it is known."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from keys import directory
from keys.models import Integration, VirtualKey
from keys.shelf import Kind, Tag
from providers.types import Credential

SLUG = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A usable virtual key."""

    id: str
    slug: str
    workspace_id: str
    integration_id: str
    integration_slug: str
    provider: str
    credential: Credential = field(repr=False)
    passthrough: bool
    expires_at: datetime | None
    previous: Credential | None = field(default=None, repr=False)  # tried where `credential` is refused …
    previous_until: datetime | None = None  # … until then


def find(workspace_id: str, slug: str) -> HeldKey | None:
    """The workspace's virtual key of that slug; None if it is unknown or not active. Raises DirectoryAway.

    An expired key is found, with `expires_at` in the past: the caller is told that it expired.
    """
    if not workspace_id or not SLUG.fullmatch(slug):
        return None
    return shelf.find((workspace_id, slug))


def load(place: tuple[str, str]) -> tuple[HeldKey, list[Tag]] | None:
    """The virtual key at `(workspace id, slug)` with its secret unsealed, and what it depends on."""
    workspace_id, slug = place
    found = VirtualKey.objects.within(workspace_id).usable().filter(slug=slug).select_related("integration")
    key = found.first()
    if key is None:
        return None
    tags = [(VirtualKey.kind, str(key.pk)), (Integration.kind, str(key.integration_id))]
    return held_key(key, key.integration), tags


def held_key(key: VirtualKey, integration: Integration) -> HeldKey:
    return HeldKey(
        id=str(key.pk),
        slug=key.slug,
        workspace_id=str(key.workspace_id),
        integration_id=str(integration.pk),
        integration_slug=integration.slug,
        provider=integration.provider,
        credential=integration.credential(),
        passthrough=key.allow_passthrough,
        expires_at=key.expires_at,
        previous=integration.previous_credential(),
        previous_until=integration.previous_until,
    )


shelf = directory.shelf(Kind(VirtualKey.kind, load, heeds=frozenset({VirtualKey.kind, Integration.kind})))
