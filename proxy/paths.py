"""The path of a request: as routes know it, and as it goes on when it passes through.

SDKs join base URLs and paths in their own ways, and old clients write `/v1/proxy/…`: one form of each path
is looked up, so that no other form of a management path is taken for a provider's.
"""

import re
from collections.abc import Mapping
from typing import Any
from unicodedata import normalize
from urllib.parse import quote, unquote, unquote_plus, unquote_to_bytes

from django.utils.encoding import repercent_broken_unicode

from keys import slugs, tokens
from keys.management.view import RESERVED
from proxy.errors import InvalidRequest

SLASHES = re.compile(r"/{2,}")
V1 = re.compile("/v1/")
AGAIN = re.compile(r"/v1/(?:v1|proxy)(?=/)")
QUOTED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}", re.ASCII)
WHOLE = re.compile(rf"(?:{QUOTED.pattern})*", re.ASCII)
SAFE = "/~!$&'()*+,;=:@"
QUERY_SAFE = SAFE + "?%[]"
PLANES = ("", "v1", "v2", "proxy")
# What a careless server overlooks in a path: blanks, control and invisible characters, parameters.
OVERSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060\ufeff]+|;[^/]*")
KEYED = re.compile(r"/v1/models/(?:@|%40)(?:[^/%]|%(?!2F)..)+(?:/|%2F)(?=.)", re.IGNORECASE)
SLUG = re.compile(r"((?:^|&)model=)(?:@|%40)[^&/%]+(?:/|%2F)", re.IGNORECASE)


def plain(path: str) -> str:
    """The path with single slashes, and `/v1` said once."""
    if "//" in path:
        path = SLASHES.sub("/", path)
    while path.startswith(("/v1/v1/", "/v1/proxy/")):
        path = AGAIN.sub("/v1", path, count=1)
    return path


def below(environ: Mapping[str, Any]) -> str:
    """What follows `/v1`, with its query, as it goes to a provider: quoted as the client quoted it.

    Raises InvalidRequest for what is not to go to any provider.
    """
    decoded = plain(environ["PATH_INFO"])  # as Django has it there: decoded from UTF-8
    check(decoded, environ.get("QUERY_STRING", ""))
    given = plain(str(environ.get("RAW_URI", "")).partition("?")[0])
    same = WHOLE.fullmatch(given) and plain(read(given)) == decoded
    keyed = slugs.in_path(environ.get("REQUEST_METHOD", "POST"), decoded)[0]
    if not same or not (KEYED if keyed else V1).match(given):
        given = quote(decoded, safe=SAFE, errors="replace")
    path = KEYED.sub(slugs.MODEL, given, count=1) if keyed else given
    return path.removeprefix("/v1") + following(bare(environ.get("QUERY_STRING", "")))


def listing(environ: Mapping[str, Any]) -> str:
    """What follows `/v1` where a provider is asked for its models: the client's query, without what is ours.

    Raises InvalidRequest for a query that is not to go to any provider.
    """
    query = environ.get("QUERY_STRING", "")
    check("", query)
    return "/models" + following("&".join(part for part in query.split("&") if part and not is_ours(part)))


def is_ours(parameter: str) -> bool:
    """Whether a parameter is the gateway's: `pretty`, and a `model` that names a virtual key."""
    name, _, value = parameter.partition("=")
    name = unquote_plus(name)
    return name == "pretty" or (name == "model" and bool(slugs.split(unquote_plus(value))[0]))


def named(environ: Mapping[str, Any]) -> tuple[str, str]:
    """The virtual key that an address names before a model, and the model; "" for what it does not name."""
    slug, model = slugs.in_path(environ.get("REQUEST_METHOD", "POST"), plain(environ["PATH_INFO"]))
    return (slug, model) if slug else slugs.in_query(environ.get("QUERY_STRING", ""))


def check(decoded: str, query: str) -> None:
    """Refuse a path that climbs or is the management API's, however it is spelled, and a key of ours."""
    segments = carelessly(decoded)
    if {".", ".."} & set(segments):
        raise InvalidRequest("A path with . or .. in it cannot be passed on.")
    if next((segment for segment in segments if segment not in PLANES), "") in RESERVED:
        raise InvalidRequest("A path of the management API, oddly spelled, cannot be passed on.")
    if tokens.FORM.search(decoded) or tokens.FORM.search(unquote(query)):
        raise InvalidRequest("An API key of the gateway belongs into a header: an address is passed on.")


def carelessly(decoded: str) -> list[str]:
    """The segments of a path as the least careful server might read them."""
    path = normalize("NFKC", unquote(unquote(decoded))).replace("\\", "/")
    return OVERSEEN.sub("", path).casefold().split("/")


def read(quoted: str) -> str:
    """A quoted path as Django reads it: what is no UTF-8 stays quoted."""
    return repercent_broken_unicode(unquote_to_bytes(quoted)).decode()


def bare(query: str) -> str:
    """The query with the model's bare name, where a virtual key was named before it."""
    return SLUG.sub(r"\1", query) if slugs.in_query(query)[0] else query


def following(query: str) -> str:
    """A query as it follows a path, if there is one; bytes beyond ASCII are quoted."""
    return "?" + quote(query.encode("latin-1"), safe=QUERY_SAFE) if query else ""
