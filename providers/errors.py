"""What can go wrong between the gateway and a provider.

ProviderError
├── NotSupported         the provider cannot do this; no request was sent
├── Unrenderable         what the client asked cannot be put in the provider's words; no request was sent
├── Unreachable          no answer: connection refused, DNS, TLS
│   └── TimedOut         no answer in time
└── Garbled              the provider answered, and we could not read it

`status` is what a caller (a config's list of codes, the client) is told, as Portkey tells it; `retryable`
is the default where nothing says otherwise. A message names what happened, to whom and what would help;
never a secret.
"""

from typing import ClassVar


class ProviderError(Exception):
    """Any failure on the way to a provider and back."""

    code: ClassVar[str] = "provider_error"
    retryable: ClassVar[bool] = False
    status: int = 500

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status


class NotSupported(ProviderError):
    code = "not_supported"
    status = 500


class Unrenderable(ProviderError):
    code = "invalid_request"
    status = 400


class Unreachable(ProviderError):
    code = "provider_unreachable"
    retryable = True
    status = 500


class TimedOut(Unreachable):
    code = "timed_out"
    status = 408


class Garbled(ProviderError):
    code = "invalid_response"
    status = 500
