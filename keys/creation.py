"""Making and rotating keys, for whoever asks: a command, the management API, the first run."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.utils import timezone

from keys.changes import changing
from keys.models import ApiKey, Integration, VirtualKey, Workspace
from keys.models.virtual_key import new_slug
from keys.scopes import DEFAULT

TRANSITION = timedelta(minutes=30)  # Portkey's default, and the least


def create_api_key(workspace: Workspace, name: str, scopes: Iterable[str] = DEFAULT) -> tuple[ApiKey, str]:
    """A workspace's key and its token, which is not to be had again. Raises ValidationError."""
    key = ApiKey(name=name, workspace=workspace, scopes=sorted(set(scopes)))
    token = key.assign_token()
    with changing(key):
        key.full_clean()
        key.save(force_insert=True)
    return key, token


def rotate_api_key(key: ApiKey, transition: timedelta = TRANSITION) -> str:
    """A new token for this key; the one before works for `transition` longer, half an hour at least.

    Raises ValidationError: during a transition, or for a key that is revoked or has expired.
    """
    if transition < TRANSITION:
        raise ValidationError("The transition takes half an hour at least.")
    with changing(key):
        key.refresh_from_db()  # under the lock of the generation: two at once are not both the first
        token = key.rotate(timezone.now() + transition)
        key.save(update_fields=["digest", "hint", "previous_digest", "previous_until", "updated_at"])
    return token


def create_virtual_key(
    workspace: Workspace,
    name: str,
    *,
    provider: str,
    secret: str,
    slug: str = "",
    custom_host: str = "",
    settings: Mapping[str, str] | None = None,
    passthrough: bool = True,
) -> VirtualKey:
    """A virtual key and the integration it needs, both or neither. Raises ValidationError.

    `secret` may be "" where `custom_host` is a server that asks for no key. `passthrough`: paths the gateway
    does not know go to the provider as they are.
    """
    slug = slug or new_slug(name)
    integration = Integration(
        workspace=workspace,
        name=name,
        slug=slug,
        provider=provider,
        custom_host=custom_host,
        settings=dict(settings or {}),
    )
    integration.hold(secret)
    key = VirtualKey(workspace=workspace, name=name, slug=slug, integration=integration)
    key.allow_passthrough = passthrough
    with changing(integration, key):
        save_new(integration)
        save_new(key)
    return key


def save_new(row: Integration | VirtualKey) -> None:
    row.full_clean()
    row.save(force_insert=True)
