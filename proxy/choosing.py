"""Which config a call follows: the one it brings, else its API key's, else its workspace's, else none.

The errors are those of the account layer and of the validator (gateway-behaviour §1.2), in its words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configs import compiling, saved, schema
from configs.compiling import Invalid, Legacy, NotJSON
from configs.masking import masked
from configs.places import INLINE
from configs.tree import PLAIN, Tree
from keys.callers import Caller
from proxy.call import Headers, utf8
from proxy.errors import InvalidConfig, InvalidRequest, NotBuilt

HEADER = "x-portkey-config"
BEGINNING = "pc-"  # of a saved config's slug
NO_JSON = "Invalid config passed. You need to pass a valid json"
NO_PROVIDER = (
    "Either x-portkey-provider needs to be passed. Or the x-portkey-config header should have a valid "
    "config with provider details in it."
)
NAMING = ("provider", "virtual_key", "virtualKey", "targets")  # members that say whom to call
LEGACY = "This version of config is not supported in this route. Please migrate to the latest version"


@dataclass(frozen=True, slots=True)
class Chosen:
    """A config's tree, and what the record calls it: `slug` is INLINE for one that the request holds.

    `number` and `version` (an id) are a saved one's.
    """

    tree: Tree
    slug: str = ""
    id: str = ""
    version: str = ""
    number: int = 0

    def facts(self) -> dict[str, Any]:
        """What the record tells of it."""
        told: dict[str, Any] = {"config": self.slug, "mode": self.tree.mode}
        if self.slug == INLINE:
            return told | {"config_text": self.tree.shown}
        return told | {"config_id": self.id, "config_version": self.version, "config_number": self.number}


NONE = Chosen(PLAIN)


def chosen(caller: Caller, headers: Headers) -> Chosen:
    """The config of a call. Raises InvalidRequest, NotBuilt, DirectoryAway."""
    given = headers.get(HEADER, "").strip()
    if not given:
        return kept(caller, caller.config) if caller.config else NONE
    if not caller.allow_config_override:
        raise InvalidRequest("Cannot override default config set for this API key.")
    if given.startswith(BEGINNING):
        return kept(caller, given)
    return inline(utf8(given), headers, caller.workspace_id or "")


def kept(caller: Caller, slug: str) -> Chosen:
    """A saved config of the caller's workspace."""
    found = saved.find(caller.workspace_id or "", slug)
    if found is None:
        raise InvalidRequest("Invalid config id passed")
    chosen = Chosen(found.tree, found.slug, found.id, found.version_id, found.version)
    if found.violations:
        raise InvalidConfig([str(violation) for violation in found.violations], chosen.facts())
    return chosen


def inline(text: str, headers: Headers, workspace_id: str) -> Chosen:
    """The config that a header holds."""
    try:
        return Chosen(compiling.compiled(text, of=workspace_id), INLINE)
    except Legacy:
        raise InvalidRequest(LEGACY) from None
    except NotJSON:
        raise InvalidRequest(NO_JSON) from None
    except Invalid as error:
        if not names_anybody(compiling.read(text)) and "x-portkey-provider" not in headers:
            raise InvalidRequest(NO_PROVIDER) from None
        if any(each.message == schema.NOT_BUILT for each in error.violations):
            raise NotBuilt(str(error)) from None
        facts = {"config": INLINE, "config_text": masked(compiling.read(text))}
        raise InvalidConfig([str(violation) for violation in error.violations], facts) from None


def names_anybody(told: Any) -> bool:
    """Whether a config says whom to call, however wrongly."""
    return isinstance(told, Mapping) and any(name in told for name in NAMING)
