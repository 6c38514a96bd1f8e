"""A config as it is followed: frozen values, with everything that is inherited worked out.

configs/compiling.py makes them of a config's text, proxy/routing.py walks them. Paths are those that
`x-portkey-last-used-option-index` tells: `config`, `config.targets[0]`, …; times are in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from configs.conditions import Query

JSON: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a target is asked again: at most `attempts` times more, after an answer of these statuses."""

    attempts: int
    codes: frozenset[int]
    heeds_retry_after: bool = False


@dataclass(frozen=True, slots=True)
class CacheRule:
    """Whether answers are kept, by exact match (`simple`) or by likeness too (`semantic`), and how long."""

    mode: str
    max_age: int | None = None  # None: the usual


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a target that fails is left alone, and for how long since its first failure.

    `failures`: so many of them; `percentage`: so many of a hundred, once there were `least` calls. A failure
    has one of these statuses, or without such a list one of 500 and above.
    """

    cooldown: float
    failures: int | None = None
    percentage: float | None = None
    least: int = 5
    codes: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Sticky:
    """By what a call is known again: the API key, and the values of these fields. `ttl`: of a choice."""

    fields: tuple[tuple[str, str], ...] = ()  # ("metadata", "user") …
    ttl: int = 300


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a target, its own and inherited; None where nothing was said."""

    override: JSON = field(default_factory=dict)
    default: JSON = field(default_factory=dict)
    drop: tuple[tuple[str | int, ...], ...] = ()
    retry: Retry | None = None
    cache: CacheRule | None = None
    timeout: float | None = None
    custom_host: str = ""
    forward: tuple[str, ...] | None = None
    strict: bool | None = None

    @property
    def changes_body(self) -> bool:
        return bool(self.override or self.default or self.drop)


NO_SETTINGS = Settings()


@dataclass(frozen=True, slots=True)
class Target:
    """A leaf: whom to call, and how.

    `asked`: the provider is the one that the request names; else it is the virtual key of this slug, or
    the provider of this id with `api_key`. Where there is neither, nobody can be called.
    """

    path: str = "config"
    name: str = ""
    provider: str = ""
    virtual_key: str = ""
    api_key: str = field(default="", repr=False)
    provider_settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    asked: bool = False
    settings: Settings = NO_SETTINGS
    breaker: BreakerRule | None = None


@dataclass(frozen=True, slots=True)
class Single:
    path: str
    targets: tuple["Node", ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Fallback:
    """One target after the other. `codes`: the statuses after which the next is tried; None: all but 2xx."""

    path: str
    targets: tuple["Node", ...]
    codes: frozenset[int] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class LoadBalance:
    path: str
    targets: tuple["Node", ...]
    weights: tuple[float, ...]
    sticky: Sticky | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Conditional:
    """The first query that holds says by name which target; without one, `default` does."""

    path: str
    targets: tuple["Node", ...]
    conditions: tuple[tuple[Query, str], ...] | None  # None: there are none at all, which is an error
    default: str = ""
    name: str = ""


Strategy: TypeAlias = Single | Fallback | LoadBalance | Conditional
Node: TypeAlias = Target | Strategy


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole config. `digest` is of its text, `shown` what may be shown of that.

    `slugs`: the virtual keys it names; `mode`: its root's.
    """

    root: Node
    digest: str = ""
    shown: str = field(default="", repr=False, kw_only=True)
    slugs: tuple[str, ...] = ()
    leaves: int = 1
    has_breakers: bool = False
    lists_own_models: bool = False  # a list of models is the gateway's own, whoever is named

    @property
    def mode(self) -> str:
        """The strategy at the root, in Portkey's word."""
        return MODES[type(self.root)]

    @property
    def bare(self) -> bool:
        """Whether it says nothing of whom to call: it is laid over what the request names."""
        return isinstance(self.root, Target) and self.root.asked


MODES: dict[type, str] = {
    Target: "single",
    Single: "single",
    Fallback: "fallback",
    LoadBalance: "loadbalance",
    Conditional: "conditional",
}
PLAIN = Tree(Target(asked=True))  # of a call without a config
