"""Why a caller is not served, in the words and codes of gateway-behaviour §4.2 (envelope E2).

KeyRefused       the key is the caller's own trouble: unknown, expired, not allowed this
DirectoryAway    we cannot tell who it is just now: never a 401, always worth another try
"""

from rest_framework.exceptions import APIException


class KeyRefused(APIException):
    """`status_code`, `code` and `message` as the client sees them."""

    def __init__(self, status: int, code: str, text: str) -> None:
        self.status_code = status
        self.code = code
        self.message = portkey_text(text, code)
        super().__init__(self.message, code)


class DirectoryAway(APIException):
    """The database did not answer, and the key is not one this process knows. Seconds in `retry_after`."""

    status_code = 503
    code = "033"
    retry_after = 2

    def __init__(self) -> None:
        self.message = portkey_text("Unable to validate key", self.code)
        super().__init__(self.message, self.code)


def portkey_text(text: str, code: str) -> str:
    return f"Portkey Error: {text}. Error Code: {code}"


def unknown_key() -> KeyRefused:
    return KeyRefused(401, "03", "Invalid API Key")


def expired_key() -> KeyRefused:
    return KeyRefused(401, "01", "Portkey API Key Expired")


def forbidden() -> KeyRefused:
    return KeyRefused(403, "033", "Forbidden!")
