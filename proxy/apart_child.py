"""The process in which large bodies are read and written; proxy/apart.py is its other end.

It knows providers/, what a config does to parameters and the parser, no Django, no credential and no
network. Standard input is a socket on which pieces of work come and results go back. It ends when the other
end is closed.
"""

import resource
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeAlias

import orjson

from configs.parameters import laid_over
from providers import overhearing, passing
from providers.catalog import PROVIDERS
from providers.errors import ProviderError
from providers.json_text import dumps, loads_strictly
from providers.types import JSON, Ask, Reading

Bytes: TypeAlias = bytes | bytearray
Result: TypeAlias = tuple[JSON, list[Bytes]]

ROOM = 128 * 1024  # bytes of the top level that the worker is told, since it has to parse them
FIRST = {"model", "stream", "stream_options", "response_format", "tool_choice"}
SLICE = 256 * 1024
GIVEN = 1e-6  # seconds, in a worker a turn of the others (proxy/turns.py)
COUNTS = struct.Struct("!IQQ")  # lengths of the head and of two parts


def main() -> None:
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    line = socket.socket(fileno=sys.stdin.fileno())
    while True:
        try:
            head, parts = receive(line)
        except EOFError:
            return
        told, answered = done(orjson.loads(head), parts)
        del parts
        send(line, orjson.dumps(told), answered)


def done(head: JSON, parts: list[bytearray]) -> Result:
    """The result of one piece of work; every failure is told."""
    try:
        return WORK[head["do"]](head, parts)
    except ProviderError as error:
        return {"raised": type(error).__name__, "message": error.message}, []
    except (MemoryError, RecursionError):
        return {"memory": True}, []


def parse(head: JSON, parts: list[bytearray]) -> Result:
    try:
        value = loads_strictly(parts[0])
    except ValueError as error:
        return {"refused": f"The body is not JSON: {error}."}, []
    if not isinstance(value, dict):
        return {"refused": "The body must be a JSON object."}, []
    return {"shallow": short(value)}, []


def short(value: JSON) -> JSON:
    """What of the top level the worker is told: the model, then what is short, as far as the room goes."""
    told, room = {}, ROOM
    for name in sorted(value, key=lambda name: name not in FIRST):
        size = len(name) + len(dumps(value[name]))
        if size <= room:
            told[name] = value[name]
            room -= size
    return told


def request(head: JSON, parts: list[bytearray]) -> Result:
    provider, asked = PROVIDERS[head["provider"]], ask(head, parts[0])
    body, ignored = provider.operation(head["fn"], asked.model).format.body(provider, asked)
    return {"ignored": ignored}, [body]


def answer(head: JSON, parts: list[bytearray]) -> Result:
    reading = Reading()
    body = PROVIDERS[head["provider"]].answer(head["fn"], ask(head, parts[0]), bytes(parts[1]), reading)
    return learnt(reading), [body]


def overhear(head: JSON, parts: list[bytearray]) -> Result:
    reading = Reading()
    overhearing.answer(head["provider"], parts[0], reading)
    return learnt(reading), []


def relabel(head: JSON, parts: list[bytearray]) -> Result:
    raw = bytes(parts[0])
    return {}, [passing.relabelled(Ask("", loads_strictly(raw), raw, head["model"]))]


def change(head: JSON, parts: list[bytearray]) -> Result:
    drop = tuple(tuple(path) for path in head["drop"])
    body = laid_over(loads_strictly(parts[0]), head["default"], head["override"], drop)
    return {"shallow": short(body)}, [dumps(body)]


def learnt(reading: Reading) -> JSON:
    usage = asdict(reading.usage) if reading.usage else None
    problem = asdict(reading.problem) if reading.problem else None
    told = {"model": reading.model, "finish": reading.finish, "models": reading.models}
    return {**told, "usage": usage, "problem": problem}


def ask(head: JSON, raw: bytearray) -> Ask:
    body, content = loads_strictly(raw), bytes(raw)
    path, host = head["path"], head["custom_host"]
    return Ask(head["dialect"], body, content, head["model"], head["strict"], path=path, custom_host=host)


Work: TypeAlias = Callable[[JSON, list[bytearray]], Result]
WORK: dict[str, Work] = {
    "parse": parse,
    "request": request,
    "answer": answer,
    "relabel": relabel,
    "change": change,
    "overhear": overhear,
}


def send(line: socket.socket, head: bytes, parts: list[Bytes]) -> None:
    """A head and at most two parts, a slice at a time."""
    sizes = [len(part) for part in parts] + [0, 0]
    line.sendall(COUNTS.pack(len(head), sizes[0], sizes[1]) + head)
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), SLICE):
            line.sendall(view[start : start + SLICE])
            time.sleep(GIVEN)  # a quick reader would let the sender go on and on


def receive(line: socket.socket) -> tuple[bytearray, list[bytearray]]:
    """What `send` sent: always two parts, empty ones included. Raises EOFError if the other end is gone."""
    head, *parts = COUNTS.unpack(exactly(line, COUNTS.size))
    return exactly(line, head), [exactly(line, size) for size in parts]


def exactly(line: socket.socket, size: int) -> bytearray:
    content = bytearray(size)
    view = memoryview(content)
    at = 0
    while at < size:
        got = line.recv_into(view[at : at + SLICE])
        if not got:
            raise EOFError
        at += got
        if size > SLICE:
            time.sleep(GIVEN)
    return content


if __name__ == "__main__":
    main()
