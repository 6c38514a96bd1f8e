"""The virtual key of a leaf as it is by now: a call may have waited long, and a grace been ended, a key
switched off, moved or a secret replaced meanwhile.
"""

from dataclasses import replace
from datetime import UTC, datetime

from keys import virtual_keys
from keys.errors import DirectoryAway
from keys.virtual_keys import HeldKey
from proxy.targets import Leaf


def known_now(held: HeldKey) -> HeldKey | None:
    """The same key as the directory has it now; None if gone or moved. Raises DirectoryAway."""
    now = virtual_keys.find(held.workspace_id, held.slug)
    if now is None or (now.integration_id, now.provider) != (held.integration_id, held.provider):
        return None
    return now


def after_waiting(leaf: Leaf) -> Leaf | None:
    """The leaf with its key as it is now, if that can be told; None if it is not to be used any more."""
    if leaf.held is None:
        return leaf
    try:
        now = known_now(leaf.held)
    except DirectoryAway:
        return leaf
    return None if now is None else replace(leaf, held=now, credential=now.credential)


def with_other_credential(leaf: Leaf) -> Leaf | None:
    """The leaf with what its key holds beside the credential that was refused; None if there is nothing."""
    try:
        now = None if leaf.held is None else known_now(leaf.held)
    except DirectoryAway:
        return None
    if now is None:
        return None
    if now.credential != leaf.credential:
        return replace(leaf, held=now, credential=now.credential)
    if now.previous is None or now.previous_until is None or now.previous_until <= datetime.now(UTC):
        return None
    return replace(leaf, held=now, credential=now.previous)
