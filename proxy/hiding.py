"""A provider's answer without the credential it was asked with: some echo the request they refuse.

It is taken out of the bytes as they arrive, before anything reads, keeps or passes them on.
"""

from collections.abc import Iterable, Iterator, Mapping


def chunks(arriving: Iterable[bytes], secret: str) -> Iterator[bytes]:
    """The same bytes with the secret masked, also where it was cut between two. A pause (b"") stays one."""
    hidden, mask = secret.encode(), masked(secret).encode()
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
    return {name: value.replace(secret, masked(secret)) for name, value in answered.items()}


def masked(secret: str) -> str:
    """Enough of it to be known by whoever has it."""
    return f"{secret[:2]}********{secret[-3:]}" if len(secret) > 12 else "********"
