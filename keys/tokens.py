"""API keys as text: what they look like, what is kept of them, and how any secret is hinted at.

A token is 256 random bits, so a single SHA-256 of it is enough to keep: there is nothing to guess.
"""

import hashlib
import re
import secrets

PREFIX = "gh-"
LENGTH = len(PREFIX) + 43
FORM = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]{43}")
SHOWN_FROM = 12  # a shorter secret would be half given away by its hint


def new() -> str:
    """A token nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether `text` has the form of our tokens; nothing else is ever looked up."""
    return len(text) == LENGTH and FORM.fullmatch(text) is not None


def digest(token: str) -> str:
    """What is kept of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def hint(secret: str) -> str:
    """A secret as it may be shown: its first two and last three characters (control-plane, 2.4)."""
    return f"{secret[:2]}*****{secret[-3:]}" if len(secret) >= SHOWN_FROM else "*****"
