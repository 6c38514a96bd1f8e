"""The SDKs for Python as their documentation makes them, but for key, virtual key and base URL.

Nothing is asked again, so that an error is quick, and each block closes the connections it opened.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx
import openai
import pytest
from portkey_ai import Portkey
from portkey_ai._vendor import openai as portkeys_openai  # its client for chat, whose errors its users catch

from tests.servers import Gatehouse

# What each SDK raises, by status: portkey-ai brings a copy of openai of its own.
RAISED = {"openai": openai, "portkey": portkeys_openai}


@contextmanager
def portkey_client(gatehouse: Gatehouse, sandbox: str = "", **told: Any) -> Iterator[Portkey]:
    if sandbox:
        told["virtual_key"] = sandbox
    base_url = f"{gatehouse.url}/v1"
    with httpx.Client(base_url=base_url) as connections:
        yield Portkey(api_key=gatehouse.api_key, base_url=base_url, http_client=connections, **told)


def openai_client(gatehouse: Gatehouse, sandbox: str = "") -> openai.OpenAI:
    return openai.OpenAI(
        api_key=gatehouse.api_key,
        base_url=f"{gatehouse.url}/v1",
        default_headers=named(sandbox),
        max_retries=0,
    )


def anthropic_client(
    gatehouse: Gatehouse, sandbox: str = "", base: str = "", credential: str = "api_key"
) -> anthropic.Anthropic:
    """`base` comes after the host; `credential` is the name of the argument that takes the key."""
    return anthropic.Anthropic(
        **{credential: gatehouse.api_key},
        base_url=f"{gatehouse.url}{base}",
        default_headers=named(sandbox),
        max_retries=0,
    )


CLIENTS = {"portkey": portkey_client, "openai": openai_client}


def named(sandbox: str) -> dict[str, str]:
    """The header that names a virtual key."""
    return {"x-portkey-virtual-key": sandbox} if sandbox else {}


def failed(raised: type[Exception], ask: Callable[[], Any]) -> Exception:
    """What was asked failed in this way."""
    with pytest.raises(raised) as caught:
        ask()
    return caught.value
