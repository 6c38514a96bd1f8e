"""Chat calls through the SDKs as they are, and what came of each in one form, in Python as in Node.

A call's outcome is a dictionary: `status`, `headers` without Portkey's prefix, `text`, `finish`, and `error`,
the name of what was raised, if anything was. tests/node/hearing.mjs tells the same of Node.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import httpx2
import openai
import pytest
from portkey_ai import Portkey, createHeaders
from portkey_ai._vendor import openai as portkeys_openai  # its client for chat, whose errors its users catch

from tests.servers import ROOT, Gatehouse

NODE = ROOT / "tests" / "node"
PREFIX = "x-portkey-"
ANEW = {"connection": "close"}  # so that the next call can come to another worker
SDKS = ["python", pytest.param("node", marks=pytest.mark.node)]
ERRORS = (openai.APIError, portkeys_openai.APIError)

Came = dict[str, Any]


@dataclass(frozen=True)
class Clients:
    """Clients of one server and one API key, on the same connections."""

    url: str
    api_key: str
    connections: httpx.Client  # to that same base URL
    openais: httpx2.Client  # its own library's

    def portkey(self, **told: Any) -> Portkey:
        return Portkey(api_key=self.api_key, base_url=self.url, http_client=self.connections, **told)

    def openai(self, **told: Any) -> openai.OpenAI:
        """OpenAI's own client, told the same by the headers that Portkey's SDK makes."""
        headers = createHeaders(api_key=self.api_key, **told)  # type: ignore[no-untyped-call]
        return openai.OpenAI(
            api_key=self.api_key,
            base_url=self.url,
            http_client=self.openais,
            default_headers=headers,
            max_retries=0,
        )


@contextmanager
def clients_of(gatehouse: Gatehouse, api_key: str = "") -> Iterator[Clients]:
    """For the block, with the ordinary key unless another is given."""
    base_url = f"{gatehouse.url}/v1"
    with httpx.Client(base_url=base_url) as connections, httpx2.Client() as openais:
        yield Clients(base_url, api_key or gatehouse.api_key, connections, openais)


def heard(client: Any, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Came:
    """What came of one call, with headers of its own."""
    came: Came = {"status": 200, "headers": {}, "text": "", "finish": ""}
    ask = streamed if body.get("stream") else whole
    try:
        ask(client, {**body, "extra_headers": headers}, came)
    except ERRORS as error:
        came |= {"error": type(error).__name__, "text": str(error)}
        if isinstance(error, openai.APIStatusError | portkeys_openai.APIStatusError):
            came |= {"status": error.status_code, "headers": without_prefix(error.response.headers)}
    return came


def streamed(client: Any, asked: dict[str, Any], came: Came) -> None:
    stream = client.chat.completions.create(**asked)
    came["headers"] = without_prefix(stream.response.headers)
    for chunk in stream:
        for choice in chunk.choices:
            came["text"] += choice.delta.content or ""
            came["finish"] = choice.finish_reason or came["finish"]


def whole(client: Any, asked: dict[str, Any], came: Came) -> None:
    if isinstance(client, openai.OpenAI):
        raw = client.chat.completions.with_raw_response.create(**asked)
        answer, came["headers"] = raw.parse(), without_prefix(raw.headers)
    else:
        answer = client.chat.completions.create(**asked)
        came["headers"] = answer.get_headers()
    (choice,) = answer.choices
    came |= {"text": choice.message.content, "finish": choice.finish_reason}


def without_prefix(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix(PREFIX): value for name, value in headers.items()}


@dataclass(frozen=True)
class Step:
    """One of several calls. `told`: what the call is told, in Python's words, its config among it.

    `awaited`: the cache status it is to have, for which it is asked again up to `tries` times.
    """

    trace: str
    told: Mapping[str, Any]
    body: Mapping[str, Any]
    awaited: str = ""
    tries: int = 1


def in_steps(sdk: str, clients: Clients, steps: list[Step]) -> list[Came]:
    """What came of calls that follow one another, by Portkey's SDK for `python` or `node`."""
    if sdk == "python":
        client = clients.portkey()
        return [taken(client, step) for step in steps]
    told = [asdict(step) | {"told": in_nodes_words(step.told)} for step in steps]
    return list(in_node("steps.mjs", baseURL=clients.url, apiKey=clients.api_key, steps=told))


def taken(client: Portkey, step: Step) -> Came:
    for number in range(step.tries):
        named = client.with_options(trace_id=f"{step.trace}-{number}", **step.told)
        came = heard(named, step.body, ANEW)
        if not step.awaited or came["headers"]["cache-status"] == step.awaited:
            break
    return came


def in_node(script: str, **asked: Any) -> Any:
    """What the script tells of what it is asked."""
    done = subprocess.run(
        ["node", script], cwd=NODE, input=json.dumps(asked), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_nodes_words(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a client is told, spelled as Node's SDK has it."""
    return {camel(name): value for name, value in told.items()}


def camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(part.capitalize() for part in more)
