"""A config as it may be kept and shown: without the credentials that one in a request may hold.

Members that a config can have are shown as what they are; of one that nobody reads only its name is. What is
in parameters and conditions is its provider's or its client's own, and is masked where a name says that it is
secret. Nothing is looked at that comes after what is kept.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from configs import fields, hints
from configs.written import Array, Object, written
from keys import tokens

LONGEST = 8 * 1024  # characters that are kept
LONGEST_NAME = 40  # characters of a member's name, where nobody knows it
LONGEST_TOLD = 100  # characters of a parameter's name that is taken for one
HIDDEN = "*****"
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")

# Names of parameters.
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
SECRET = re.compile(  # in a name without all that is neither letter nor digit
    r"apikey|accesskey|privatekey|secret|passw|passphrase|credential|authori[sz]ation|bearer"
    r"|(?:access|auth|session|security|refresh|id)token"
)
SECRET_WORDS = {"auth", "pem", "pwd", "cookie", "cookies", "jwt"}
MAYBE = {"key", "keys", "token", "tokens"}
HARMLESS = {
    "max",
    "min",
    "budget",
    "count",
    "cache",
    "stop",
    "special",
    "eos",
    "bos",
    "pad",
    "unk",
    "id",
    "ids",
}
SCHEMA_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}

Show: TypeAlias = Callable[[Any], Any]


def masked(config: Mapping[str, Any]) -> str:
    """The config in its sender's own spelling, cut where it is long."""
    return written(shown(config, NODE), LONGEST)[:LONGEST]


def shown(value: Any, members: Mapping[str, Show]) -> Any:
    """An object of which these members are known, each with how it is shown."""
    if not isinstance(value, Mapping):
        return hidden(value)
    return Object(member(name, inner, members) for name, inner in value.items())


def member(name: str, value: Any, members: Mapping[str, Show]) -> tuple[str, Any]:
    told = spelled(name) if len(name) <= LONGEST_NAME else ""
    if (show := members.get(told)) is not None:
        return name, show(value)
    is_name = fields.is_setting(told) or (told and not hints.may_be_secret(name))
    return name if is_name else tokens.hint(name), hidden(value)


@lru_cache(maxsize=1024)
def spelled(name: str) -> str:
    """As rules name a member, and the configs that are followed (configs/fields.py)."""
    return fields.CAPITAL.sub(lambda found: "_" + found[1].lower(), name)


def hidden(value: Any) -> Any:
    """Of a text a hint; yes, no and nothing are no secrets."""
    if isinstance(value, str):
        return tokens.hint(value)
    return value if value is None or isinstance(value, bool) else HIDDEN


# Members of a config.


def plain(value: Any) -> Any:
    """What is no object and holds none. A name that looks like a key may be one in a wrong place."""
    if isinstance(value, list):
        return Array(map(plain, value))
    if isinstance(value, str):
        return tokens.hint(value) if hints.is_random(value) else value
    return hidden(value) if isinstance(value, Mapping) else value


def every(value: Any, *, show: Show) -> Any:
    return Array(map(show, value)) if isinstance(value, list) else hidden(value)


def slug(value: Any) -> Any:
    return hints.slug(value) if isinstance(value, str) else hidden(value)


def host(value: Any) -> Any:
    """An address without who is named in it, its query, and what of its path may be a secret."""
    try:
        told = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        return hidden(value)
    where = told.netloc.rpartition("@")[2]
    if not told.scheme or not HOST.fullmatch(where):
        return hidden(value)
    path = "/".join(map(hints.slug, told.path.split("/")))
    return f"{told.scheme}://{where}{path}{'?' + HIDDEN if told.query or told.fragment else ''}"


# Parameters and conditions.


def asked(value: Any) -> Any:
    """A condition. It says itself what it asks about; what looks like a key may be one in a wrong place."""
    if isinstance(value, list):
        return Array(map(asked, value))
    if isinstance(value, Mapping):
        return Object((plain(name), asked(inner)) for name, inner in value.items())
    return plain(value)


def parameters(value: Any) -> Any:
    if isinstance(value, list):
        return Array(map(parameters, value))
    if not isinstance(value, Mapping):
        return value
    return Object((name, parameter(name, inner)) for name, inner in value.items())


def parameter(name: str, value: Any) -> Any:
    if name == "model" and isinstance(value, str) and value.startswith("@"):
        whose, slash, model = value[1:].partition("/")
        return f"@{hints.slug(whose)}{slash}{model}"
    if len(name) > LONGEST_TOLD or is_secret(name):
        return buried(value)
    return parameters(value)


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether a parameter of that name may hold a credential, which `max_tokens` does not."""
    words = {word.lower() for word in WORD.findall(name)}
    if SECRET.search("".join(each for each in name.lower() if each.isalnum())) or words & SECRET_WORDS:
        return True
    return bool(words & MAYBE) and not words & HARMLESS


def buried(value: Any) -> Any:
    """What stands below a secret's name. Numbers are counts; a schema says what may be there one day."""
    if isinstance(value, str):
        return tokens.hint(value)
    if isinstance(value, list):
        return Array(map(buried, value))
    if isinstance(value, Mapping):
        is_schema = str(value.get("type")) in SCHEMA_TYPES
        return (
            parameters(value) if is_schema else Object((name, buried(each)) for name, each in value.items())
        )
    return value


def known(names: set[str], **more: Show) -> dict[str, Show]:
    return {name: more.get(name, plain) for name in names}


def strategy(value: Any) -> Any:
    return shown(value, STRATEGY)


def node(value: Any) -> Any:
    return shown(value, NODE)


STRATEGY = known(
    fields.STRATEGY,
    conditions=asked,
    sticky=partial(shown, members=known(fields.STICKY)),
    cb_config=partial(shown, members=known(fields.BREAKER)),
)
NODE = known(
    {*fields.NODE, *fields.UNBUILT},
    strategy=strategy,
    targets=partial(every, show=node),
    provider=slug,
    virtual_key=slug,
    api_key=hidden,
    custom_host=host,
    retry=partial(shown, members=known(fields.RETRY)),
    cache=partial(shown, members=known(fields.CACHE)),
    override_params=parameters,
    default_params=parameters,
)
"""What a node may have. Providers' settings are not among it: each of them is hidden, whatever its name."""
