"""Large bodies are read and written in a process of their own.

A JSON parser holds the interpreter's lock from the first byte to the last: 20 MB cost 0.1 s as one text and
5 s as nested lists, and for that long no other call of the worker would move. So what is larger than LARGE
goes, slice by slice, to a child that does the same pure work on it (proxy/apart_child.py) and sends back
what the call needs. Children are started when needed, at most AT_MOST for each worker, and leave when idle.
"""

import atexit
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import orjson
from rest_framework.exceptions import ParseError

from configs.slots import Slots
from configs.tree import Settings
from providers import errors as provider_errors
from providers.errors import Garbled, ProviderError
from providers.json_text import dumps
from providers.types import JSON, Ask, Credential, Problem, Provider, Reading, Usage, WireRequest
from proxy import watch
from proxy.apart_child import Bytes, receive, send
from proxy.errors import BodyTooComplex

LARGE = 512 * 1024  # bytes; what is smaller is parsed in a few milliseconds
AT_MOST = 4
IDLE_SECONDS = 30.0
SECONDS = 30.0  # that a child may work without a word
MEMORY = 2 << 30  # bytes a child may have; a body that needs more is refused
ROOT = Path(__file__).resolve().parent.parent


def is_large(content: Bytes) -> bool:
    return len(content) > LARGE


def parse(raw: Bytes) -> JSON:
    """The body's top level, without what is long in it. Raises ParseError, as proxy/body.py does."""
    told, _ = asked({"do": "parse"}, [raw])
    if "refused" in told:
        raise ParseError(told["refused"])
    shallow: JSON = told["shallow"]
    return shallow


def request(provider: Provider, fn: str, ask: Ask, raw: Bytes, credential: Credential) -> WireRequest:
    """Provider.request for a large body. Raises what that raises."""
    told, parts = asked({"do": "request", **named(provider, fn, ask)}, [raw])
    reraise(told)
    return provider.addressed(fn, ask, credential, parts[0], tuple(told["ignored"]))


def answer(provider: Provider, fn: str, ask: Ask, received: Bytes, reading: Reading) -> Bytes:
    """Provider.answer for a large answer. Raises Garbled."""
    try:
        told, parts = asked({"do": "answer", **named(provider, fn, ask)}, [dumps(ask.body), received])
    except BodyTooComplex:
        raise Garbled(f"{provider.name} sent an answer that is too complex to be read.") from None
    reraise(told)
    learn(told, reading)
    reading.content = reading.ended = True
    return parts[0]


def relabelled(raw: Bytes, model: str) -> Bytes:
    """A large JSON body with another model's name."""
    _, parts = asked({"do": "relabel", "model": model}, [raw])
    return parts[0]


def changed(raw: Bytes, settings: Settings) -> tuple[JSON, Bytes]:
    """A large JSON body with the parameters a config gives it: what is short of its top level, and all."""
    head = {"do": "change", "default": settings.default, "override": settings.override}
    told, parts = asked({**head, "drop": settings.drop}, [raw])
    return told["shallow"], parts[0]


def overhear(provider: Provider, received: Bytes, reading: Reading) -> None:
    """overhearing.answer for a large one; of one that is too large to be read nothing is told."""
    try:
        told, _ = asked({"do": "overhear", "provider": provider.slug}, [received])
    except BodyTooComplex:
        return
    learn(told, reading)


def learn(told: JSON, reading: Reading) -> None:
    """What a child has learnt of an answer."""
    reading.model, reading.finish = told["model"], told["finish"]
    reading.usage = Usage(**told["usage"]) if told["usage"] else None
    reading.models = tuple(told["models"])
    reading.problem = Problem(**told["problem"]) if told["problem"] else None


def named(provider: Provider, fn: str, ask: Ask) -> JSON:
    """What a child needs to know of a call beside its bytes."""
    return {
        "provider": provider.slug,
        "fn": fn,
        "dialect": ask.dialect,
        "model": ask.model,
        "strict": ask.strict,
        "path": ask.path,
        "custom_host": ask.custom_host,
    }


def reraise(told: JSON) -> None:
    """Raise here what was raised there."""
    if "raised" in told:
        kind: type[ProviderError] = getattr(provider_errors, told["raised"], Garbled)
        raise kind(told["message"])


class Child:
    """One process; it serves one piece of work at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "proxy.apart_child", str(MEMORY)]
        self.process = subprocess.Popen(command, stdin=theirs.fileno(), cwd=ROOT)
        theirs.close()
        self.socket = ours
        self.idle_since = 0.0

    def work(self, head: JSON, parts: Iterable[Bytes]) -> tuple[JSON, list[bytearray]]:
        self.socket.settimeout(SECONDS)
        send(self.socket, dumps(head), list(parts))
        told, answered = receive(self.socket)
        return orjson.loads(told), answered

    def end(self) -> None:
        self.socket.close()
        self.process.kill()
        self.process.wait()


idle: list[Child] = []
slots = Slots(AT_MOST)


def asked(head: JSON, parts: Iterable[Bytes]) -> tuple[JSON, list[bytearray]]:
    """Have a child do it. Raises BodyTooComplex if it ran out of memory or time over it."""
    watched = watch.current()
    with slots.taken(watched.whose if watched else ""):
        child = idle.pop() if idle else Child()
        try:
            told, answered = child.work(head, parts)
        except (OSError, EOFError) as error:
            child.end()
            raise BodyTooComplex from error
        except BaseException:
            child.end()
            raise
        child.idle_since = time.monotonic()
        idle.append(child)
        sweep()
    if "memory" in told:
        raise BodyTooComplex
    return told, answered


sweeping = threading.Event()


def sweep() -> None:
    """See to it that children which are no longer needed leave: one look is due as long as there are any."""
    if not sweeping.is_set():
        sweeping.set()
        timer = threading.Timer(IDLE_SECONDS, look)
        timer.daemon = True
        timer.start()


def look() -> None:
    sweeping.clear()
    leave()
    if idle:
        sweep()


def leave(after: float = IDLE_SECONDS) -> None:
    """End the children that have had nothing to do for so many seconds."""
    now = time.monotonic()
    for child in [child for child in idle if now - child.idle_since >= after]:
        idle.remove(child)
        child.end()


atexit.register(leave, after=0)
