"""The path of a request: as routes know it, and as it goes on when it passes through.

SDKs join base URLs and paths in their own ways, and old clients write `/v1/proxy/…`: one form of each path
is looked up, so that no other form of a management path is taken for a provider's.
"""

import re
from collections.abc import Mapping
from typing import Any
from unicodedata import normalize
from urllib.parse import parse_qs, quote, unquote, unquote_to_bytes

from django.utils.encoding import repercent_broken_unicode

from keys import tokens
from keys.management.view import RESERVED
from proxy.errors import InvalidRequest

SLASHES = re.compile(r"/{2,}")
AGAIN = re.compile(r"/v1/(?:v1|proxy)(?=/)")
QUOTED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}", re.ASCII)
WHOLE = re.compile(rf"(?:{QUOTED.pattern})*", re.ASCII)
SAFE = "/~!$&'()*+,;=:@"
QUERY_SAFE = SAFE + "?%[]"
PLANES = ("", "v1", "v2", "proxy")
# What a careless server overlooks in a path: blanks, control and invisible characters, parameters.
OVERSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060\ufeff]+|;[^/]*")
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
    path = given if same and given.startswith("/v1/") else quote(decoded, safe=SAFE, errors="replace")
    query = environ.get("QUERY_STRING", "")
    return path.removeprefix("/v1") + (
        "?" + quote(bare(query).encode("latin-1"), safe=QUERY_SAFE) if query else ""
    )


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
    named = "model=" in query and parse_qs(query).get("model", [""])[0]
    return SLUG.sub(r"\1", query) if named and named.startswith("@") else query
