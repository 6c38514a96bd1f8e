"""A provider's answer without the credential it was asked with: some echo the request they refuse.

It is taken out of the bytes as they arrive, before anything reads, keeps or passes them on. A short one is
a placeholder for a server that wants no key ("none", "EMPTY") and stands in ordinary text: it is left there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import quote

from keys import tokens
from providers.json_text import dumps

HIDDEN = "*****"


def is_secret(secret: str) -> bool:
    return len(secret) >= tokens.SHOWN_FROM


def spellings(secret: str) -> tuple[str, ...]:
    """The secret, as it is and as those write it who echo it in JSON or in a URL; () if it is none.

    Nearly all have one spelling.
    """
    if not is_secret(secret):
        return ()
    if secret.isascii() and secret.replace("-", "").replace("_", "").isalnum():
        return (secret,)
    in_json = dumps(secret)[1:-1].decode()
    by_php, by_dotnet, by_gson = (
        in_json.replace(sign, escaped) for sign, escaped in (("/", "\\/"), ("+", "\\u002B"), ("=", "\\u003d"))
    )
    return tuple(
        dict.fromkeys((secret, in_json, by_php, by_dotnet, by_gson, quote(secret), quote(secret, safe="")))
    )


def masked(arriving: Iterator[bytes], secrets: Sequence[str]) -> Iterator[bytes]:
    """The same bytes without any of these."""
    for secret in secrets:
        arriving = chunks(arriving, secret)
    return arriving


def hint(spelled: str) -> str:
    """What is shown in a secret's place: no piece of an escape, which would break the JSON around it."""
    return HIDDEN if "\\" in spelled or "%" in spelled else tokens.hint(spelled)


def chunks(arriving: Iterable[bytes], secret: str) -> Iterator[bytes]:
    """The same bytes with the secret masked, also where it was cut between two. A pause (b"") stays one."""
    hidden, mask = secret.encode(), hint(secret).encode()
    held = b""
    for chunk in arriving:
        if not chunk:
            yield b""
            continue
        if held:
            chunk, held = held + chunk, b""
        if hidden in chunk:
            chunk = chunk.replace(hidden, mask)
        if chunk[-1] in hidden and (begun := beginning(chunk, hidden)):
            chunk, held = chunk[:-begun], chunk[-begun:]
        if chunk:
            yield chunk
    if held:
        yield held


def beginning(chunk: bytes, hidden: bytes) -> int:
    """How many of the last bytes may be the beginning of the secret."""
    longest = min(len(hidden) - 1, len(chunk))
    return next((size for size in range(longest, 0, -1) if chunk.endswith(hidden[:size])), 0)


def headers(answered: Mapping[str, str], secret: str) -> dict[str, str]:
    """Without a header that is named after the secret, for what is in a name cannot be masked."""
    named = secret.lower()
    if named not in "\n".join((*answered, *answered.values())).lower():  # as nearly always
        return dict(answered)
    shown = hint(secret)
    return {name: value.replace(secret, shown) for name, value in answered.items() if named not in name}


def text(said: str, secret: str) -> str:
    return said.replace(secret, hint(secret))
